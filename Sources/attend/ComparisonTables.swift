import Foundation
import Seq2Seq

/// A comparison in plain text: a column for each model.
struct ComparisonTables {
  private let comparison: ModelComparison

  init(_ comparison: ModelComparison) { self.comparison = comparison }

  var text: String {
    let tables = [
      errors("sequence error rate, %", \.sequenceErrorRate), errors("token error rate, %", \.tokenErrorRate),
      gradients,
    ]
    return tables.joined(separator: "\n")
  }

  private var buckets: [ModelComparison.Bucket] { comparison.models.first?.buckets ?? [] }

  private func errors(_ title: String, _ rate: (Evaluation) -> Double) -> String {
    let rows = buckets.enumerated().map { index, bucket in
      [bucket.label, Format.count(bucket.evaluation.examples)]
        + comparison.models.map { Format.decimals(100 * rate($0.buckets[index].evaluation), 2) }
    }
    return Self.table(title, ["source tokens", "examples"] + names, rows)
  }

  /// Through the longest sources.
  private var gradients: String {
    guard let longest = buckets.last, let parts = comparison.models.first?.gradient?.ratios.count else {
      return ""
    }
    let rows = (0..<parts).map { part in
      ["\(part + 1) of \(parts)"]
        + comparison.models.map { model in
          model.gradient.flatMap { $0.sentences > 0 ? Format.decimals($0.ratios[part], 3) : nil } ?? "–"
        }
    }
    return Self.table(
      "gradient at its own place in the source, of \(longest.label) tokens, times the mean",
      ["part of the target"] + names, rows)
  }

  private var names: [String] { comparison.models.map(\.name) }

  /// Columns two spaces apart, all but the first aligned at their ends.
  private static func table(_ title: String, _ heads: [String], _ rows: [[String]]) -> String {
    let lines = [heads] + rows
    let widths = heads.indices.map { column in lines.map { $0[column].count }.max()! }
    let text = lines.map { line in
      line.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + space : space + cell
      }.joined(separator: "  ")
    }
    return ([title] + text).map { $0 + "\n" }.joined()
  }
}

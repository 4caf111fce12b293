import Foundation
import Seq2Seq

/// A comparison in plain text: a column for each model.
struct ComparisonTables {
  private let comparison: ModelComparison

  init(_ comparison: ModelComparison) { self.comparison = comparison }

  var text: String {
    let tables = [
      errors("sequence error rate, %", \.sequenceErrorRate), errors("token error rate, %", \.tokenErrorRate),
      gradients(
        "gradient at each place of the source before training, thousandths", "source", \.untrainedGradient,
        \.sizes, scale: 1000),
      gradients("the same after it", "source", \.gradient, \.sizes, scale: 1000),
      gradients(
        "gradient of each token at its own place in the source, times the mean", "target", \.gradient,
        \.ratios),
    ]
    return tables.joined(separator: "\n")
  }

  private var buckets: [ModelComparison.Bucket] { comparison.models.first?.buckets ?? [] }

  private func errors(_ title: String, _ rate: (Evaluation) -> Double) -> String {
    let rows = buckets.enumerated().map { index, bucket in
      [bucket.label, Format.count(bucket.evaluation.examples)]
        + comparison.models.map { Format.decimals(100 * rate($0.buckets[index].evaluation), 2) }
    }
    return Self.table(title, ["source length", "examples"] + names, rows)
  }

  /// Of the longest sources; `values` are those of the parts of a sentence, in its order.
  private func gradients(
    _ title: String, _ side: String, _ gradient: (ModelComparison.Model) -> SourceGradient?,
    _ values: (SourceGradient) -> [Double], scale: Double = 1
  ) -> String {
    guard let longest = buckets.last else { return "" }
    let columns = comparison.models.map { model in
      gradient(model).map { $0.sentences > 0 ? values($0).map { scale * $0 } : [] } ?? []
    }
    let parts = columns.map(\.count).max() ?? 0
    let rows = (0..<parts).map { part in
      ["\(part + 1) of \(parts)"]
        + columns.map { $0.indices.contains(part) ? Format.decimals($0[part], 2) : "–" }
    }
    return Self.table(
      "\(title); sources of length \(longest.label)", ["part of the \(side)"] + names, rows)
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

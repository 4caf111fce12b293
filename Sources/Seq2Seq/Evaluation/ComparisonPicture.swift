import Foundation

/// A comparison of models as a self-contained SVG document: error rates by the length of the source, and how much of the gradient finds its
/// way through the longest ones. A line for each model.
public struct ComparisonPicture: Sendable {
  private let models: [ModelComparison.Model]

  public init(_ comparison: ModelComparison) { models = comparison.models }

  public func svg() -> String {
    var charts = [
      errors("wrong sequences, %") { 100 * $0.sequenceErrorRate },
      errors("wrong tokens, %") { 100 * $0.tokenErrorRate },
    ]
    if let longest = models.first?.buckets.last { charts.append(gradients(longest)) }
    return charts.svg()
  }

  private func errors(_ title: String, _ value: (Evaluation) -> Double) -> LineChart {
    let buckets = models.first?.buckets ?? []
    let lines = models.enumerated().map { index, model in
      let points = model.buckets.enumerated().map { place, bucket in
        let y = value(bucket.evaluation)
        return LineChart.Point(
          x: Double(place), y: y,
          title: "\(bucket.label) tokens: \(String(format: "%.2f %%", y))")
      }
      return LineChart.Line(name: model.name, style: LineStyle(index), points: points)
    }
    let ticks = buckets.enumerated().map { place, bucket in
      LineChart.Tick(x: Double(place), labels: [bucket.label, "\(bucket.evaluation.examples)"])
    }
    return LineChart(
      title: title, lines: lines, axis: "tokens of the source, and how many examples have them",
      range: 0...Double(max(buckets.count - 1, 0)), ticks: ticks, labelsEnds: true)
  }

  private func gradients(_ longest: ModelComparison.Bucket) -> LineChart {
    let lines = models.enumerated().compactMap { index, model in
      model.gradient.map { gradient in
        let ratios = gradient.sentences > 0 ? gradient.ratios : []
        let points = ratios.enumerated().map { part, ratio in
          LineChart.Point(
            x: (Double(part) + 0.5) / Double(ratios.count), y: ratio,
            title: "part \(part + 1) of \(ratios.count): \(String(format: "%.3f", ratio))")
        }
        return LineChart.Line(name: model.name, style: LineStyle(index), points: points)
      }
    }
    let ticks = [(0, "first token"), (0.5, "middle"), (1, "last token")].map {
      LineChart.Tick(x: $0.0, labels: [$0.1])
    }
    return LineChart(
      title: "gradient at its own place in the source, × the mean", lines: lines,
      axis: "token of the target, of sources with \(longest.label) tokens", range: 0...1, ticks: ticks,
      level: 1,
      labelsEnds: true)
  }
}

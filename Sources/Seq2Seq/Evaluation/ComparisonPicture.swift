import Foundation

/// A comparison of models as a self-contained SVG document: error rates by the length of the source, how much of the gradient reaches each
/// place of the longest ones before a model learnt anything, and how much of it finds its own place afterwards. A line for each model.
public struct ComparisonPicture: Sendable {
  private let models: [ModelComparison.Model]

  public init(_ comparison: ModelComparison) { models = comparison.models }

  public func svg() -> String {
    var charts = [
      errors("wrong sequences, %") { 100 * $0.sequenceErrorRate },
      errors("wrong tokens, %") { 100 * $0.tokenErrorRate },
    ]
    if let longest = models.first?.buckets.last {
      charts += [
        gradients(
          "gradient before training, thousandths", "place in the source", longest, \.untrainedGradient,
          \.sizes, scale: 1000),
        gradients(
          "gradient at its own place in the source, × the mean", "token of the target", longest, \.gradient,
          \.ratios, level: 1),
      ]
    }
    return charts.svg()
  }

  private func errors(_ title: String, _ value: (Evaluation) -> Double) -> LineChart {
    let buckets = models.first?.buckets ?? []
    let lines = models.enumerated().map { index, model in
      let points = model.buckets.enumerated().map { place, bucket in
        let y = value(bucket.evaluation)
        return LineChart.Point(
          x: Double(place), y: y,
          title: "length \(bucket.label): \(String(format: "%.2f %%", y))")
      }
      return LineChart.Line(name: model.name, style: LineStyle(index), points: points)
    }
    let ticks = buckets.enumerated().map { place, bucket in
      LineChart.Tick(x: Double(place), labels: [bucket.label, "\(bucket.evaluation.examples)"])
    }
    return LineChart(
      title: title, lines: lines, axis: "length of the source, and how many examples have it",
      range: 0...Double(max(buckets.count - 1, 0)), ticks: ticks, labelsEnds: true)
  }

  /// `values` are those of the parts of a sentence, in its order.
  private func gradients(
    _ title: String, _ axis: String, _ longest: ModelComparison.Bucket,
    _ gradient: (ModelComparison.Model) -> SourceGradient?, _ values: (SourceGradient) -> [Double],
    scale: Double = 1, level: Double? = nil
  ) -> LineChart {
    let lines = models.enumerated().map { index, model in
      let values = gradient(model).map { $0.sentences > 0 ? values($0).map { scale * $0 } : [] } ?? []
      let points = values.enumerated().map { part, value in
        LineChart.Point(
          x: (Double(part) + 0.5) / Double(values.count), y: value,
          title: "part \(part + 1) of \(values.count): \(String(format: "%.3f", value))")
      }
      return LineChart.Line(name: model.name, style: LineStyle(index), points: points)
    }
    let ticks = [(0, "first"), (0.5, "middle"), (1, "last")].map {
      LineChart.Tick(x: $0.0, labels: [$0.1])
    }
    return LineChart(
      title: title, lines: lines, axis: "\(axis), of sources of length \(longest.label)", range: 0...1,
      ticks: ticks, level: level, labelsEnds: true)
  }
}

import Foundation

/// Loss, error and sharpness of the attention over the time of a training, a point an epoch, as a self-contained SVG document.
public struct TrainingPicture: Sendable {
  private let reports: [EpochReport]

  /// The file's name in a model's folder.
  public static let file = "training.svg"

  /// - Parameter reports: of a training's epochs, in their order
  public init(_ reports: [EpochReport]) { self.reports = reports }

  public func svg() -> String {
    let evaluated = reports.allSatisfy { $0.development != nil }
    let loss = line("training", Self.training) { $0.loss }
    var charts = [
      chart(
        "cross entropy, nats a token",
        [loss] + (evaluated ? [dev("dev", Self.sequences, \.crossEntropy)] : []))
    ]
    if evaluated {
      charts.append(
        chart(
          "errors on dev, %",
          [
            dev("sequences", Self.sequences) { 100 * $0.sequenceErrorRate },
            dev("tokens", Self.tokens) { 100 * $0.tokenErrorRate },
          ]))
    }
    if reports.contains(where: { $0.development?.alignmentEntropy != nil }) {
      charts.append(
        chart(
          "attention on dev",
          [
            dev("entropy, nats", Self.entropy) { $0.alignmentEntropy ?? .nan },
            dev("largest weight", Self.sharpness) { $0.alignmentSharpness ?? .nan },
          ]))
    }
    return charts.svg()
  }

  private static let training = LineStyle(0)
  private static let sequences = LineStyle(1)
  private static let tokens = LineStyle(2)
  private static let entropy = LineStyle(3)
  private static let sharpness = LineStyle(5)

  private func chart(_ title: String, _ lines: [LineChart.Line]) -> LineChart {
    let (times, unit) = times
    let axis = Axis(upTo: times.last ?? 0)
    return LineChart(
      title: title, lines: lines, axis: unit, range: 0...axis.end,
      ticks: axis.ticks.map { LineChart.Tick(x: $0, labels: [Axis.label($0)]) },
      // The epoch that was kept.
      marked: reports.lastIndex { $0.isBest }.map { times[$0] })
  }

  private func dev(_ name: String, _ style: LineStyle, _ value: (Evaluation) -> Double) -> LineChart.Line {
    line(name, style) { $0.development.map(value) ?? .nan }
  }

  private func line(_ name: String, _ style: LineStyle, _ value: (EpochReport) -> Double) -> LineChart.Line {
    let points = zip(reports, times.values).enumerated().map { index, epoch in
      let y = value(epoch.0)
      return LineChart.Point(
        x: epoch.1, y: y, title: "epoch \(index + 1): \(String(format: "%.4g", y))")
    }
    return LineChart.Line(name: name, style: style, points: points)
  }

  /// When each epoch was over.
  private var times: (values: [Double], unit: String) {
    var sum = 0.0
    let seconds = reports.map { report in
      sum += report.seconds
      return sum
    }
    return switch sum {
    case 0..<120: (seconds, "seconds of training")
    case 120..<7200: (seconds.map { $0 / 60 }, "minutes of training")
    default: (seconds.map { $0 / 3600 }, "hours of training")
    }
  }
}

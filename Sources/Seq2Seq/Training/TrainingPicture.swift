import Foundation

/// Loss and error over the time of a training, a point an epoch, as a self-contained SVG document.
public struct TrainingPicture: Sendable {
  private let reports: [EpochReport]

  /// The file's name in a model's folder.
  public static let file = "training.svg"

  /// - Parameter reports: of a training's epochs, in their order
  public init(_ reports: [EpochReport]) { self.reports = reports }

  public func svg() -> String {
    let evaluated = reports.allSatisfy { $0.development != nil }
    var charts = [
      Chart(
        title: "cross entropy, nats a token",
        curves: [Curve(name: "training", colour: Self.first, values: reports.map(\.loss))]
          + (evaluated ? [curve("dev", Self.second, \.crossEntropy)] : []))
    ]
    if evaluated {
      charts.append(
        Chart(
          title: "errors on dev, %",
          curves: [
            curve("sequences", Self.second) { 100 * $0.sequenceErrorRate },
            curve("tokens", Self.third) { 100 * $0.tokenErrorRate },
          ]))
    }
    let times = self.times
    let width = Chart.width * Double(charts.count)
    let drawn = charts.enumerated().map { index, chart in
      "<g transform=\"translate(\(px(Chart.width * Double(index))) 0)\">\n"
        + chart.svg(times: times.values, unit: times.unit, marked: reports.lastIndex { $0.isBest })
        + "</g>\n"
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(px(width))" height="\(px(Chart.height))" \
      viewBox="0 0 \(px(width)) \(px(Chart.height))" font-size="12" fill="#1d1d1f" \
      font-family="system-ui, 'Helvetica Neue', 'DejaVu Sans', sans-serif">
      <rect width="100%" height="100%" fill="#ffffff"/>
      \(drawn.joined())</svg>

      """
  }

  // Blue, orange, green of Okabe and Ito's palette, which colour-blind readers tell apart too.
  private static let first = "#0072b2"
  private static let second = "#d55e00"
  private static let third = "#009e73"

  private func curve(_ name: String, _ colour: String, _ value: (Evaluation) -> Double) -> Curve {
    Curve(name: name, colour: colour, values: reports.map { $0.development.map(value) ?? .nan })
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

/// One line of a chart, a value an epoch.
private struct Curve {
  let name: String
  let colour: String
  let values: [Double]
}

private struct Chart {
  static let width = 420.0
  static let height = 280.0
  private static let left = 52.0
  private static let right = 14.0
  private static let top = 52.0
  private static let bottom = 44.0

  let title: String
  let curves: [Curve]

  /// - Parameter marked: the epoch that a dashed line stands at, the one that was kept
  func svg(times: [Double], unit: String, marked: Int?) -> String {
    let values = curves.flatMap(\.values).filter(\.isFinite)
    let (xs, ys) = (Axis(upTo: times.last ?? 0), Axis(upTo: values.max() ?? 0))
    func x(_ value: Double) -> Double {
      Self.left + value / xs.end * (Self.width - Self.left - Self.right)
    }
    func y(_ value: Double) -> Double {
      Self.height - Self.bottom - value / ys.end * (Self.height - Self.top - Self.bottom)
    }
    var lines = [text(title, Self.left, 20, "font-size=\"13\" font-weight=\"600\"")]
    for (index, curve) in curves.enumerated() {
      let place = Self.left + Double(index) * 110
      lines.append("<rect x=\"\(px(place))\" y=\"33\" width=\"14\" height=\"3\" fill=\"\(curve.colour)\"/>")
      lines.append(text(curve.name, place + 20, 38, "fill=\"#6e6e73\""))
    }
    for tick in ys.ticks {
      lines.append(line(x(0), y(tick), x(xs.end), y(tick), "stroke=\"#e5e5ea\""))
      lines.append(text(Axis.label(tick), Self.left - 6, y(tick) + 4, "text-anchor=\"end\""))
    }
    for tick in xs.ticks {
      lines.append(text(Axis.label(tick), x(tick), Self.height - Self.bottom + 16, "text-anchor=\"middle\""))
    }
    lines.append(line(x(0), y(0), x(xs.end), y(0), "stroke=\"#8e8e93\""))
    lines.append(
      text(
        unit, (x(0) + x(xs.end)) / 2, Self.height - 10, "text-anchor=\"middle\" fill=\"#6e6e73\""))
    if let marked {
      lines.append(
        line(
          x(times[marked]), y(0), x(times[marked]), Self.top, "stroke=\"#8e8e93\" stroke-dasharray=\"3 3\""))
    }
    for curve in curves {
      let points = curve.values.indices.filter { curve.values[$0].isFinite }
        .map { (epoch: $0 + 1, x: px(x(times[$0])), y: px(y(curve.values[$0])), value: curve.values[$0]) }
      let path = points.map { "\($0.x),\($0.y)" }.joined(separator: " ")
      lines.append(
        "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(curve.colour)\" stroke-width=\"1.8\"/>")
      for point in points {
        let title = "\(curve.name), epoch \(point.epoch): \(String(format: "%.4g", point.value))"
        lines.append(
          "<circle cx=\"\(point.x)\" cy=\"\(point.y)\" r=\"2.2\" fill=\"\(curve.colour)\">"
            + "<title>\(title)</title></circle>")
      }
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private func text(_ text: String, _ x: Double, _ y: Double, _ attributes: String) -> String {
    "<text x=\"\(px(x))\" y=\"\(px(y))\" \(attributes)>\(text)</text>"
  }

  private func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ attributes: String) -> String {
    "<line x1=\"\(px(x1))\" y1=\"\(px(y1))\" x2=\"\(px(x2))\" y2=\"\(px(y2))\" \(attributes)/>"
  }
}

/// An axis from 0, with ticks at round numbers.
private struct Axis {
  let ticks: [Double]
  var end: Double { ticks.last! }

  init(upTo most: Double) {
    let most = most > 0 ? most : 1
    let power = pow(10, log10(most / 5).rounded(.down))
    let step = [1, 2, 5].map { $0 * power }.first { most / $0 <= 5 } ?? 10 * power
    ticks = (0...Int((most / step).rounded(.up))).map { Double($0) * step }
  }

  static func label(_ value: Double) -> String { String(format: "%g", (value * 1e6).rounded() / 1e6) }
}

private func px(_ length: Double) -> String {
  let rounded = (length * 10).rounded() / 10
  return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
}

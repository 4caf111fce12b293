import ArgumentParser
import Foundation

/// Draws the chart of results that were written before.
struct Chart: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Draw the chart of a file of results again.")

  @Argument(help: ArgumentHelp("What `bench --output` wrote.", valueName: "results.json"))
  var results: String

  @Argument(help: ArgumentHelp("Where the chart goes.", valueName: "chart.svg"))
  var picture: String

  func run() throws {
    let report = try JSONDecoder().decode(Report.self, from: Data(contentsOf: URL(filePath: results)))
    try Data(ChartPicture(report).svg.utf8).write(to: URL(filePath: picture))
  }
}

/// The speeds of every case as marks on a logarithmic scale: a lane for each number of threads.
///
/// The unit is the scalar kernel on one thread, or the slowest set that was measured. Of the peers it shows the fastest.
struct ChartPicture {
  private let report: Report
  private let threads: [Int]
  private let sets: [String]

  private let left = 276.0, plotWidth = 560.0, right = 116.0, top = 112.0, lane = 15.0, gap = 11.0
  private var width: Double { left + plotWidth + right }
  private var rowHeight: Double { lane * Double(threads.count) + gap }

  init(_ report: Report) {
    self.report = report
    threads = Set(report.measurements.map(\.threads)).sorted()
    let first = report.ratios(report.names.first ?? "")
    sets = first.lesserSets + [first.best]
  }

  private struct Mark {
    let path: String
    let threads: Int
    let speed: Double
  }

  private func marks(_ name: String) -> [Mark] {
    let ratios = report.ratios(name)
    guard let unit = ratios.seconds(sets[0], threads: threads[0]) else { return [] }
    return threads.flatMap { count in
      let ours = ([Measurement.naive] + sets).map { ($0, ratios.seconds($0, threads: count)) }
      let theirs = [("peer", ratios.rivals(threads: count).first?.wholeSeconds)]
      return (theirs + ours).compactMap { path, seconds in
        seconds.map { Mark(path: path, threads: count, speed: unit / $0) }
      }
    }
  }

  var svg: String {
    let rows = report.names.map { ($0, marks($0)) }
    let speeds = rows.flatMap(\.1).map { log10($0.speed) }
    let scale = Scale(
      least: (speeds.min() ?? 0) - 0.08, most: (speeds.max() ?? 1) + 0.08, start: left, width: plotWidth)
    let height = top + Double(rows.count) * rowHeight + 44
    var parts = [Self.head(width: width, height: height), title, legend]
    parts += ticks(scale, bottom: height - 40)
    for (index, (name, marks)) in rows.enumerated() {
      parts += row(name, marks, y: top + Double(index) * rowHeight, scale)
    }
    let caption = "times as fast as \(sets.first ?? "") on \(threadCount(threads.first ?? 1)), logarithmic"
    parts.append(text(caption, left + plotWidth / 2, height - 10, "quiet", anchor: "middle"))
    return (parts + ["</svg>", ""]).joined(separator: "\n")
  }

  // MARK: Parts

  private var title: String {
    let machine = report.machine
    let compiler = machine.c.prefix { $0 != "(" }.trimmingCharacters(in: .whitespaces)
    let details = "\(machine.date.prefix(10)), commit \(machine.commit), \(compiler), fp32"
    return text("swift-attention on \(machine.cpu), \(machine.cores) cores", 16, 28, "title")
      + text(details + (report.peer.map { ", \($0)" } ?? ""), 16, 48, "quiet")
  }

  private var legend: String {
    var x = 20.0
    var parts: [String] = []
    for path in [Measurement.naive] + sets + (report.peer == nil ? [] : ["peer"]) {
      let label =
        path == "peer" ? "the fastest peer" : path == Measurement.naive ? "naive Swift" : path
      parts.append(symbol(path, x, 72))
      parts.append(text(label, x + 11, 76, "label"))
      x += 36 + 6.6 * Double(label.count)
    }
    parts.append(text("threads", left - 24, top - 14, "quiet", anchor: "end"))
    if report.peer != nil {
      parts.append(text("× peer", left + plotWidth + 70, top - 14, "quiet", anchor: "end"))
    }
    return parts.joined(separator: "\n")
  }

  private func ticks(_ scale: Scale, bottom: Double) -> [String] {
    scale.ticks.flatMap { value in
      let x = scale.place(value)
      let name = value < 1 ? "1/\(Int((1 / value).rounded()))" : "\(Int(value.rounded()))"
      let style = abs(value - 1) < 1e-9 ? "unit" : "grid"
      return [
        "<line class=\"\(style)\" x1=\"\(x.formatted(1))\" x2=\"\(x.formatted(1))\" y1=\"\(top - 6)\" y2=\"\(bottom)\"/>",
        text(name, x, top - 14, "quiet", anchor: "middle"),
        text(name, x, bottom + 14, "quiet", anchor: "middle"),
      ]
    }
  }

  private func row(_ name: String, _ marks: [Mark], y: Double, _ scale: Scale) -> [String] {
    let middle = y + lane * Double(threads.count) / 2
    var parts = [text(name, left - 36, middle + 4, "label", anchor: "end")]
    for (index, count) in threads.enumerated() {
      let center = y + lane * (Double(index) + 0.5)
      let mine = marks.filter { $0.threads == count }
      guard let least = mine.map(\.speed).min(), let most = mine.map(\.speed).max() else { continue }
      parts.append(text("\(count)", left - 16, center + 4, "quiet", anchor: "end"))
      let (from, to) = (scale.place(least).formatted(1), scale.place(most).formatted(1))
      parts.append("<line class=\"span\" x1=\"\(from)\" x2=\"\(to)\" y1=\"\(center)\" y2=\"\(center)\"/>")
      parts += mine.map { symbol($0.path, scale.place($0.speed), center) }
      let ratios = report.ratios(name)
      if let rival = ratios.rivals(threads: count).first, let ratio = ratios.over(rival.path, threads: count)
      {
        let label = ratio.ratio
        parts.append(
          text(label, left + plotWidth + 70, center + 4, ratio < 1 ? "behind" : "label", anchor: "end"))
      }
    }
    let rule = y + lane * Double(threads.count) + gap / 2
    parts.append("<line class=\"rule\" x1=\"16\" x2=\"\(width - 16)\" y1=\"\(rule)\" y2=\"\(rule)\"/>")
    return parts
  }

  /// A shape and a colour for each path, so that neither alone must be told apart.
  private func symbol(_ path: String, _ x: Double, _ y: Double) -> String {
    func at(_ points: [(Double, Double)]) -> String {
      points.map { "\((x + $0.0).formatted(1)),\((y + $0.1).formatted(1))" }.joined(separator: " ")
    }
    switch path {
    case Measurement.naive:
      return "<polygon class=\"naive\" points=\"\(at([(-4.5, 4), (0, -4.5), (4.5, 4)]))\"/>"
    case "peer":
      return "<polygon class=\"peer\" points=\"\(at([(0, -6), (6, 0), (0, 6), (-6, 0)]))\"/>"
    default:
      let style = path == sets.last ? "best" : path == sets.first ? "least" : "middle"
      return "<circle class=\"\(style)\" cx=\"\(x.formatted(1))\" cy=\"\(y.formatted(1))\" r=\"4.5\"/>"
    }
  }

  private func text(_ content: String, _ x: Double, _ y: Double, _ style: String, anchor: String = "start")
    -> String
  {
    let escaped = content.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
    return
      "<text class=\"\(style)\" x=\"\(x.formatted(1))\" y=\"\(y.formatted(1))\" text-anchor=\"\(anchor)\">\(escaped)</text>"
  }

  private static func head(width: Double, height: Double) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" width="\(width)" height="\(height)" role="img">
    <title>How fast the kernels are</title>
    <style>
    svg { color: #1c2430; font: 12px system-ui, sans-serif; }
    .page { fill: #ffffff } text { fill: currentColor } .title { font-size: 16px; font-weight: 600 } .quiet { opacity: .65; font-size: 11px }
    .behind { fill: #c2410c } line { stroke: currentColor } .grid, .rule { opacity: .12 } .unit { opacity: .45 }
    .span { opacity: .25 } .naive { fill: #8a94a3 } .least { fill: #ffffff; stroke: #2563eb; stroke-width: 1.5 }
    .middle { fill: #93b8f8 } .best { fill: #2563eb } .peer { fill: #f28c28 }
    @media (prefers-color-scheme: dark) {
    svg { color: #e6e9ee } .page { fill: #14181f } .behind { fill: #fb923c } .least { fill: #14181f; stroke: #6ea0ff }
    .middle { fill: #33589e } .best { fill: #6ea0ff }
    }
    </style>
    <rect class="page" width="100%" height="100%"/>
    """
  }
}

/// A logarithmic axis.
private struct Scale {
  let least, most, start, width: Double

  func place(_ value: Double) -> Double { start + width * (log10(value) - least) / (most - least) }

  /// As far as they are in range.
  var ticks: [Double] {
    let above: [Double] = [3, 10, 30, 100, 300, 1000, 3000]
    return (above.reversed().map { 1 / $0 } + [1] + above).filter { (least...most).contains(log10($0)) }
  }
}

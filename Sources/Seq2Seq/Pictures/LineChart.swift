import Foundation

/// Lines over a common axis, with values from 0 on; charts side by side, from the fourth on below each other in pairs, are one SVG document.
struct LineChart {
  struct Point {
    let x: Double
    let y: Double
    /// What pointing at it shows, after the line's name.
    let title: String
  }

  struct Line {
    let name: String
    let style: LineStyle
    /// From the left to the right; those that are no numbers are left out.
    let points: [Point]

    init(name: String, style: LineStyle, points: [Point]) {
      self.name = name
      self.style = style
      self.points = points.filter(\.y.isFinite)
    }
  }

  struct Tick {
    let x: Double
    /// One below the other.
    let labels: [String]
  }

  let title: String
  let lines: [Line]
  /// What stands below the axis.
  let axis: String
  let range: ClosedRange<Double>
  let ticks: [Tick]
  /// Where a dashed line stands.
  var marked: Double?
  /// Where a dashed line lies.
  var level: Double?
  /// Whether the lines' names stand at their ends, not in a legend above the plot.
  var labelsEnds = false
}

// MARK: - The document

extension [LineChart] {
  func svg() -> String {
    let columns = count < 4 ? Swift.max(count, 1) : 2
    var (bottom, right, parts) = (0.0, 0.0, [String]())
    for first in stride(from: 0, to: count, by: columns) {
      let row = self[first..<Swift.min(first + columns, count)]
      var x = 0.0
      for chart in row {
        let place = "translate(\(SVG.px(x)) \(SVG.px(bottom)))"
        parts.append("<g transform=\"\(place)\">\n\(chart.svg())</g>\n")
        x += chart.width
      }
      bottom += row.map(\.height).max()!
      right = Swift.max(right, x)
    }
    let (width, height) = (SVG.px(right), SVG.px(bottom))
    return """
      <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" font-size="12" fill="#1d1d1f" \
      font-family="system-ui, 'Helvetica Neue', 'DejaVu Sans', sans-serif">
      <rect width="100%" height="100%" fill="#ffffff"/>
      \(parts.joined())</svg>

      """
  }
}

// MARK: - The layout, in pixels

extension LineChart {
  private static let plotWidth = 354.0
  private static let plotHeight = 184.0
  private static let left = 52.0
  private static let right = 14.0
  /// From a line's end to its name.
  private static let leader = 22.0
  /// The height of a row of text.
  private static let row = 16.0

  fileprivate var width: Double {
    let labels = labelsEnds ? Self.leader + (names.map(Self.width).max() ?? 0) : 0
    return Self.left + Self.plotWidth + labels + Self.right
  }
  fileprivate var height: Double { bottom + 12 + Self.row * Double(labelRows) + 16 }
  private var top: Double { 36 + (legend.last.map { Self.row * Double($0.row + 1) } ?? 0) }
  private var bottom: Double { top + Self.plotHeight }
  private var labelRows: Int { ticks.map(\.labels.count).max() ?? 0 }

  /// A name as the chart shows it; the whole one stands in the titles of the points.
  private var names: [String] { lines.map { PictureText.cut(PictureText.visibleName($0.name), to: 24) } }
  private static func width(_ name: String) -> Double { 7.3 * Double(PictureText.width(name)) }

  /// Where the names stand above the plot, row by row.
  private var legend: [(x: Double, row: Int)] {
    guard !labelsEnds else { return [] }
    var (x, row) = (0.0, 0)
    return names.map { name in
      let width = 36 + Self.width(name)
      if x > 0 && x + width > Self.plotWidth { (x, row) = (0, row + 1) }
      defer { x += width }
      return (Self.left + x, row)
    }
  }

  fileprivate func svg() -> String {
    let ys = Axis(upTo: (lines.flatMap(\.points).map(\.y) + [level ?? 0]).max()!)
    let span = range.upperBound - range.lowerBound
    func x(_ value: Double) -> Double {
      Self.left + (span > 0 ? (value - range.lowerBound) / span : 0.5) * Self.plotWidth
    }
    func y(_ value: Double) -> Double { bottom - value / ys.end * Self.plotHeight }
    let right = Self.left + Self.plotWidth
    var parts = [SVG.text(title, Self.left, 20, "font-size=\"13\" font-weight=\"600\"")]
    for ((line, name), place) in zip(zip(lines, names), legend) {
      let middle = 34.5 + Self.row * Double(place.row)
      parts.append(SVG.line(place.x, middle, place.x + 20, middle, line.style.stroke(width: 3)))
      parts.append(SVG.text(name, place.x + 26, middle + 4, SVG.quiet))
    }
    for tick in ys.ticks {
      parts.append(SVG.line(Self.left, y(tick), right, y(tick), "stroke=\"#e5e5ea\""))
      parts.append(SVG.text(Axis.label(tick), Self.left - 6, y(tick) + 4, "text-anchor=\"end\""))
    }
    for tick in ticks {
      for (row, label) in tick.labels.enumerated() {
        let quiet = row > 0 ? SVG.quiet + " font-size=\"10\" " : ""
        parts.append(
          SVG.text(
            label, x(tick.x), bottom + Self.row * Double(row + 1), quiet + "text-anchor=\"middle\""))
      }
    }
    parts.append(SVG.line(Self.left, bottom, right, bottom, Self.frame))
    parts.append(
      SVG.text(axis, (Self.left + right) / 2, height - 10, "text-anchor=\"middle\" " + SVG.quiet))
    if let marked { parts.append(SVG.line(x(marked), bottom, x(marked), top, Self.frame + Self.dashes)) }
    if let level { parts.append(SVG.line(Self.left, y(level), right, y(level), Self.frame + Self.dashes)) }
    for line in lines {
      let points = line.points.map { (x: SVG.px(x($0.x)), y: SVG.px(y($0.y)), title: $0.title) }
      let path = points.map { "\($0.x),\($0.y)" }.joined(separator: " ")
      parts.append("<polyline points=\"\(path)\" fill=\"none\" \(line.style.stroke(width: 1.8))/>")
      for point in points {
        let title = PictureText.escaped("\(PictureText.visibleName(line.name)), \(point.title)")
        parts.append(
          "<circle cx=\"\(point.x)\" cy=\"\(point.y)\" r=\"2.2\" fill=\"\(line.style.colour)\">"
            + "<title>\(title)</title></circle>")
      }
    }
    if labelsEnds { parts += ends(x, y) }
    return parts.map { $0 + "\n" }.joined()
  }

  private static let frame = "stroke=\"#8e8e93\""
  private static let dashes = " stroke-dasharray=\"3 3\""

  /// The lines' names beside their last points, pushed apart where these lie close together.
  private func ends(_ x: (Double) -> Double, _ y: (Double) -> Double) -> [String] {
    let wanted = lines.indices.compactMap { index in
      lines[index].points.last.map { (line: index, x: x($0.x), y: y($0.y)) }
    }.sorted { ($0.y, $0.line) < ($1.y, $1.line) }
    let gap = 14.0
    var places: [Double] = []
    for end in wanted { places.append(max(end.y, places.last.map { $0 + gap } ?? end.y)) }
    // What would lie below the axis is pushed back up.
    var floor = bottom
    for index in places.indices.reversed() {
      places[index] = min(places[index], floor)
      floor = places[index] - gap
    }
    let start = Self.left + Self.plotWidth + Self.leader
    return zip(wanted, places).flatMap { end, place in
      let colour = lines[end.line].style.colour
      return [
        SVG.line(end.x + 3, end.y, start - 4, place, "stroke=\"\(colour)\" stroke-width=\"0.8\""),
        SVG.text(names[end.line], start, place + 4, "fill=\"\(colour)\""),
      ]
    }
  }
}

/// How a line differs from the others.
struct LineStyle {
  let colour: String
  private let isDashed: Bool

  /// The colours of Okabe and Ito's palette that stand out from white, which colour-blind readers tell apart too; behind the last of
  /// them the same again, dashed.
  private static let palette = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#56b4e9", "#e69f00",
  ]

  init(_ index: Int) {
    colour = Self.palette[index % Self.palette.count]
    isDashed = index / Self.palette.count % 2 == 1
  }

  func stroke(width: Double) -> String {
    "stroke=\"\(colour)\" stroke-width=\"\(SVG.px(width))\"" + (isDashed ? " stroke-dasharray=\"6 3\"" : "")
  }
}

/// An axis from 0, with ticks at round numbers.
struct Axis {
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

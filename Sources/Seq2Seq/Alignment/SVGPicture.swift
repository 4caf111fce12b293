import Foundation

extension AlignmentPicture {
  /// The picture as a self-contained SVG document: source tokens at the top, target tokens at the left, white
  /// for a weight of 0, dark blue for 1. Pointing at a cell shows its tokens and weight.
  public func svg() -> String { [self].svg() }
}

extension [AlignmentPicture] {
  /// The pictures as one SVG document, one below the other.
  public func svg() -> String {
    let pictures = map(SVGPicture.init)
    let width = pictures.map(\.width).max() ?? 0
    var (height, parts) = (0.0, [String]())
    for picture in pictures {
      parts += ["<g transform=\"translate(0 \(SVG.px(height)))\">"] + picture.parts + ["</g>"]
      height += picture.height
    }
    return ([SVGPicture.opening(width, height)] + parts + ["</svg>"]).map { $0 + "\n" }.joined()
  }
}

/// The layout of the picture, in pixels.
private struct SVGPicture {
  private let picture: AlignmentPicture
  private let source: [String]
  private let target: [String]
  /// Heads longer than a character lean to the right, so that they can be read without turning one's head.
  private let leans: Bool
  /// The upper left corner of the cells.
  private let left: Double
  private let top: Double
  let width: Double
  let height: Double

  private static let cell = 28.0
  private static let gap = 8.0
  /// The space for an axis title or the legend.
  private static let band = 30.0
  private static let fontSize = 15.0
  private static let advance = 0.61 * fontSize
  private static let legend = 120.0

  init(_ picture: AlignmentPicture) {
    self.picture = picture
    source = picture.source.map(PictureText.visible)
    target = picture.target.map(PictureText.visible)
    leans = source.contains { PictureText.width($0) > 2 }
    // At 45° a label rises as far as it reaches to the right.
    let reach = Self.length(source) * 0.5.squareRoot()
    left = Self.band + Self.length(target) + Self.gap
    top = Self.band + Self.gap + (leans ? reach + Self.fontSize / 2 : Self.fontSize)
    let columns = Double(source.count) * Self.cell
    width = left + max(columns + (leans ? reach : 0), Self.legend + 2 * Self.band) + Self.gap
    height = top + Double(target.count) * Self.cell + Self.gap + Self.band
  }

  /// The room for the longest of the labels.
  private static func length(_ labels: [String]) -> Double {
    Double(labels.map(PictureText.width).max() ?? 0) * advance
  }

  var parts: [String] { titles + heads + rows + cells + [frame, legend] }

  static func opening(_ width: Double, _ height: Double) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" width="\(SVG.px(width))" height="\(SVG.px(height))" \
    viewBox="0 0 \(SVG.px(width)) \(SVG.px(height))" font-size="\(SVG.px(fontSize))" fill="#1d1d1f" \
    font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace">
    <rect width="100%" height="100%" fill="#ffffff"/>
    """
  }

  private var titles: [String] {
    let middle = top + Double(target.count) * Self.cell / 2
    return [
      text("source", "x=\"\(SVG.px(left))\" y=\"18\" \(Self.quiet)"),
      text(
        "target",
        "transform=\"translate(18 \(SVG.px(middle))) rotate(-90)\" text-anchor=\"middle\" \(Self.quiet)"
      ),
    ]
  }

  private var heads: [String] {
    source.enumerated().map { column, label in
      let x = SVG.px(left + (Double(column) + 0.5) * Self.cell)
      let y = SVG.px(top - Self.gap)
      return text(
        label,
        leans
          ? "transform=\"translate(\(x) \(y)) rotate(-45)\"" : "x=\"\(x)\" y=\"\(y)\" text-anchor=\"middle\"")
    }
  }

  private var rows: [String] {
    target.enumerated().map { row, label in
      // A third of the font's size is half the height of its letters.
      let y = top + (Double(row) + 0.5) * Self.cell + Self.fontSize / 3
      return text(label, "x=\"\(SVG.px(left - Self.gap))\" y=\"\(SVG.px(y))\" text-anchor=\"end\"")
    }
  }

  private var cells: [String] {
    picture.weights.enumerated().flatMap { row, weights in
      weights.enumerated().map { column, weight in
        rect(
          left + Double(column) * Self.cell, top + Double(row) * Self.cell, Self.cell, Self.cell,
          "fill=\"\(HeatColour.hex(AlignmentPicture.shown(weight)))\" stroke=\"#e5e5ea\" stroke-width=\"0.5\"",
          title: "\(source[column]) → \(target[row]): \(String(format: "%.4f", weight))")
      }
    }
  }

  private var frame: String {
    rect(left, top, Double(source.count) * Self.cell, Double(target.count) * Self.cell, Self.outline)
  }

  /// The ramp with its ends named.
  private var legend: String {
    let y = height - Self.band + Self.gap
    let start = left + 2 * Self.gap
    let steps = 24
    let step = Self.legend / Double(steps)
    let ramp = (0..<steps).map { i in
      // Each step reaches half a pixel under the next one, so that no seam shows between them.
      rect(
        start + Double(i) * step, y, step + (i < steps - 1 ? 0.5 : 0), 10,
        "fill=\"\(HeatColour.hex(Double(i) / Double(steps - 1)))\"")
    }
    let outline = rect(start, y, Self.legend, 10, Self.outline)
    let zero = text("0", "x=\"\(SVG.px(left))\" y=\"\(SVG.px(y + 9))\" \(Self.quiet)")
    let one = text(
      "1", "x=\"\(SVG.px(start + Self.legend + Self.gap))\" y=\"\(SVG.px(y + 9))\" \(Self.quiet)")
    return (ramp + [outline, zero, one]).joined(separator: "\n")
  }

  private static let quiet = "font-size=\"12\" fill=\"#6e6e73\""
  private static let outline = "fill=\"none\" stroke=\"#8e8e93\""

  private func text(_ text: String, _ attributes: String) -> String {
    "<text \(attributes)>\(PictureText.escaped(text))</text>"
  }

  private func rect(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, _ attributes: String, title: String? = nil
  ) -> String {
    let place =
      "x=\"\(SVG.px(x))\" y=\"\(SVG.px(y))\" width=\"\(SVG.px(width))\" height=\"\(SVG.px(height))\""
    guard let title else { return "<rect \(place) \(attributes)/>" }
    return "<rect \(place) \(attributes)><title>\(PictureText.escaped(title))</title></rect>"
  }
}

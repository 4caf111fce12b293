/// Parts of SVG documents.
enum SVG {
  /// A length as documents write it, to a tenth of a pixel.
  static func px(_ length: Double) -> String {
    let rounded = (length * 10).rounded() / 10
    return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
  }

  static func text(_ text: String, _ x: Double, _ y: Double, _ attributes: String) -> String {
    "<text x=\"\(px(x))\" y=\"\(px(y))\" \(attributes)>\(PictureText.escaped(text))</text>"
  }

  static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ attributes: String) -> String {
    "<line x1=\"\(px(x1))\" y1=\"\(px(y1))\" x2=\"\(px(x2))\" y2=\"\(px(y2))\" \(attributes)/>"
  }

  /// Text that stands back.
  static let quiet = "fill=\"#6e6e73\""
}

extension AlignmentPicture {
  /// The picture as lines of text, each ending in a line feed.
  ///
  /// - Parameter colour: Whether the cells are blocks of colour (ANSI, 256 colours, from dark to bright)
  ///   rather than the shades ` .:-=+*#%@`, which stay readable in a file.
  public func terminal(colour: Bool) -> String {
    let labels = target.map(PictureText.visible)
    let margin = labels.map(PictureText.width).max() ?? 0
    var lines = heads().map { String(repeating: " ", count: margin + 1) + $0 }
    for (label, row) in zip(labels, weights) {
      let padding = String(repeating: " ", count: margin - PictureText.width(label))
      lines.append("\(padding)\(label) \(Self.cells(row.map(Self.shown), colour))")
    }
    let ramp = Self.cells((0...9).map { Double($0) / 9 }, colour)
    lines.append("\(String(repeating: " ", count: margin)) 0 \(ramp) 1")
    return lines.map { $0 + "\n" }.joined()
  }

  /// The source tokens, each written downwards and standing on the row below, two terminal columns wide.
  private func heads() -> [String] {
    let tokens = source.map { Array(PictureText.visible($0)) }
    let height = tokens.map(\.count).max() ?? 0
    return (0..<height).map { line in
      tokens.map { token in
        let place = line - (height - token.count)
        guard place >= 0 else { return "  " }
        return PictureText.width(token[place]) == 2 ? String(token[place]) : "\(token[place]) "
      }.joined()
    }
  }

  /// Two terminal columns a weight: about a square.
  private static func cells(_ weights: [Double], _ colour: Bool) -> String {
    let cells = weights.map { weight in
      let steps = colour ? Double(colours.count - 1) : Double(shades.count - 1)
      let step = Int((weight * steps).rounded())
      return colour ? "\u{1B}[48;5;\(colours[step])m  " : String(repeating: shades[step], count: 2)
    }
    return cells.joined() + (colour ? "\u{1B}[0m" : "")
  }

  private static let shades = " .:-=+*#%@".map { String($0) }
  /// From the 256-colour cube, in order of rising luminance: black, violet, red, orange, yellow, near white.
  private static let colours = [233, 53, 54, 90, 126, 162, 197, 203, 209, 215, 221, 228, 230]
}

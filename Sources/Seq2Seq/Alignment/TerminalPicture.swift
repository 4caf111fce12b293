extension AlignmentPicture {
  /// The picture as lines of text, each ending in a line feed.
  ///
  /// - Parameters:
  ///   - colour: Whether the cells are blocks of colour (ANSI, 256 colours, from dark to bright)
  ///     rather than the shades ` .:-=+*#%@`, which stay readable in a file.
  ///   - columns: How wide a line may be: a picture that is wider is cut into several, which show the source from left
  ///     to right; nil for no limit.
  public func terminal(colour: Bool, columns: Int? = nil) -> String {
    TerminalPicture(self, isColoured: colour, columns: columns).lines.map { $0 + "\n" }.joined()
  }
}

private struct TerminalPicture {
  private let picture: AlignmentPicture
  private let isColoured: Bool
  /// The labels of the rows, all of the same width.
  private let labels: [String]
  private let margin: String
  /// How many cells a line has room for.
  private let room: Int
  /// The shares that the legend shows; none where it has no room.
  private let ramp: [Double]

  init(_ picture: AlignmentPicture, isColoured: Bool, columns: Int?) {
    self.picture = picture
    self.isColoured = isColoured
    let labels = picture.target.map(PictureText.visible)
    let longest = labels.map(PictureText.width).max() ?? 0
    // On a narrow terminal the labels leave half of it to the cells.
    let width = columns.map { min(longest, max($0 / 2 - 1, 1)) } ?? longest
    self.labels = labels.map { label in
      let label = PictureText.cut(label, to: width)
      return String(repeating: " ", count: width - PictureText.width(label)) + label
    }
    margin = String(repeating: " ", count: width)
    room = columns.map { max(($0 - width - 1) / 2, 1) } ?? max(picture.source.count, 1)
    let steps = columns.map { min(($0 - width - 5) / 2, 10) } ?? 10
    ramp = steps < 2 ? [] : (0..<steps).map { Double($0) / Double(steps - 1) }
  }

  var lines: [String] {
    let source = picture.source.indices
    var lines: [String] = []
    for start in stride(from: 0, to: max(source.count, 1), by: room) {
      if start > 0 { lines.append("") }
      lines += part(start..<min(start + room, source.count))
    }
    return lines + (ramp.isEmpty ? [] : ["\(margin) 0 \(cells(ramp)) 1"])
  }

  /// The columns of some of the source.
  private func part(_ columns: Range<Int>) -> [String] {
    let rows = zip(labels, picture.weights).map { label, row in
      "\(label) \(cells(row[columns].map(AlignmentPicture.shown)))"
    }
    return heads(picture.source[columns]).map { "\(margin) \($0)" } + rows
  }

  /// The source tokens, each written downwards and standing on the row below, two terminal columns wide.
  private func heads(_ source: ArraySlice<String>) -> [String] {
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
  private func cells(_ weights: [Double]) -> String {
    let cells = weights.map { weight in
      let steps = Double((isColoured ? Self.colours.count : Self.shades.count) - 1)
      let step = Int((weight * steps).rounded())
      return isColoured
        ? "\u{1B}[48;5;\(Self.colours[step])m  " : String(repeating: Self.shades[step], count: 2)
    }
    return cells.joined() + (isColoured ? "\u{1B}[0m" : "")
  }

  private static let shades = " .:-=+*#%@".map { String($0) }
  /// From the 256-colour cube, in order of rising luminance: black, violet, red, orange, yellow, near white.
  private static let colours = [233, 53, 54, 90, 126, 162, 197, 203, 209, 215, 221, 228, 230]
}

/// Tokens as pictures show them: every character visible and harmless.
enum PictureText {
  /// White space and control characters as signs that stand for them: a space is ␣, a tab ␉, an escape ␛.
  ///
  /// A control character would otherwise move a terminal's cursor or break an XML file.
  static func visible(_ token: String) -> String { String(token.map(visible)) }

  /// The same for a name, whose spaces stay what they are.
  static func visibleName(_ name: String) -> String { String(name.map { $0 == " " ? $0 : visible($0) }) }

  private static func visible(_ character: Character) -> Character {
    let scalar = character.unicodeScalars.first!
    switch scalar.properties.generalCategory {
    case .control:
      switch scalar.value {
      case 0x7F: return "␡"
      case 0..<0x20: return Character(Unicode.Scalar(0x2400 + scalar.value)!)
      default: return "\u{FFFD}"
      }
    case .spaceSeparator, .lineSeparator, .paragraphSeparator: return "␣"
    case .format, .surrogate, .unassigned: return "\u{FFFD}"
    case .nonspacingMark, .enclosingMark: return Character("◌" + String(character))
    default: return character
    }
  }

  /// The text as XML and HTML take it, in an attribute too.
  static func escaped(_ text: String) -> String {
    text.reduce(into: "") { result, character in
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.append(character)
      }
    }
  }

  /// The text, its end cut away where it takes more columns than `width`.
  static func cut(_ text: String, to width: Int) -> String {
    guard self.width(text) > width else { return text }
    var text = text
    while !text.isEmpty && self.width(text) >= width { text.removeLast() }
    return text + "…"
  }

  /// How many columns of a terminal the text takes: two for a wide East Asian character or an emoji,
  /// otherwise one.
  static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  static func width(_ character: Character) -> Int {
    let first = character.unicodeScalars.first!
    let isEmoji = first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}")
    return isEmoji || wide.contains { $0.contains(first.value) } ? 2 : 1
  }

  /// The blocks that Unicode's East Asian Width (UAX #11) calls wide or full-width.
  private static let wide: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
    0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
    0x17000...0x18DFF, 0x1B000...0x1B2FF, 0x20000...0x3FFFD,
  ]
}

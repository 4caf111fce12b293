/// How a sentence is cut into tokens, and tokens are joined to a sentence.
///
/// A vocabulary is only right for the tokenization that it was counted under, so the two are stored together.
public struct Tokenization: Codable, Sendable, Equatable {
  /// What one token is.
  public enum Unit: String, CaseIterable, Codable, Sendable {
    /// A grapheme cluster: what a reader calls a character. Spaces count.
    case characters
    /// What stands between white space, punctuation included.
    case whitespace
    /// A run of letters or digits, or one other mark; white space separates and vanishes.
    case words
  }

  public var unit: Unit
  /// Whether the text is lowercased first: each scalar by itself, by the rules of no particular language.
  public var lowercase: Bool
  /// What cuts the units further; nil leaves them whole.
  public var subwords: Subwords?

  public init(_ unit: Unit, lowercase: Bool = false, subwords: Subwords? = nil) {
    self.unit = unit
    self.lowercase = lowercase
    self.subwords = subwords
  }

  /// ``Unit/characters``, in the text's own case.
  public static let characters = Tokenization(.characters)
  /// ``Unit/whitespace``, in the text's own case.
  public static let whitespace = Tokenization(.whitespace)
  /// ``Unit/words``, in the text's own case.
  public static let words = Tokenization(.words)

  /// The tokens of a sentence; none is empty.
  ///
  /// - Complexity: O(n) in the length of the text.
  public func tokens(of text: String) -> [String] {
    switch subwords {
    case nil: units(of: text)
    case .bytePairs(let encoding): units(of: text).flatMap(encoding.tokens)
    case .sentencePiece(let model): model.pieces(of: lowercase ? text.lowercased() : text)
    }
  }

  /// The units of a sentence, which subwords leave whole here: what error rates and BLEU count, so that models of any subwords can
  /// be compared.
  ///
  /// - Complexity: O(n) in the length of the text.
  public func units(of text: String) -> [String] {
    let text = lowercase ? text.lowercased() : text
    switch unit {
    case .characters: return text.map { String($0) }
    case .whitespace: return text.split(whereSeparator: \.isWhitespace).map { String($0) }
    case .words: return words(of: text)
    }
  }

  /// The units that tokens are, or are the parts of.
  public func units(of tokens: [String]) -> [String] {
    switch subwords {
    case nil: tokens
    case .bytePairs: BytePairEncoding.words(of: tokens).map(\.text)
    case .sentencePiece(let model): units(of: model.text(of: tokens))
    }
  }

  /// For every token the unit that it is, or is a part of.
  func wholes(of tokens: [String]) -> [String] {
    switch subwords {
    case nil: tokens
    case .bytePairs:
      BytePairEncoding.words(of: tokens).flatMap { Array(repeating: $0.text, count: $0.tokens) }
    case .sentencePiece(let model):
      SentencePieceModel.words(of: tokens).flatMap { word in
        Array(repeating: model.text(of: Array(word)), count: word.count)
      }
    }
  }

  /// The sentence that the tokens spell; subwords are put together.
  ///
  /// It is the inverse of ``tokens(of:)`` for characters. The other units have lost the kind and the amount
  /// of white space (words: also where there was none) and join by one space. SentencePiece puts its pieces together itself.
  public func text(of tokens: [String]) -> String {
    if case .sentencePiece(let model) = subwords { return model.text(of: tokens) }
    return units(of: tokens).joined(separator: unit == .characters ? "" : " ")
  }

  /// Going by grapheme clusters keeps a combining mark with its letter.
  private func words(of text: String) -> [String] {
    var words: [String] = []
    var start: String.Index?
    for index in text.indices {
      let character = text[index]
      if character.isLetter || character.isNumber {
        start = start ?? index
        continue
      }
      if let first = start { words.append(String(text[first..<index])) }
      start = nil
      if !character.isWhitespace { words.append(String(character)) }
    }
    if let first = start { words.append(String(text[first...])) }
    return words
  }
}

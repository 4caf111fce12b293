import Foundation

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

  /// The tokens of what a model wrote, or is to be made to write: as ``tokens(of:)``, but `<unk>`, which ``text(of:)`` has where a
  /// token is unknown, is that token again, and no subword of what stands beside it.
  ///
  /// Corpora are read by ``tokens(of:)`` alone: in text to learn from, the same five characters are what any others would be there. A
  /// target vocabulary that took them in as a token of the data, as it may where white space separates, has an id of its own for
  /// them, and so they are that token here too. SentencePiece's models with byte fallback, which know every text, spell it in bytes.
  public func outputTokens(of text: String) -> [String] {
    tokens(of: WrittenUnknown.marked(text)).flatMap { token in
      // SentencePiece makes one piece of unknown characters in a row.
      token.allSatisfy { $0 == WrittenUnknown.mark }
        ? Array(repeating: WrittenUnknown.text, count: token.count) : [WrittenUnknown.unmarked(token)]
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
    case .sentencePiece(let model):
      units(of: WrittenUnknown.marked(model.text(of: tokens))).map(WrittenUnknown.unmarked)
    }
  }

  /// The unit that a token is, or is a part of.
  struct Whole: Equatable {
    /// The unit's place among those of the sentence.
    let number: Int
    let text: String
  }

  /// For every token the unit that it is, or is a part of; of a piece of SentencePiece that reaches over several, all of them.
  func wholes(of tokens: [String]) -> [Whole] {
    let units =
      switch subwords {
      case nil: tokens.map { (text: $0, tokens: 1) }
      case .bytePairs: BytePairEncoding.words(of: tokens)
      case .sentencePiece(let model): SentencePieceModel.words(of: tokens).flatMap { wholes(of: $0, model) }
      }
    return units.enumerated().flatMap { number, unit in
      Array(repeating: Whole(number: number, text: unit.text), count: unit.tokens)
    }
  }

  /// A word of pieces, cut where both a unit and a piece end, with the numbers of pieces.
  private func wholes(of pieces: ArraySlice<String>, _ model: SentencePieceModel) -> [(
    text: String, tokens: Int
  )] {
    let text = model.text(of: Array(pieces))
    var (end, ends) = (0, Set<Int>())
    for unit in units(of: text) {
      end += unit.utf8.count
      ends.insert(end)
    }
    var wholes: [(text: String, tokens: Int)] = []
    var (start, open) = (0, pieces.startIndex)
    for place in pieces.indices {
      let end = model.text(of: Array(pieces[...place])).utf8.count
      guard end > start, ends.contains(end) else { continue }
      wholes.append(
        (String(decoding: text.utf8.dropFirst(start).prefix(end - start), as: UTF8.self), place + 1 - open))
      (start, open) = (end, place + 1)
    }
    // Pieces that are bytes of a character have no text of their own.
    return open == pieces.endIndex ? wholes : [(text, pieces.count)]
  }

  /// The sentence that the tokens spell; subwords are put together.
  ///
  /// It is the inverse of ``tokens(of:)`` for characters. The other units have lost the kind and the amount
  /// of white space (words: also where there was none) and join by one space. SentencePiece puts its pieces together itself.
  public func text(of tokens: [String]) -> String { text(of: tokens, words: []) }

  /// As ``text(of:)``, where the tokens of each of `words` hold one whole word, which is no subword of those beside it.
  package func text(of tokens: [String], words: [Range<Int>]) -> String {
    guard case .sentencePiece(let model) = subwords else {
      return units(of: tokens, words: words).joined(separator: unit == .characters ? "" : " ")
    }
    if words.isEmpty { return model.text(of: tokens) }
    return spelled(tokens, words) { [model.text(of: $0).trimmingCharacters(in: .whitespaces)] }
      .filter { !$0.isEmpty }.joined(separator: " ")
  }

  /// The units of tokens, where the tokens of each of `words` hold one whole word, which is no subword of those beside it.
  package func units(of tokens: [String], words: [Range<Int>]) -> [String] {
    spelled(tokens, words, units(of:))
  }

  /// What stands between the words, as `spelling` has it, and the words.
  private func spelled(_ tokens: [String], _ words: [Range<Int>], _ spelling: ([String]) -> [String])
    -> [String]
  {
    var (result, start) = ([String](), 0)
    for word in words {
      result += spelling(Array(tokens[start..<word.lowerBound])) + [tokens[word.lowerBound]]
      start = word.upperBound
    }
    return result + spelling(Array(tokens[start...]))
  }

  /// Going by grapheme clusters keeps a combining mark with its letter.
  private func words(of text: String) -> [String] {
    var words: [String] = []
    var start: String.Index?
    for index in text.indices {
      let character = text[index]
      if character.isLetter || character.isNumber || character == WrittenUnknown.mark {
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

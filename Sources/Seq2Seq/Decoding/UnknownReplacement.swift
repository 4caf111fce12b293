import Foundation

/// What stands for the words that a model wrote as unknown: the source word that it looked at most while it did, or that
/// word's translation by a dictionary (Luong et al. 2015, "Addressing the Rare Word Problem in Neural Machine Translation",
/// §3.3, with the attention in the place of learnt positions). A word that was written without looking at any, as beyond the end
/// of a local window's source, stays unknown.
public struct UnknownReplacement: Sendable, Equatable {
  /// What to write for a source word; the others are copied.
  public var dictionary: [String: String]

  public init(dictionary: [String: String] = [:]) { self.dictionary = dictionary }

  /// Reads a dictionary: lines 'source word TAB target word'. Of several lines for a word the first counts.
  ///
  /// - Parameter lowercase: whether the model reads its sources in lower case
  /// - Throws: ``CorpusError``.
  public init(dictionaryAt url: URL, lowercase: Bool) throws(CorpusError) {
    let words = try ParallelCorpus(
      contentsOf: url, source: Tokenization(.whitespace, lowercase: lowercase), target: .whitespace,
      maximumLength: Self.mostWords)
    dictionary = Dictionary(
      words.pairs.map { ($0.source.joined(separator: " "), $0.target.joined(separator: " ")) },
      uniquingKeysWith: { first, _ in first })
  }

  /// An entry is a word, or a few.
  private static let mostWords = 100
}

/// An ``UnknownReplacement`` between the tokens of a model's two sides.
///
/// What is copied is the whole source word as text, or what the dictionary says for it. In a target of subwords it is a word of its own, whatever
/// subwords stand beside it, and unknown tokens next to each other that looked at the same word are that word once. Only where
/// the same subwords cut both sides is a subword copied as it is, for there it goes on with those beside it: of `a@@ <unk> b`, the
/// source's `a@@ Ω@@ b` makes `aΩb`.
package struct UnknownWords: Sendable {
  /// A model's tokens, with words in the places of unknown ones.
  package struct Replaced: Sendable, Equatable {
    package var tokens: [String]
    /// The tokens that are together one copied word, which each of them holds; in their order.
    package var words: [Range<Int>] = []
  }

  private let replacement: UnknownReplacement
  private let source: Tokenization
  private let target: Tokenization
  private let sharesSubwords: Bool

  package init(_ replacement: UnknownReplacement, source: Tokenization, target: Tokenization) {
    self.replacement = replacement
    self.source = source
    self.target = target
    sharesSubwords = source.subwords == target.subwords
  }

  /// - Parameters:
  ///   - tokens: what the model wrote, unknown at `places`, which ascend
  ///   - source: the tokens of the source
  ///   - alignment: weights, a row a token of the target
  package func replaced(_ tokens: [String], at places: [Int], source: [String], alignment: [[Float]])
    -> Replaced
  {
    var result = Replaced(tokens: tokens)
    let units = self.source.wholes(of: source)
    var last: (place: Int, unit: Int)?
    for place in places {
      let weights = alignment[place]
      // Of equal weights the first.
      guard let most = weights.max(), most > 0, let looked = weights.firstIndex(of: most) else { continue }
      let unit = units[looked]
      let translation = replacement.dictionary[unit.text]
      if translation == nil && sharesSubwords {
        result.tokens[place] = source[looked]
        continue
      }
      result.tokens[place] = translation ?? unit.text
      if target.subwords != nil, let last, last == (place - 1, unit.number) {
        result.words.append(result.words.removeLast().lowerBound..<place + 1)
      } else {
        result.words.append(place..<place + 1)
      }
      last = (place, unit.number)
    }
    return result
  }
}

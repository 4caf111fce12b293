import Foundation

/// What stands for the words that a model wrote as unknown: the source word that it looked at most while it did, or that
/// word's translation by a dictionary (Luong et al. 2015, "Addressing the Rare Word Problem in Neural Machine Translation",
/// §3.3, with the attention in the place of learnt positions). A word that was written without looking at any, as beyond the end
/// of a local window's source, stays unknown.
public struct UnknownReplacement: Sendable, Equatable {
  /// What to write for a source token; the others are copied.
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

  /// The tokens with others in the given places.
  ///
  /// - Parameters:
  ///   - source: what to write for each token of the source
  ///   - alignment: weights, a row a token of the target
  func replaced(_ tokens: [String], at places: [Int], source: [String], alignment: [[Float]]) -> [String] {
    var result = tokens
    for place in places {
      let weights = alignment[place]
      // Of equal weights the first.
      guard let most = weights.max(), most > 0, let looked = weights.firstIndex(of: most) else { continue }
      let word = source[looked]
      result[place] = dictionary[word] ?? word
    }
    return result
  }
}

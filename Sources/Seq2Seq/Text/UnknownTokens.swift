/// A count of the tokens that a vocabulary lacks: a model reads them all as one "unknown", so that many of them explain
/// poor results.
public struct UnknownTokens: Sendable, Equatable {
  /// How many tokens were unknown.
  public private(set) var count = 0
  /// How many sentences held one.
  public private(set) var sentences = 0
  /// The first few that differ.
  public private(set) var examples: [String] = []

  private static let mostExamples = 5

  public init() {}

  /// Counts the tokens of some sentences that are not in the vocabulary.
  public init(in sentences: some Sequence<[String]>, vocabulary: Vocabulary) {
    for sentence in sentences {
      add(sentence.filter { vocabulary.id(of: $0) == Vocabulary.unknown })
    }
  }

  /// Counts the unknown tokens of one sentence.
  public mutating func add(_ tokens: [String]) {
    count += tokens.count
    sentences += tokens.isEmpty ? 0 : 1
    for token in tokens where examples.count < Self.mostExamples && !examples.contains(token) {
      examples.append(token)
    }
  }
}

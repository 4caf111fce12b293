import Attention

/// Models that write together: at every step the mean of their probabilities says what follows. One model is an ensemble too.
///
/// Their targets have the same tokens, ids and all; each has a vocabulary of the source and a shape of its own. Scores of given
/// targets are the logarithms of the same means; the alignment is the mean over the models that attend.
public struct Ensemble: Sendable {
  public let models: [TranslationModel]

  /// - Throws: ``ModelError/mismatch(model:part:)`` for models that do not write the same tokens,
  ///   ``ModelError/configuration(option:expected:found:)`` for none.
  public init(_ models: [TranslationModel]) throws(ModelError) {
    guard let first = models.first else {
      throw .configuration(option: "model", expected: "at least one", found: "none")
    }
    for (index, other) in models.enumerated().dropFirst() {
      let rows = [
        ("target vocabulary", other.targetVocabulary == first.targetVocabulary),
        ("kind of target tokens", other.target == first.target),
        ("kind of source tokens", other.source == first.source),
      ]
      for (part, isEqual) in rows where !isEqual {
        throw .mismatch(model: index, part: part)
      }
    }
    self.models = models
  }

  init(_ model: TranslationModel) { models = [model] }

  private var first: TranslationModel { models[0] }

  /// Whether outputs have alignments.
  public var hasAttention: Bool { models.contains { $0.configuration.score != nil } }

  /// The most tokens that a source or a target may have.
  public var maximumLength: Int { models.map(\.configuration.maximumLength).min()! }

  /// Tokenizes a source; unknown are the tokens that some model lacks.
  ///
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  public func read(_ text: String) throws(ModelError) -> TranslationModel.Source {
    let tokens = try fitting(first.source.tokens(of: text))
    let unknown = tokens.filter { token in
      models.contains { $0.sourceVocabulary.id(of: token) == Vocabulary.unknown }
    }
    return TranslationModel.Source(tokens: tokens, ids: try first.read(tokens).ids, unknown: unknown)
  }

  /// Tokenizes a target; `<unk>` is the unknown token there, as it is in outputs (``Tokenization/outputTokens(of:)``).
  ///
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  public func read(target text: String) throws(ModelError) -> [String] {
    try fitting(first.target.outputTokens(of: text))
  }

  private func fitting(_ tokens: [String]) throws(ModelError) -> [String] {
    guard tokens.count <= maximumLength else { throw .tooLong(tokens: tokens.count, limit: maximumLength) }
    return tokens
  }

  /// The log-probabilities and alignments of given pairs, in their order. Tokens that a vocabulary lacks count as unknown.
  ///
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  public func score(_ pairs: [(source: [String], target: [String])]) throws(ModelError)
    -> [EncoderDecoder.ForcedScore]
  {
    let order = pairs.indices.sorted { (pairs[$0].target.count, $0) < (pairs[$1].target.count, $1) }
    var result = [EncoderDecoder.ForcedScore?](repeating: nil, count: pairs.count)
    for start in stride(from: 0, to: order.count, by: Self.pairsAtOnce) {
      let places = order[start..<min(start + Self.pairsAtOnce, order.count)]
      let batch = places.map { pairs[$0] }
      let scores = try models.map { model throws(ModelError) in try model.score(batch) }
      for (index, place) in places.enumerated() { result[place] = .mean(of: scores.map { $0[index] }) }
    }
    return result.map { $0! }
  }

  /// A pass over targets keeps what it computed at every step until its end.
  private static let pairsAtOnce = 128
}

extension EncoderDecoder.ForcedScore {
  /// What models say together of one target.
  fileprivate static func mean(of scores: [Self]) -> Self {
    let alignments = scores.compactMap(\.alignment)
    return Self(
      logProbabilities: scores[0].logProbabilities.indices.map { step in
        .logMeanExp(scores.map { $0.logProbabilities[step] })
      },
      alignment: alignments.first.map { first in
        first.indices.map { row in .mean(of: alignments.map { $0[row] }) }
      })
  }
}

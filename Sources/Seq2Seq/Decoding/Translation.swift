extension TranslationModel {
  /// One output for a source.
  public struct Hypothesis: Sendable {
    public let text: String
    /// As many as the model wrote. Where several together are one copied word, each of them holds it.
    public let tokens: [String]
    /// The units that the tokens are, or are the parts of: what error rates and BLEU count.
    public let units: [String]
    /// The places of the tokens that the model wrote as unknown, whatever stands there now.
    public let unknown: [Int]
    /// What it is ranked by: the log-probability, under the penalties where there are such.
    public let score: Float
    /// The log-probability of the tokens, as the model wrote them, and of the end, in nats.
    public let logProbability: Float
    /// Whether the model ended the output. If not, it was ended when it had as many tokens as an output may have.
    public let isComplete: Bool
    /// The attention's weights, one row a target token and a last one for the end, one column a source token;
    /// nil without attention.
    public let alignment: [[Float]]?
  }

  /// The best outputs for one text, best first; an empty text gives one empty output.
  ///
  /// - Parameter beam: the hypotheses kept at every step, at least 1 (1 is greedy); also the most outputs
  /// - Throws: ``ModelError``.
  public func translate(_ text: String, beam: Int = 1) throws(ModelError) -> [Hypothesis] {
    try translate(text, options: DecodingOptions(beam: beam))
  }

  /// As ``translate(_:beam:)-(String,_)``, found as the options say.
  public func translate(_ text: String, options: DecodingOptions) throws(ModelError) -> [Hypothesis] {
    try translate([read(text)], options: options)[0]
  }

  /// The best outputs for several sources: for each at least one, at most `beam`, best first.
  public func translate(_ sources: [Source], beam: Int = 1) throws(ModelError) -> [[Hypothesis]] {
    try translate(sources, options: DecodingOptions(beam: beam))
  }

  /// As ``Ensemble/translate(_:options:)`` with this model alone.
  public func translate(_ sources: [Source], options: DecodingOptions) throws(ModelError) -> [[Hypothesis]] {
    try Ensemble(self).translate(sources, options: options)
  }
}

extension Ensemble {
  public typealias Hypothesis = TranslationModel.Hypothesis

  /// The outputs for several sources, in their order: for each at least one, best first; an empty source has one empty output.
  /// Sources of like length are decoded together, whatever order they come in.
  ///
  /// - Throws: ``ModelError``: for options that cannot be, a source that is too long, and ``ModelError/noAlignment``
  ///   for what takes attention.
  public func translate(_ sources: [TranslationModel.Source], options: DecodingOptions = DecodingOptions())
    throws(ModelError) -> [[Hypothesis]]
  {
    try options.validate()
    guard hasAttention || !options.needsAttention else { throw .noAlignment }
    let ids = try models.map { model throws(ModelError) in
      try sources.map { source throws(ModelError) in try model.read(source.tokens).ids }
    }
    let empty = Hypothesis(
      text: "", tokens: [], units: [], unknown: [], score: 0, logProbability: 0, isComplete: true,
      alignment: hasAttention ? [] : nil)
    var result = [[Hypothesis]](repeating: [empty], count: sources.count)
    let filled = sources.indices.filter { !sources[$0].tokens.isEmpty }
    let order = filled.sorted { (sources[$0].tokens.count, $0) < (sources[$1].tokens.count, $1) }
    let words = options.unknown.map {
      UnknownWords($0, source: models[0].source, target: models[0].target)
    }
    let size = options.batchSize
    for start in stride(from: 0, to: order.count, by: size) {
      let batch = order[start..<min(start + size, order.count)]
      let decoders = RunningDecoders(
        models.map(\.packed), sources: ids.map { all in batch.map { all[$0] } }, width: options.width)
      for (index, decoded) in zip(batch, decode(decoders, options, numbers: Array(batch))) {
        result[index] = decoded.map { hypothesis($0, sources[index], words) }
      }
    }
    return result
  }

  /// - Parameter numbers: the sources' places among all of them
  private func decode(_ decoders: RunningDecoders, _ options: DecodingOptions, numbers: [Int])
    -> [[DecodedSequence]]
  {
    let limit = min(maximumLength, options.maximumLength ?? models.map(\.configuration.outputLimit).min()!)
    if let sampling = options.sampling {
      var sampler = Sampler(decoders, options: options, sampling: sampling, limit: limit)
      return sampler.run(numbers: numbers)
    }
    var search = BeamSearch(decoders, options: options, limit: limit)
    return search.run()
  }

  private func hypothesis(
    _ decoded: DecodedSequence, _ source: TranslationModel.Source, _ words: UnknownWords?
  ) -> Hypothesis {
    let (target, vocabulary) = (models[0].target, models[0].targetVocabulary)
    let written = decoded.ids.map { vocabulary.token(at: Int($0)) }
    let unknown = decoded.ids.indices.filter { decoded.ids[$0] == Vocabulary.unknown }
    var output = UnknownWords.Replaced(tokens: written)
    if let words, !unknown.isEmpty {
      output = words.replaced(written, at: unknown, source: source.tokens, alignment: decoded.alignment)
    }
    return Hypothesis(
      text: target.text(of: output.tokens, words: output.words), tokens: output.tokens,
      units: target.units(of: output.tokens, words: output.words), unknown: unknown,
      score: Float(decoded.score), logProbability: Float(decoded.logProbability),
      isComplete: decoded.isComplete, alignment: hasAttention ? decoded.alignment : nil)
  }
}

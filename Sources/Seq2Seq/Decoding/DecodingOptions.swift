/// How outputs are found.
public struct DecodingOptions: Sendable, Equatable {
  /// The hypotheses kept at every step, 1 to 1000; 1 is greedy.
  public var beam: Int
  /// The most outputs of a source that the search gives, 1 to `beam`; nil for `beam`. The fewer, the sooner it is done: they are the
  /// first of those that more would be.
  public var outputs: Int?
  /// What ranks the outputs that have ended; at each step the likeliest hypotheses are kept.
  public var penalties: Penalties
  /// The most tokens of an output, at least 1 and never more than a sentence of the model may have; nil for twice the longest
  /// target that it learnt from, and 10. An output that grows so long is ended there.
  public var maximumLength: Int?
  /// Draws outputs instead of searching for the likeliest; nil searches.
  public var sampling: Sampling?
  /// What stands in an output for words that the model wrote as unknown; nil leaves them as `<unk>`.
  public var unknown: UnknownReplacement?

  public init(
    beam: Int = 1, outputs: Int? = nil, penalties: Penalties = Penalties(), maximumLength: Int? = nil,
    sampling: Sampling? = nil,
    unknown: UnknownReplacement? = nil
  ) {
    self.beam = beam
    self.outputs = outputs
    self.penalties = penalties
    self.maximumLength = maximumLength
    self.sampling = sampling
    self.unknown = unknown
  }

  /// Throws what no decoding can do.
  ///
  /// - Throws: ``ModelError/configuration(option:expected:found:)``.
  public func validate() throws(ModelError) {
    guard (1...1000).contains(beam) else {
      throw .configuration(option: "beam", expected: "1 to 1000", found: "\(beam)")
    }
    guard (1...beam).contains(outputs ?? beam) else {
      throw .configuration(option: "outputs", expected: "1 to the beam of \(beam)", found: "\(outputs!)")
    }
    guard maximumLength ?? 1 >= 1 else {
      throw .configuration(option: "maximumLength", expected: "at least 1", found: "\(maximumLength!)")
    }
    try penalties.validate()
    guard let sampling else { return }
    try sampling.validate()
    guard beam == 1 else {
      throw .configuration(option: "beam", expected: "1 where outputs are drawn", found: "\(beam)")
    }
  }

  /// Whether there is an answer for a model without attention.
  var needsAttention: Bool { penalties.coverage > 0 || unknown != nil }

  /// The hypotheses of a source that advance together.
  var width: Int { sampling?.count ?? beam }

  /// The sources that are decoded together: about the same number of rows whatever the width.
  public var batchSize: Int { max(1, 128 / width) }
}

import Foundation

/// Models on the same examples: how often each is wrong by the length of the source, and whether the gradient finds its way through the
/// longest.
///
/// A model without attention keeps a source in states of one size however long it is. So its errors rise with the length where those of
/// attention do not (Bahdanau, Cho, Bengio 2015, figure 2).
public struct ModelComparison: Codable, Sendable, Equatable {
  /// One model's results.
  public struct Model: Codable, Sendable, Equatable {
    public let name: String
    /// From the shortest sources to the longest, the same for all models.
    public let buckets: [Bucket]
    /// Of the longest sources, in as many parts as their targets have tokens, on average; nil without examples.
    public let gradient: SourceGradient?
    /// The same before the model learnt anything, with the weights of seed 1.
    public let untrainedGradient: SourceGradient?
  }

  /// What a model makes of the sources of some lengths.
  public struct Bucket: Codable, Sendable, Equatable {
    /// The tokens of a source. In JSON the least and the most.
    public let lengths: ClosedRange<Int>
    public let evaluation: Evaluation

    /// The lengths as people read them: "5", or "5–7".
    public var label: String {
      lengths.count == 1 ? "\(lengths.lowerBound)" : "\(lengths.lowerBound)–\(lengths.upperBound)"
    }
  }

  public let models: [Model]

  /// Decodes all examples with every model, and sends the losses of the longest sources back.
  ///
  /// - Parameters:
  ///   - models: with a name each; all cut text in the same way
  ///   - options: how outputs are found
  ///   - progress: called with a model's name and how far everything is, `0...1`
  /// - Throws: ``ModelError``: for models that cut text differently, options that cannot be, or a sentence that is too long.
  public init(
    _ models: [(name: String, model: TranslationModel)], on buckets: [LengthBucket],
    options: DecodingOptions = DecodingOptions(), progress: (String, Double) -> Void = { _, _ in }
  ) throws(ModelError) {
    try Self.check(models.map(\.model))
    let count = buckets.reduce(0) { $0 + $1.examples.count } + 2 * (buckets.last?.examples.count ?? 0)
    var done = 0
    var result: [Model] = []
    for (name, model) in models {
      func show(_ examples: Int) -> Bool {
        progress(name, Double(done + examples) / Double(count * models.count))
        return true
      }
      var measured: [Bucket] = []
      for bucket in buckets {
        let evaluation = try Ensemble(model).evaluate(bucket.examples, options: options, progress: show)
        done += bucket.examples.count
        measured.append(Bucket(lengths: bucket.lengths, evaluation: evaluation))
      }
      var gradients: [SourceGradient] = []
      if let longest = buckets.last {
        for model in [model, try model.untrained()] {
          let parts = max(1, longest.targetLength)
          gradients.append(try model.sourceGradient(longest.examples, parts: parts, progress: show))
          done += longest.examples.count
        }
      }
      result.append(
        Model(
          name: name, buckets: measured, gradient: gradients.first, untrainedGradient: gradients.last))
    }
    self.models = result
  }

  private static func check(_ models: [TranslationModel]) throws(ModelError) {
    for (index, model) in models.enumerated().dropFirst()
    where model.source != models[0].source || model.target != models[0].target {
      throw .configuration(
        option: "model", expected: "models that cut text into the same tokens",
        found: "another way in the \(index + 1). model")
    }
  }

  /// The comparison as JSON, its keys sorted; numbers that are none as ``Evaluation/json()`` writes them.
  public func json() throws -> Data { try JSONEncoder.measurements(.prettyPrinted).encode(self) }
}

import Foundation

/// Models on the same examples: how often each is wrong by the length of the source, and whether the gradient finds its way through the
/// longest.
///
/// A model without attention keeps a source in states of one size however long it is. So its errors rise with the length where those of
/// attention do not (Bahdanau, Cho, Bengio 2015, figure 2).
///
/// Models may cut text differently as long as their targets are of the same units: sources are as long for all models as they are in the units of
/// the first, and errors are those of units, which are whole words where tokens are subwords.
public struct ModelComparison: Codable, Sendable, Equatable {
  /// One model's results.
  public struct Model: Codable, Sendable, Equatable {
    public let name: String
    /// From the shortest sources to the longest, the same for all models.
    public let buckets: [Bucket]
    /// Of the longest sources, in as many parts as their targets have units, on average; nil without examples.
    public let gradient: SourceGradient?
    /// The same before the model learnt anything, with the weights of seed 1.
    public let untrainedGradient: SourceGradient?
  }

  /// What a model makes of the sources of some lengths.
  public struct Bucket: Codable, Sendable, Equatable {
    /// Of the sources. In JSON the least and the most.
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
  ///   - models: with a name each
  ///   - buckets: of examples that these models have read, in this order
  ///   - options: how outputs are found
  ///   - progress: called with a model's name and how far everything is, `0...1`
  /// - Throws: ``ModelError``: for models whose targets are of different units, options that cannot be, or a sentence that is too long.
  public init(
    _ models: [(name: String, model: TranslationModel)], on buckets: [LengthBucket],
    options: DecodingOptions = DecodingOptions(), progress: (String, Double) -> Void = { _, _ in }
  ) throws(ModelError) {
    try Self.check(models.map(\.model), buckets)
    let count = buckets.reduce(0) { $0 + $1.examples.count } + 2 * (buckets.last?.examples.count ?? 0)
    var done = 0
    var result: [Model] = []
    for (index, (name, model)) in models.enumerated() {
      func show(_ examples: Int) -> Bool {
        progress(name, Double(done + examples) / Double(count * models.count))
        return true
      }
      var measured: [Bucket] = []
      for bucket in buckets {
        let evaluation = try Ensemble(model).evaluate(
          bucket.examples.map { $0.readings[index] }, options: options, progress: show)
        done += bucket.examples.count
        measured.append(Bucket(lengths: bucket.lengths, evaluation: evaluation))
      }
      var gradients: [SourceGradient] = []
      if let longest = buckets.last {
        for model in [model, try model.untrained()] {
          let parts = max(1, longest.targetLength)
          gradients.append(
            try model.sourceGradient(
              longest.examples.map { $0.readings[index] }, parts: parts, progress: show))
          done += longest.examples.count
        }
      }
      result.append(
        Model(
          name: name, buckets: measured, gradient: gradients.first, untrainedGradient: gradients.last))
    }
    self.models = result
  }

  private static func check(_ models: [TranslationModel], _ buckets: [LengthBucket]) throws(ModelError) {
    for (index, model) in models.enumerated().dropFirst()
    where model.target.unit != models[0].target.unit || model.target.lowercase != models[0].target.lowercase {
      throw .mismatch(
        model: index,
        part: "unit of targets (\(units(model.target)), not \(units(models[0].target)))")
    }
    let readings = Set(buckets.lazy.flatMap(\.examples).map(\.readings.count))
    guard readings.isSubset(of: [models.count]) else {
      throw .configuration(
        option: "buckets", expected: "examples as \(models.count) models read them",
        found: "read by \(readings.sorted())")
    }
  }

  private static func units(_ tokenization: Tokenization) -> String {
    tokenization.unit.rawValue + (tokenization.lowercase ? " in lower case" : "")
  }

  /// The comparison as JSON, its keys sorted; numbers that are none as ``Evaluation/json()`` writes them.
  public func json() throws -> Data { try JSONEncoder.measurements(.prettyPrinted).encode(self) }
}

import Attention

/// The shape of a recurrent encoder-decoder.
public struct ModelConfiguration: Codable, Sendable, Equatable {
  /// The attention's score; nil for the plain encoder-decoder without attention (Sutskever et al. 2014).
  public var score: Score?
  public var cell: RecurrentCell
  /// The layers of the encoder, and of the decoder.
  public var layers: Int
  /// Encode in both directions, each with half of the hidden units.
  public var bidirectional: Bool
  /// Feed s̃_{t−1} to the next step (Luong et al. 2015, §3.3).
  public var inputFeeding: Bool
  /// E, the width of both embeddings.
  public var embedding: Int
  /// H, the width of encoder and decoder.
  public var hidden: Int
  /// The share of activations dropped in training, between layers, at the embeddings and before the output.
  public var dropout: Float
  /// The most tokens that a source or a target may have.
  public var maximumLength: Int
  public internal(set) var sourceVocabulary = 0
  public internal(set) var targetVocabulary = 0
  /// The tokens of the longest target that the model learnt from; nil if that is not known.
  public internal(set) var longestTarget: Int?

  /// The most tokens of an output: room for twice what was ever learnt, so that a model that repeats itself does not run on
  /// to ``maximumLength``.
  var outputLimit: Int { min(maximumLength, longestTarget.map { 2 * $0 + 10 } ?? maximumLength) }

  /// The model of Luong, Pham, Manning 2015 with global attention.
  public static func luong(
    score: Score = .general, cell: RecurrentCell = .lstm, layers: Int = 1, bidirectional: Bool = true,
    inputFeeding: Bool = true, embedding: Int = 64, hidden: Int = 128, dropout: Float = 0,
    maximumLength: Int = 250
  ) -> ModelConfiguration {
    ModelConfiguration(
      score: score, cell: cell, layers: layers, bidirectional: bidirectional, inputFeeding: inputFeeding,
      embedding: embedding, hidden: hidden, dropout: dropout, maximumLength: maximumLength)
  }

  /// The plain encoder-decoder: the decoder sees the encoder's last state alone.
  public static func plain(
    cell: RecurrentCell = .lstm, layers: Int = 1, bidirectional: Bool = true, embedding: Int = 64,
    hidden: Int = 128,
    dropout: Float = 0, maximumLength: Int = 250
  ) -> ModelConfiguration {
    ModelConfiguration(
      score: nil, cell: cell, layers: layers, bidirectional: bidirectional, inputFeeding: false,
      embedding: embedding, hidden: hidden, dropout: dropout, maximumLength: maximumLength)
  }

  /// The same shape for vocabularies of these sizes.
  ///
  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for a size that no model can have.
  public func sized(source: Int, target: Int) throws(ModelError) -> ModelConfiguration {
    var result = self
    result.sourceVocabulary = source
    result.targetVocabulary = target
    try result.validate()
    return result
  }

  func validate() throws(ModelError) {
    try Self.check("layers", layers, 1...64)
    try Self.check("embedding", embedding, 1...65_536)
    try Self.check("hidden", hidden, 1...65_536)
    try Self.check("maximumLength", maximumLength, 1...1_000_000)
    try Self.check("sourceVocabulary", sourceVocabulary, 3...100_000_000)
    try Self.check("targetVocabulary", targetVocabulary, 3...100_000_000)
    guard parameterEstimate <= Self.mostParameters else {
      throw .configuration(
        option: "hidden", expected: "a model of at most \(Self.mostParameters) parameters",
        found: "\(hidden) (about \(Int(parameterEstimate)) parameters)")
    }
    guard dropout >= 0 && dropout < 1 else {
      throw .configuration(option: "dropout", expected: "at least 0 and less than 1", found: "\(dropout)")
    }
    guard !bidirectional || hidden % 2 == 0 else {
      throw .configuration(
        option: "hidden", expected: "an even number (half for each direction)", found: "\(hidden)")
    }
    guard score != nil || !inputFeeding else {
      throw .configuration(option: "inputFeeding", expected: "false without attention", found: "true")
    }
  }

  /// 4 GB of weights, and four times that while training: more than a sentence model needs, and the point where a slip of
  /// the finger would otherwise end in the system killing the process.
  private static let mostParameters = 1e9

  /// The parameters of embeddings, cells and output; in floating point, since it is asked of sizes that overflow.
  private var parameterEstimate: Double {
    let (h, e) = (Double(hidden), Double(embedding))
    let cells = 2 * Double(layers * cell.gates) * h * (2 * h + e)
    return cells + Double(sourceVocabulary) * e + Double(targetVocabulary) * (e + h)
  }

  private static func check(_ option: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
    guard range.contains(value) else {
      throw .configuration(
        option: option, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
  }
}

/// A mistake in what a model is made from or asked.
public enum ModelError: Error, Equatable, Sendable {
  /// An option of the configuration lies outside of what it may be.
  case configuration(option: String, expected: String, found: String)
  /// The kernels cannot run: see the environment's `CKERNELS_ISA`.
  case kernels(String)
  /// A token id lies outside of the vocabulary.
  case id(Int, vocabulary: Int)
  /// The weights are not those of the configuration.
  case weights(parameter: String, problem: String)
  /// A sentence is longer than the model allows.
  case tooLong(tokens: Int, limit: Int)
  /// The model has no attention, so there is no alignment.
  case noAlignment
}

extension ModelError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .configuration(let option, let expected, let found):
      "the option '\(option)' is \(found); expected \(expected)"
    case .kernels(let message): message
    case .id(let id, let vocabulary):
      "the token id \(id) lies outside of the vocabulary's 0 to \(vocabulary - 1)"
    case .weights(let parameter, let problem):
      "the parameter '\(parameter)' \(problem)"
    case .tooLong(let tokens, let limit):
      "the sentence has \(tokens) tokens; this model takes at most \(limit): split it"
    case .noAlignment: "the model has no attention and therefore no alignment; train one with --model luong"
    }
  }
}

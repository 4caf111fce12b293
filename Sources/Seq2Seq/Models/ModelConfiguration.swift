import Attention

/// Whose decoder a model has.
public enum DecoderKind: String, Codable, Sendable, CaseIterable {
  /// Luong, Pham, Manning 2015: attends after the cell; or not at all.
  case luong
  /// Bahdanau, Cho, Bengio 2015: attends before the cell.
  case bahdanau
}

/// What the output layer reads of Bahdanau's decoder; Luong's has the tanh layer of its paper.
public enum Readout: String, Codable, Sendable, CaseIterable {
  /// A layer of H units over the state after the cell.
  case tanh
  /// The paper's (Bahdanau et al. 2015, appendix A.2.2): H sums of the state before the cell, of which each two neighbours leave
  /// the larger (Goodfellow et al. 2013).
  case maxout

  /// The width of what the output layer reads.
  func width(hidden: Int) -> Int { self == .maxout ? hidden / 2 : hidden }
}

/// The shape of a recurrent encoder-decoder.
public struct ModelConfiguration: Codable, Sendable, Equatable {
  public let decoder: DecoderKind
  /// The attention's score, in Bahdanau's model concat or normed concat; nil for the plain encoder-decoder without attention (Sutskever
  /// et al. 2014).
  public var score: Score?
  /// The part of the source that a step attends to; nil for all of it ("global").
  public var window: AttentionWindow?
  /// What the cosine score divides by: cosines lie between −1 and 1, and of 30 words whose cosines span all of that none has more than
  /// a fifth of the weight at 1. Of other scores it is 1.
  public var scoreTemperature: Float = 1
  public var cell: RecurrentCell
  /// The layers of the encoder, and of the decoder; Bahdanau's decoder has one.
  public var layers: Int
  /// Add to the states of every layer above the first what entered it, before dropout: y_l = h_l + x_l, which enters layer l + 1
  /// (Wu et al. 2016, §3.1). The cells themselves, and so the decoder's first state, keep to h.
  public var residual: Bool
  /// Encode in both directions: in Luong's model each with half of the hidden units, in Bahdanau's, which always does, with all.
  public var bidirectional: Bool
  /// Feed s̃_{t−1} to the next step (Luong et al. 2015, §3.3).
  public var inputFeeding: Bool
  public var readout = Readout.tanh
  /// Encode sources from their end (Sutskever et al. 2014, §3.3). Alignments keep the order of the text.
  public var reversedSource = false
  /// The output layer's weight is the embedding of the target (Press & Wolf 2017), which must be as wide as what that layer
  /// reads: H, or H/2 by maxout.
  public var tied = false
  /// E, the width of both embeddings.
  public var embedding: Int
  /// H, the width of the decoder and of Luong's encoder; the states of Bahdanau's are twice as wide.
  public var hidden: Int
  /// The share of activations dropped in training, between layers, at the embeddings and before the output.
  public var dropout: Float
  /// The share of the attention's weights dropped in training, behind the softmax.
  public var attentionDropout: Float = 0
  /// Drop the same of a sentence at all of its steps, and whole tokens at the embeddings (Gal & Ghahramani 2016).
  public var variational = false
  /// The share of the recurrent weights of all cells dropped in training, the same at all steps (Merity et al. 2018).
  public var recurrentDropout: Float = 0
  /// Where every parameter starts, biases included: uniform in ± this, as the papers have it. Nil: each layer's own, uniform in
  /// ±1/√(inputs), cells in ±1/√H, embeddings in ±0.1, biases 0 (an LSTM's forget gate 1).
  public var initialRange: Float?
  /// Start as Bahdanau, Cho, Bengio 2015, appendix B.1: recurrent matrices orthogonal, those of attention from N(0, 0.001²), its v at
  /// 0, other weights from N(0, 0.01²).
  public var orthogonal = false
  /// The most tokens that a source or a target may have.
  public var maximumLength: Int
  public internal(set) var sourceVocabulary = 0
  public internal(set) var targetVocabulary = 0
  /// The tokens of the longest target that the model learnt from; nil if that is not known.
  public internal(set) var longestTarget: Int?

  /// The most tokens of an output: room for twice what was ever learnt, so that a model that repeats itself does not run on
  /// to ``maximumLength``.
  var outputLimit: Int { min(maximumLength, longestTarget.map { 2 * $0 + 10 } ?? maximumLength) }

  /// The model of Luong, Pham, Manning 2015, with global attention unless a ``window`` is set.
  public static func luong(
    score: Score = .general, cell: RecurrentCell = .lstm, layers: Int = 1, residual: Bool = false,
    bidirectional: Bool = true, inputFeeding: Bool = true, embedding: Int = 64, hidden: Int = 128,
    dropout: Float = 0,
    maximumLength: Int = 250
  ) -> ModelConfiguration {
    ModelConfiguration(
      decoder: .luong, score: score, cell: cell, layers: layers, residual: residual,
      bidirectional: bidirectional, inputFeeding: inputFeeding,
      embedding: embedding, hidden: hidden, dropout: dropout, maximumLength: maximumLength)
  }

  /// The model of Bahdanau, Cho, Bengio 2015; the paper's own has `.gruResetBefore` and `.maxout`.
  ///
  /// - Parameter layers: of the encoder, each in both directions
  public static func bahdanau(
    cell: RecurrentCell = .gru, layers: Int = 1, residual: Bool = false, readout: Readout = .tanh,
    embedding: Int = 64, hidden: Int = 128, dropout: Float = 0, maximumLength: Int = 250
  ) -> ModelConfiguration {
    ModelConfiguration(
      decoder: .bahdanau, score: .concat, cell: cell, layers: layers, residual: residual,
      bidirectional: true, inputFeeding: false, readout: readout, embedding: embedding, hidden: hidden,
      dropout: dropout,
      maximumLength: maximumLength)
  }

  /// The plain encoder-decoder: the decoder sees the encoder's last state alone.
  public static func plain(
    cell: RecurrentCell = .lstm, layers: Int = 1, residual: Bool = false, bidirectional: Bool = true,
    embedding: Int = 64, hidden: Int = 128, dropout: Float = 0, maximumLength: Int = 250
  ) -> ModelConfiguration {
    ModelConfiguration(
      decoder: .luong, score: nil, cell: cell, layers: layers, residual: residual,
      bidirectional: bidirectional, inputFeeding: false,
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
    for (option, rate) in [("dropout", dropout), ("recurrentDropout", recurrentDropout)] {
      guard rate >= 0 && rate < 1 else {
        throw .configuration(option: option, expected: "at least 0 and less than 1", found: "\(rate)")
      }
    }
    guard initialRange.map({ $0 > 0 && $0.isFinite }) ?? true else {
      throw .configuration(option: "initialRange", expected: "a positive number", found: "\(initialRange!)")
    }
    guard initialRange == nil || !orthogonal else {
      throw .configuration(
        option: "initialRange", expected: "none with an orthogonal start", found: "\(initialRange!)")
    }
    guard dropout > 0 || !variational else {
      throw .configuration(option: "variational", expected: "false without dropout", found: "true")
    }
    guard layers > 1 || !residual else {
      throw .configuration(option: "residual", expected: "false with a single layer", found: "true")
    }
    guard !tied || embedding == readoutWidth else {
      throw .configuration(
        option: "embedding", expected: "\(readoutWidth) with tied embeddings (what the output layer reads)",
        found: "\(embedding)")
    }
    try validateAttention()
    switch decoder {
    case .luong: try validateLuong()
    case .bahdanau: try validateBahdanau()
    }
  }

  private func validateAttention() throws(ModelError) {
    guard scoreTemperature > 0, (1 / scoreTemperature).isFinite, scoreTemperature.isFinite else {
      throw .configuration(
        option: "scoreTemperature", expected: "a positive number", found: "\(scoreTemperature)")
    }
    guard attentionDropout >= 0 && attentionDropout < 1 else {
      throw .configuration(
        option: "attentionDropout", expected: "at least 0 and less than 1", found: "\(attentionDropout)")
    }
    guard score != nil || attentionDropout == 0 else {
      throw .configuration(
        option: "attentionDropout", expected: "0 without attention", found: "\(attentionDropout)")
    }
    guard score == .cosine || scoreTemperature == 1 else {
      throw .configuration(
        option: "scoreTemperature", expected: "1 but for the score \(Score.cosine)",
        found: "\(scoreTemperature)")
    }
    guard let window else { return }
    try Self.check("radius", window.radius, 1...1_000_000)
    guard score != nil, score != .location else {
      let expected = score == nil ? "none without attention" : "none with the score \(Score.location)"
      throw .configuration(option: "window", expected: expected, found: "\(window)")
    }
  }

  private func validateLuong() throws(ModelError) {
    guard !bidirectional || hidden % 2 == 0 else {
      throw .configuration(
        option: "hidden", expected: "an even number (half for each direction)", found: "\(hidden)")
    }
    guard score != nil || !inputFeeding else {
      throw .configuration(option: "inputFeeding", expected: "false without attention", found: "true")
    }
    guard readout == .tanh else {
      throw .configuration(option: "readout", expected: "tanh in Luong's model", found: "\(readout)")
    }
  }

  private func validateBahdanau() throws(ModelError) {
    guard score?.isAdditive == true else {
      throw .configuration(
        option: "score",
        expected: "\(Score.concat.rawValue) or \(Score.normedConcat.rawValue) in Bahdanau's model",
        found: score?.rawValue ?? "none")
    }
    let fixed = [
      ("bidirectional", "true", "\(bidirectional)"), ("inputFeeding", "false", "\(inputFeeding)"),
    ]
    for (option, expected, found) in fixed where found != expected {
      throw .configuration(option: option, expected: "\(expected) in Bahdanau's model", found: found)
    }
    guard readout == .tanh || hidden % 2 == 0 else {
      throw .configuration(
        option: "hidden", expected: "an even number (maxout reads pairs)", found: "\(hidden)")
    }
  }

  /// The width of what the output layer reads.
  var readoutWidth: Int { readout.width(hidden: hidden) }

  /// The units of one direction of an encoder layer.
  var directionWidth: Int { decoder == .luong && bidirectional ? hidden / 2 : hidden }

  /// The width of the encoder's states.
  var stateWidth: Int { bidirectional ? 2 * directionWidth : hidden }

  /// 4 GB of weights, and four times that while training: more than a sentence model needs, and the point where a slip of
  /// the finger would otherwise end in the system killing the process.
  private static let mostParameters = 1e9

  /// The parameters of embeddings, cells, positions and output; in floating point, since it is asked of sizes that overflow.
  private var parameterEstimate: Double {
    let (h, e, width) = (Double(hidden), Double(embedding), Double(stateWidth))
    let cells = Double(layers * cell.gates) * (h + width) * (e + width + h)
    let positions = score == .location ? Double(maximumLength) * h : 0
    return cells + positions + Double(sourceVocabulary) * e + Double(targetVocabulary) * (e + h)
  }

  private static func check(_ option: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
    guard range.contains(value) else {
      throw .configuration(
        option: option, expected: "\(range.lowerBound) to \(range.upperBound)", found: "\(value)")
    }
  }
}

extension ModelConfiguration {
  /// What was saved before there was a choice says nothing of it: of Luong's decoder, without
  /// residual connections, with a tanh readout, of sources as they stand, with an output weight of its own.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.decoder = try values.decodeIfPresent(DecoderKind.self, forKey: .decoder) ?? .luong
    score = try values.decodeIfPresent(Score.self, forKey: .score)
    window = try values.decodeIfPresent(AttentionWindow.self, forKey: .window)
    scoreTemperature = try values.decodeIfPresent(Float.self, forKey: .scoreTemperature) ?? 1
    cell = try values.decode(RecurrentCell.self, forKey: .cell)
    layers = try values.decode(Int.self, forKey: .layers)
    residual = try values.decodeIfPresent(Bool.self, forKey: .residual) ?? false
    bidirectional = try values.decode(Bool.self, forKey: .bidirectional)
    inputFeeding = try values.decode(Bool.self, forKey: .inputFeeding)
    readout = try values.decodeIfPresent(Readout.self, forKey: .readout) ?? .tanh
    reversedSource = try values.decodeIfPresent(Bool.self, forKey: .reversedSource) ?? false
    tied = try values.decodeIfPresent(Bool.self, forKey: .tied) ?? false
    embedding = try values.decode(Int.self, forKey: .embedding)
    hidden = try values.decode(Int.self, forKey: .hidden)
    dropout = try values.decode(Float.self, forKey: .dropout)
    attentionDropout = try values.decodeIfPresent(Float.self, forKey: .attentionDropout) ?? 0
    variational = try values.decodeIfPresent(Bool.self, forKey: .variational) ?? false
    initialRange = try values.decodeIfPresent(Float.self, forKey: .initialRange)
    orthogonal = try values.decodeIfPresent(Bool.self, forKey: .orthogonal) ?? false
    recurrentDropout = try values.decodeIfPresent(Float.self, forKey: .recurrentDropout) ?? 0
    maximumLength = try values.decode(Int.self, forKey: .maximumLength)
    sourceVocabulary = try values.decode(Int.self, forKey: .sourceVocabulary)
    targetVocabulary = try values.decode(Int.self, forKey: .targetVocabulary)
    longestTarget = try values.decodeIfPresent(Int.self, forKey: .longestTarget)
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
  /// Models that are used together differ in what they have to share: the one at this place, from 0, from the first.
  case mismatch(model: Int, part: String)
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
    case .noAlignment:
      "the model has no attention and therefore no alignment; take Luong's or Bahdanau's, or leave out what needs it "
        + "(a coverage penalty, copied words)"
    case .mismatch(let model, let part):
      "model \(model + 1) has another \(part) than model 1; take models that share it"
    }
  }
}

/// The shape of a model of ``Reference/encoderDecoder(_:configuration:sources:targets:start:end:dropout:)``: Luong's, Bahdanau's, or the
/// plain encoder-decoder.
public struct ReferenceModelConfiguration: Sendable, Equatable {
  /// Whose decoder.
  public enum Decoder: String, Sendable, CaseIterable {
    /// Attends after the cell, or not at all.
    case luong
    /// Attends before the cell; its score is concat or normed concat, with a bias.
    case bahdanau
  }

  /// How the decoder's top state s is compared with an encoder state h.
  public enum Score: String, Sendable, CaseIterable {
    /// sᵀ h.
    case dot
    /// sᵀ h / √hidden.
    case scaledDot = "scaled-dot"
    /// sᵀ h / (‖s‖ ‖h‖ · temperature).
    case cosine
    /// sᵀ (W_k h).
    case general
    /// vᵀ tanh(W_q s + W_k h), and in Bahdanau's model vᵀ tanh(W_q s + W_k h + b).
    case concat
    /// The same with g v / ‖v‖ in place of v.
    case normedConcat = "normed-concat"
    /// (W s) at the position of h.
    case location
    /// No attention: the plain encoder-decoder, s̃ = s.
    case none
  }

  /// What the output layer reads of Bahdanau's decoder.
  public enum Readout: String, Sendable, CaseIterable {
    /// A tanh layer of `hidden` units over the state after the cell.
    case tanh
    /// Half as many: the larger of each two neighbouring sums over the state before the cell.
    case maxout
  }

  /// The part of the source that a step attends to (Luong, Pham, Manning 2015, §3.2): within radius of p[t].
  public enum Window: Sendable, Equatable {
    /// "local-m": p[t] = t.
    case monotonic(radius: Int)
    /// "local-p": p[t] = S · sigmoid(v_pᵀ tanh(W_p s[t])), under a Gaussian.
    case predictive(radius: Int)
  }

  public private(set) var decoder = Decoder.luong
  public private(set) var readout = Readout.tanh
  /// The encoder reads sources from their end; states and α keep the order of the text.
  public var reversedSource = false
  /// The output's weight is the embedding of the target.
  public var tied = false
  public var cell: Reference.Cell
  /// Of the encoder and of Luong's decoder, at least 1; Bahdanau's decoder has one.
  public var layers: Int
  /// Every layer above the first returns h + x, with x what entered it (Wu et al. 2016, §3.1).
  public var residual: Bool
  /// The encoder reads both ways, in Luong's model with hidden / 2 units each, in Bahdanau's with hidden.
  public var bidirectional: Bool
  public var score: Score
  /// Nil: the whole source.
  public var window: Window?
  /// Of the cosine score.
  public var temperature = 1.0
  /// The positions that the location score has weights for: of the longest source, or more.
  public var positions = 8
  /// The decoder's cell reads the previous s̃ beside the previous token.
  public var inputFeeding: Bool
  public var hidden: Int
  public var embedding: Int

  public init(
    cell: Reference.Cell, layers: Int = 1, residual: Bool = false, bidirectional: Bool = false, score: Score,
    inputFeeding: Bool = false, hidden: Int, embedding: Int
  ) {
    self.cell = cell
    self.layers = layers
    self.residual = residual
    self.bidirectional = bidirectional
    self.score = score
    self.inputFeeding = inputFeeding
    self.hidden = hidden
    self.embedding = embedding
  }

  /// Bahdanau's model.
  public static func bahdanau(
    cell: Reference.Cell, layers: Int = 1, residual: Bool = false, readout: Readout = .tanh, hidden: Int,
    embedding: Int
  ) -> ReferenceModelConfiguration {
    var result = ReferenceModelConfiguration(
      cell: cell, layers: layers, residual: residual, bidirectional: true, score: .concat, hidden: hidden,
      embedding: embedding)
    result.decoder = .bahdanau
    result.readout = readout
    return result
  }

  /// A parameter's name and shape.
  public struct Parameter: Sendable, Equatable {
    public var name: String
    public var shape: [Int]
  }

  /// Every parameter of the model, in a fixed order: embeddings, encoder, decoder, attention, output.
  ///
  /// - Throws: ``ReferenceError/configuration(_:)`` where the settings make no model.
  public func parameters(sourceVocabulary: Int, targetVocabulary: Int) throws -> [Parameter] {
    try validate()
    var list = [
      Parameter(name: "source.embedding", shape: [sourceVocabulary, embedding]),
      Parameter(name: "target.embedding", shape: [targetVocabulary, embedding]),
    ]
    for layer in 0..<layers {
      for direction in encoderDirections {
        list += cellParameters(
          "encoder.\(layer).\(direction)", inputWidth: layer == 0 ? embedding : stateWidth,
          hidden: directionWidth)
      }
    }
    for layer in 0..<decoderLayers {
      list += cellParameters("decoder.\(layer)", inputWidth: decoderInputWidth(layer), hidden: hidden)
    }
    list += attentionParameters
    if !tied { list.append(Parameter(name: "output.weight", shape: [targetVocabulary, readoutWidth])) }
    return list + [Parameter(name: "output.bias", shape: [targetVocabulary])]
  }

  @usableFromInline
  var encoderDirections: [String] { bidirectional ? ["forward", "backward"] : ["forward"] }

  /// The units of one direction of an encoder layer.
  @usableFromInline
  var directionWidth: Int { decoder == .bahdanau ? hidden : hidden / encoderDirections.count }

  /// The width of h.
  @usableFromInline
  var stateWidth: Int { encoderDirections.count * directionWidth }

  /// The width of s̃.
  @usableFromInline
  var readoutWidth: Int { readout == .maxout ? hidden / 2 : hidden }

  private var decoderLayers: Int { decoder == .bahdanau ? 1 : layers }

  private func decoderInputWidth(_ layer: Int) -> Int {
    if layer > 0 { return hidden }
    return embedding + (decoder == .bahdanau ? stateWidth : inputFeeding ? hidden : 0)
  }

  private var attentionParameters: [Parameter] {
    let key = Parameter(name: "attention.key", shape: [hidden, stateWidth])
    let query = Parameter(name: "attention.query", shape: [hidden, hidden])
    let v = Parameter(name: "attention.v", shape: [hidden])
    let bias = decoder == .bahdanau ? [Parameter(name: "attention.bias", shape: [hidden])] : []
    let gain = Parameter(name: "attention.gain", shape: [1])
    let own: [Parameter]
    switch score {
    case .none: return []
    case .dot, .scaledDot, .cosine: own = []
    case .general: own = [key]
    case .concat: own = [key] + bias + [query, v]
    case .normedConcat: own = [key] + bias + [query, v, gain]
    case .location: own = [Parameter(name: "attention.location", shape: [positions, hidden])]
    }
    switch decoder {
    case .luong: return own + positionParameters + linear("combine", inputs: stateWidth + hidden)
    case .bahdanau:
      return own + positionParameters + linear("combine", inputs: hidden + stateWidth + embedding)
        + linear("start", inputs: directionWidth)
    }
  }

  /// W_p and v_p.
  private var positionParameters: [Parameter] {
    guard case .predictive? = window else { return [] }
    return [
      Parameter(name: "attention.position.weight", shape: [hidden, hidden]),
      Parameter(name: "attention.position.v", shape: [hidden]),
    ]
  }

  private func linear(_ name: String, inputs: Int) -> [Parameter] {
    [
      Parameter(name: "\(name).weight", shape: [hidden, inputs]),
      Parameter(name: "\(name).bias", shape: [hidden]),
    ]
  }

  private func cellParameters(_ prefix: String, inputWidth: Int, hidden: Int) -> [Parameter] {
    let gates = cell.gates * hidden
    let list = [
      Parameter(name: "\(prefix).input", shape: [gates, inputWidth]),
      Parameter(name: "\(prefix).recurrent", shape: [gates, hidden]),
      Parameter(name: "\(prefix).bias", shape: [gates]),
    ]
    return cell == .gru ? list + [Parameter(name: "\(prefix).recurrentBias", shape: [gates])] : list
  }

  func validate() throws {
    guard layers >= 1, hidden >= 1, embedding >= 1 else {
      throw ReferenceError.configuration("layers, hidden and embedding must each be at least 1")
    }
    guard !tied || embedding == readoutWidth else {
      throw ReferenceError.configuration(
        "tied embeddings must be \(readoutWidth) wide, as what the output reads")
    }
    guard window == nil || score != .none else {
      throw ReferenceError.configuration("a window needs attention; choose a score or leave it out")
    }
    guard window == nil || score != .location else {
      throw ReferenceError.configuration("the location score has no window; leave it out")
    }
    if decoder == .bahdanau { return try validateBahdanau() }
    guard !bidirectional || hidden.isMultiple(of: 2) else {
      throw ReferenceError.configuration("a bidirectional encoder halves hidden = \(hidden); make it even")
    }
    guard score != .none || !inputFeeding else {
      throw ReferenceError.configuration("input feeding needs attention; choose a score or turn it off")
    }
  }

  private func validateBahdanau() throws {
    guard bidirectional, score == .concat || score == .normedConcat, !inputFeeding else {
      throw ReferenceError.configuration(
        "Bahdanau's encoder reads both ways, its score is concat or normed concat, and it has no input feeding"
      )
    }
    guard readout == .tanh || hidden.isMultiple(of: 2) else {
      throw ReferenceError.configuration("maxout halves hidden = \(hidden); make it even")
    }
  }
}

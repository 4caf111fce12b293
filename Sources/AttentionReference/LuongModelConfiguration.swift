/// The shape of the Luong model of ``Reference/luongModel(_:configuration:sources:targets:start:end:)``, and of the
/// plain encoder-decoder.
public struct ReferenceModelConfiguration: Sendable, Equatable {
  /// How the decoder's top state s is compared with an encoder state h.
  public enum Score: String, Sendable, CaseIterable {
    /// sᵀ h.
    case dot
    /// sᵀ (W_k h).
    case general
    /// vᵀ tanh(W_q s + W_k h).
    case concat
    /// No attention: the plain encoder-decoder, s̃ = s.
    case none
  }

  public var cell: Reference.Cell
  /// Of the encoder and of the decoder, at least 1.
  public var layers: Int
  /// The encoder reads both ways, with hidden / 2 units each.
  public var bidirectional: Bool
  public var score: Score
  /// The decoder's cell reads the previous s̃ beside the previous token.
  public var inputFeeding: Bool
  public var hidden: Int
  public var embedding: Int

  public init(
    cell: Reference.Cell, layers: Int = 1, bidirectional: Bool = false, score: Score,
    inputFeeding: Bool = false, hidden: Int, embedding: Int
  ) {
    self.cell = cell
    self.layers = layers
    self.bidirectional = bidirectional
    self.score = score
    self.inputFeeding = inputFeeding
    self.hidden = hidden
    self.embedding = embedding
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
          "encoder.\(layer).\(direction)", inputWidth: layer == 0 ? embedding : hidden,
          hidden: hidden / encoderDirections.count)
      }
    }
    for layer in 0..<layers {
      list += cellParameters("decoder.\(layer)", inputWidth: decoderInputWidth(layer), hidden: hidden)
    }
    return list + attentionParameters + [
      Parameter(name: "output.weight", shape: [targetVocabulary, hidden]),
      Parameter(name: "output.bias", shape: [targetVocabulary]),
    ]
  }

  @usableFromInline
  var encoderDirections: [String] { bidirectional ? ["forward", "backward"] : ["forward"] }

  func decoderInputWidth(_ layer: Int) -> Int {
    layer > 0 ? hidden : inputFeeding ? embedding + hidden : embedding
  }

  private var attentionParameters: [Parameter] {
    let key = Parameter(name: "attention.key", shape: [hidden, hidden])
    let query = Parameter(name: "attention.query", shape: [hidden, hidden])
    let v = Parameter(name: "attention.v", shape: [hidden])
    let combine = [
      Parameter(name: "combine.weight", shape: [hidden, 2 * hidden]),
      Parameter(name: "combine.bias", shape: [hidden]),
    ]
    return switch score {
    case .dot: combine
    case .general: [key] + combine
    case .concat: [key, query, v] + combine
    case .none: []
    }
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
    guard !bidirectional || hidden.isMultiple(of: 2) else {
      throw ReferenceError.configuration("a bidirectional encoder halves hidden = \(hidden); make it even")
    }
    guard score != .none || !inputFeeding else {
      throw ReferenceError.configuration("input feeding needs attention; choose a score or turn it off")
    }
  }
}

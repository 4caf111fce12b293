import Attention
import AttentionReference
import Seq2Seq

/// A whole model and the batch that it learns from: Luong's, with the general score, input feeding and LSTM cells in two layers;
/// or Bahdanau's, with GRU cells in one.
struct ModelSize {
  let decoder: DecoderKind
  let hidden, vocabulary, batch, length: Int

  /// For short words, as in pronunciation.
  static func small(_ decoder: DecoderKind) -> ModelSize {
    ModelSize(decoder: decoder, hidden: 256, vocabulary: 45, batch: 256, length: 9)
  }
  /// For sentences of words.
  static func large(_ decoder: DecoderKind) -> ModelSize {
    ModelSize(decoder: decoder, hidden: 512, vocabulary: 10_000, batch: 64, length: 25)
  }

  /// What the names of its cases end in.
  func suffix(_ precision: Precision) -> String {
    "-\(decoder)" + (hidden < 512 ? "-small" : "") + precision.suffix
  }

  var sourceLengths: [Int] { raggedLengths(batch, length / 2, length) }

  var configuration: ModelConfiguration {
    get throws {
      let shape: ModelConfiguration =
        switch decoder {
        case .luong:
          .luong(
            score: .general, cell: .lstm, layers: 2, bidirectional: false, inputFeeding: true,
            embedding: hidden, hidden: hidden)
        case .bahdanau: .bahdanau(embedding: hidden, hidden: hidden)
        }
      return try shape.sized(source: vocabulary, target: vocabulary)
    }
  }

  /// The same model of the reference.
  var reference: ReferenceModelConfiguration {
    switch decoder {
    case .luong:
      ReferenceModelConfiguration(
        cell: .lstm, layers: 2, score: .general, inputFeeding: true, hidden: hidden, embedding: hidden)
    case .bahdanau: .bahdanau(cell: .gru, hidden: hidden, embedding: hidden)
    }
  }

  /// The multiply-adds of the layers, for a source token and for a target token in units of h², and for a pair of both in
  /// units of h; and how many of a token's meet its embedding.
  private var layerWork: (source: Double, target: Double, pair: Double, embeddings: (Double, Double)) {
    switch decoder {
    // Two layers whose four gates read 2h, in the decoder's first one 3h with s̃; the key, and W_c.
    case .luong: (2 * 8 + 1, 2 * 8 + 4 + 2, 2, (4, 4))
    // Three gates that read 2h in either direction and the key of 2h; three gates that read 4h, the query, and W_c of 4h.
    case .bahdanau: (2 * 6 + 2, 12 + 1 + 4, 3, (6, 4))
    }
  }

  /// The weights that an output token reads: every one of the decoder, and those of the output.
  var weightsForToken: Double {
    let h = Double(hidden)
    return layerWork.target * h * h + Double(vocabulary) * h
  }

  /// The products of a step: forward, and twice as many backward. All else is small beside them. Those with embeddings need be
  /// made but once a token of the vocabulary.
  var operations: Double {
    let (h, v) = (Double(hidden), Double(vocabulary))
    let (sources, targets) = (Double(sourceLengths.reduce(0, +)), Double(batch * length))
    let work = layerWork
    let embeddings = min(sources, v) * work.embeddings.0 + min(targets, v) * work.embeddings.1
    let others =
      sources * (work.source - work.embeddings.0) + targets * (work.target - work.embeddings.1)
    let pairs = Double(sourceLengths.reduce(0, +) * length) * work.pair * h
    return 3 * 2 * ((embeddings + others) * h * h + pairs + targets * v * h)
  }

  /// Random tokens; with its end each target has `length` predictions.
  var pairs: [(source: [Int32], target: [Int32])] {
    var generator = SeededGenerator(seed: 3)
    func tokens(_ count: Int) -> [Int32] {
      (0..<count).map { _ in Int32(Vocabulary.reserved.count + generator.integer(below: vocabulary - 3)) }
    }
    return sourceLengths.map { (source: tokens($0), target: tokens(length - 1)) }
  }
}

/// The reference's mean cross entropy of a model with these weights.
func referenceCrossEntropy(
  _ model: EncoderDecoder, _ configuration: ReferenceModelConfiguration, sources: [[Int]], targets: [[Int]],
  end: Int = Vocabulary.end
) throws -> Double {
  var parameters: [String: ReferenceArray<Double>] = [:]
  for (name, tensor) in model.parameters {
    parameters[name] = ReferenceArray(shape: tensor.shape, values: tensor.elements.map(Double.init))
  }
  return try Reference.encoderDecoder(
    parameters, configuration: configuration, sources: sources, targets: targets, start: Vocabulary.start,
    end: end
  ).meanCrossEntropy
}

extension Precision {
  /// What a case's name says of it.
  var suffix: String {
    switch self {
    case .float32: ""
    case .bfloat16: "-bf16"
    case .int8: "-int8"
    }
  }

  /// Of a weight.
  var bytes: Double {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    case .int8: 1
    }
  }

  /// How far a result may lie from that of exact arithmetic with the weights as they are, where `terms` in a row are added up: of
  /// rounded factors one rounding, since those of the many numbers behind a result mostly cancel.
  func limit(terms: Int) -> Double {
    switch self {
    case .float32: Double(terms + 16) * 0x1p-24
    case .bfloat16: 0x1p-9
    case .int8: 1 / 254
    }
  }
}

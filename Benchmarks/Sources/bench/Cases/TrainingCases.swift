import Attention
import AttentionReference
import Seq2Seq

/// The model of a training step: Luong's, with the general score, input feeding and LSTM cells in two layers; or Bahdanau's, with
/// GRU cells in one.
struct TrainingSize {
  let decoder: DecoderKind
  let hidden, vocabulary, batch, length: Int
  var precision = Precision.float32

  static let all = [DecoderKind.luong, .bahdanau].flatMap {
    [
      TrainingSize(decoder: $0, hidden: 256, vocabulary: 45, batch: 256, length: 9),
      TrainingSize(decoder: $0, hidden: 512, vocabulary: 10_000, batch: 64, length: 25),
      TrainingSize(
        decoder: $0, hidden: 512, vocabulary: 10_000, batch: 64, length: 25, precision: .bfloat16),
    ]
  }

  var name: String { "train-\(decoder)" + (hidden < 512 ? "-small" : "") + precision.suffix }

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
  /// units of h.
  private var layerWork: (source: Double, target: Double, pair: Double) {
    switch decoder {
    // Two layers whose four gates read 2h, in the decoder's first one 3h with s̃; the key, and W_c.
    case .luong: (2 * 8 + 1, 2 * 8 + 4 + 2, 2)
    // Three gates that read 2h in either direction and the key of 2h; three gates that read 4h, the query, and W_c of 4h.
    case .bahdanau: (2 * 6 + 2, 12 + 1 + 4, 3)
    }
  }

  /// The products of a step: forward, and twice as many backward. All else is small beside them.
  var operations: Double {
    let h = Double(hidden)
    let (sources, targets) = (Double(sourceLengths.reduce(0, +)), Double(batch * length))
    let work = layerWork
    let layers = (sources * work.source + targets * work.target) * h * h
    let pairs = Double(sourceLengths.reduce(0, +) * length) * work.pair * h
    return 3 * 2 * (layers + pairs + targets * Double(vocabulary) * h)
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

/// One training step through the public API: loss, gradient, clipping and Adam.
func trainingStep(_ size: TrainingSize) -> Case {
  let shape =
    "B \(size.batch), S \(size.length / 2)…\(size.length), T \(size.length), H \(size.hidden), V \(size.vocabulary)"
  return Case(name: size.name, shape: shape, work: .operations(size.operations)) {
    let start = try EncoderDecoder(try size.configuration, seed: 1)
    let few = Array(size.pairs.prefix(2))
    let (batch, smallBatch) = (Batch(size.pairs), Batch(few))
    var (model, optimizer) = (start, Adam())
    let check = Check(
      result: {
        ["loss of two sentences": [try start.lossAndGradient(smallBatch, precision: size.precision).loss]]
      },
      truth: {
        let loss = try referenceCrossEntropy(
          start, size.reference, sources: few.map { $0.source.map(Int.init) },
          targets: few.map { $0.target.map(Int.init) })
        return ["loss of two sentences": [loss]]
      }, limit: size.precision.limit ?? Double(size.hidden + 16) * 0x1p-24)
    return Body(
      prepare: { (model, optimizer) = (start, Adam()) },
      run: {
        let (loss, gradient) = try model.lossAndGradient(batch, precision: size.precision)
        guard loss.isFinite else { throw BenchError("\(size.name): the loss became \(loss)") }
        optimizer.update(&model, gradient: gradient)
      },
      check: check, naive: .skipped("the reference has no backward of a whole model"))
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

import AttentionReference
import Seq2Seq

/// The model of a training step: Luong's, with the general score, input feeding and LSTM cells in two layers.
struct TrainingSize {
  let name: String
  let hidden, vocabulary, batch, length: Int
  let layers = 2

  static let large = TrainingSize(name: "train-luong", hidden: 512, vocabulary: 10_000, batch: 64, length: 25)
  static let small = TrainingSize(
    name: "train-luong-small", hidden: 256, vocabulary: 45, batch: 256, length: 9)

  var sourceLengths: [Int] { raggedLengths(batch, length / 2, length) }

  var configuration: ModelConfiguration {
    get throws {
      try ModelConfiguration.luong(
        score: .general, cell: .lstm, layers: layers, bidirectional: false, inputFeeding: true,
        embedding: hidden, hidden: hidden
      ).sized(source: vocabulary, target: vocabulary)
    }
  }

  /// The products of a step: forward, and twice as many backward. All else is small beside them.
  var operations: Double {
    let h = Double(hidden)
    let (sources, targets) = (Double(sourceLengths.reduce(0, +)), Double(batch * length))
    // In units of h²: a layer's four gates read 2h, the decoder's first one 3h with s̃.
    let encoder = sources * Double(layers) * 8
    let decoder = targets * (Double(layers) * 8 + 4)
    let attention = sources + targets * 2
    let pairs = Double(sourceLengths.reduce(0, +) * length) * 2 * h
    return 3 * 2 * ((encoder + decoder + attention) * h * h + pairs + targets * Double(vocabulary) * h)
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
      result: { ["loss of two sentences": [try start.lossAndGradient(smallBatch).loss]] },
      truth: { ["loss of two sentences": [try referenceLoss(start, size, few)]] }, terms: size.hidden)
    return Body(
      prepare: { (model, optimizer) = (start, Adam()) },
      run: {
        let (loss, gradient) = try model.lossAndGradient(batch)
        guard loss.isFinite else { throw BenchError("\(size.name): the loss became \(loss)") }
        optimizer.update(&model, gradient: gradient)
      },
      check: check, naive: .skipped("the reference has no backward of a whole model"))
  }
}

private func referenceLoss(
  _ model: EncoderDecoder, _ size: TrainingSize, _ pairs: [(source: [Int32], target: [Int32])]
) throws -> Double {
  var parameters: [String: ReferenceArray<Double>] = [:]
  for (name, tensor) in model.parameters {
    parameters[name] = ReferenceArray(shape: tensor.shape, values: tensor.elements.map(Double.init))
  }
  let configuration = ReferenceModelConfiguration(
    cell: .lstm, layers: size.layers, score: .general, inputFeeding: true, hidden: size.hidden,
    embedding: size.hidden)
  return try Reference.encoderDecoder(
    parameters, configuration: configuration, sources: pairs.map { $0.source.map(Int.init) },
    targets: pairs.map { $0.target.map(Int.init) }, start: Vocabulary.start, end: Vocabulary.end
  ).meanCrossEntropy
}

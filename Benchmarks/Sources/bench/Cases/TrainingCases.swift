import AttentionReference
import Seq2Seq

/// A model whose training is timed, with embeddings as wide as its states, H.
struct TrainedModel: Sendable {
  let configuration: @Sendable (_ hidden: Int) -> ModelConfiguration
  /// The multiply-adds of its forward, but for the output: in units of H² for a token of the source and for one of the
  /// target, and in units of H for a pair of them.
  let perSource, perTarget, perPair: Double
  /// The reference's mean cross entropy of sentences without start and end.
  let loss:
    @Sendable (
      _ parameters: [String: ReferenceArray<Double>], _ hidden: Int, _ sources: [[Int]], _ targets: [[Int]]
    ) throws -> Double

  /// Luong's, with the general score, input feeding and LSTM cells in two layers.
  static let luong = TrainedModel(
    configuration: { hidden in
      .luong(
        score: .general, cell: .lstm, layers: 2, bidirectional: false, inputFeeding: true, embedding: hidden,
        hidden: hidden)
    },
    // A layer's four gates read 2 H, the decoder's first one 3 H with s̃. Keys are projected once; s̃ reads 2 H.
    perSource: 2 * 8 + 1, perTarget: 2 * 8 + 4 + 2,
    // A score and a sum.
    perPair: 2,
    loss: { parameters, hidden, sources, targets in
      let configuration = ReferenceModelConfiguration(
        cell: .lstm, layers: 2, score: .general, inputFeeding: true, hidden: hidden, embedding: hidden)
      return try Reference.luongModel(
        parameters, configuration: configuration, sources: sources, targets: targets,
        start: Vocabulary.start, end: Vocabulary.end
      ).meanCrossEntropy
    })
}

/// A model at a size, with a batch of random tokens.
struct TrainingSetting: Sendable {
  let name: String
  let model: TrainedModel
  let hidden, vocabulary, batch, length: Int

  /// As for a translator.
  static func large(_ name: String, _ model: TrainedModel) -> TrainingSetting {
    TrainingSetting(name: name, model: model, hidden: 512, vocabulary: 10_000, batch: 64, length: 25)
  }

  /// As for the pronunciation of words.
  static func small(_ name: String, _ model: TrainedModel) -> TrainingSetting {
    TrainingSetting(name: name, model: model, hidden: 256, vocabulary: 45, batch: 256, length: 9)
  }

  static let all = [small("train-luong-small", .luong), large("train-luong", .luong)]

  var sourceLengths: [Int] { raggedLengths(batch, length / 2, length) }

  /// The products of a step: forward, and twice as many backward. All else is small beside them.
  var operations: Double {
    let (h, v) = (Double(hidden), Double(vocabulary))
    let (sources, targets) = (Double(sourceLengths.reduce(0, +)), Double(batch * length))
    let states = (sources * model.perSource + targets * model.perTarget) * h * h
    let pairs = sources * Double(length) * model.perPair * h
    return 3 * 2 * (states + pairs + targets * v * h)
  }

  var shape: String { "B \(batch), S \(length / 2)…\(length), T \(length), H \(hidden), V \(vocabulary)" }

  /// Random tokens; with its end each target has `length` predictions.
  var pairs: [(source: [Int32], target: [Int32])] {
    var generator = SeededGenerator(seed: 3)
    func tokens(_ count: Int) -> [Int32] {
      (0..<count).map { _ in Int32(Vocabulary.reserved.count + generator.integer(below: vocabulary - 3)) }
    }
    return sourceLengths.map { (source: tokens($0), target: tokens(length - 1)) }
  }

  func start() throws -> EncoderDecoder {
    try EncoderDecoder(model.configuration(hidden).sized(source: vocabulary, target: vocabulary), seed: 1)
  }

  func referenceLoss(
    _ start: EncoderDecoder, _ pairs: [(source: [Int32], target: [Int32])]
  ) throws -> Double {
    var parameters: [String: ReferenceArray<Double>] = [:]
    for (name, tensor) in start.parameters {
      parameters[name] = ReferenceArray(shape: tensor.shape, values: tensor.elements.map(Double.init))
    }
    return try model.loss(
      parameters, hidden, pairs.map { $0.source.map(Int.init) }, pairs.map { $0.target.map(Int.init) })
  }
}

/// One training step through the public API: loss, gradient, clipping and Adam.
func trainingStep(_ setting: TrainingSetting) -> Case {
  Case(name: setting.name, shape: setting.shape, work: .operations(setting.operations)) {
    let start = try setting.start()
    let few = Array(setting.pairs.prefix(2))
    let (batch, smallBatch) = (Batch(setting.pairs), Batch(few))
    var (model, optimizer) = (start, Adam())
    let check = Check(
      result: { ["loss of two sentences": [try start.lossAndGradient(smallBatch).loss]] },
      truth: { ["loss of two sentences": [try setting.referenceLoss(start, few)]] }, terms: setting.hidden)
    return Body(
      prepare: { (model, optimizer) = (start, Adam()) },
      run: {
        let (loss, gradient) = try model.lossAndGradient(batch)
        guard loss.isFinite else { throw BenchError("\(setting.name): the loss became \(loss)") }
        optimizer.update(&model, gradient: gradient)
      },
      check: check, naive: .skipped("the reference has no backward of a whole model"))
  }
}

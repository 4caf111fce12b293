import Attention
import Foundation
import Seq2Seq
import Testing

@Suite("Training")
struct TrainerTests {
  /// Luong's model under local-p, and Bahdanau's under local-m, dropping weights.
  private static func local(embedding: Int, hidden: Int) -> [ModelConfiguration] {
    var predictive = ModelConfiguration.luong(embedding: embedding, hidden: hidden)
    var monotonic = ModelConfiguration.bahdanau(embedding: embedding, hidden: hidden)
    (predictive.window, predictive.attentionDropout) = (.predictive(radius: 2), 0.2)
    (monotonic.window, monotonic.attentionDropout) = (.monotonic(radius: 2), 0.2)
    return [predictive, monotonic]
  }

  private static let models = [
    ModelConfiguration.luong(cell: .gru, embedding: 16, hidden: 32), .bahdanau(embedding: 16, hidden: 32),
    .bahdanau(cell: .gruResetBefore, readout: .maxout, embedding: 16, hidden: 32),
  ]

  private static let precisions = [Precision.float32, .bfloat16]

  @Test(
    "a small model learns to reverse words, and its n-best lists are what they should be", arguments: models,
    precisions)
  func learns(configuration: ModelConfiguration, precision: Precision) throws {
    var trainer = try trainer(
      configuration, options: TrainingOptions(batchSize: 16, rate: 5e-3, precision: precision))
    var report = try #require(try trainer.trainEpoch())
    while report.development!.exactMatch < 0.95, report.epoch < 20 {
      report = try #require(try trainer.trainEpoch())
    }
    #expect(report.development!.exactMatch >= 0.95)
    #expect(report.development!.perplexity < 1.2)
    #expect(trainer.best.network.parameters.map(\.tensor) == trainer.model.network.parameters.map(\.tensor))

    let sources = try ["abc", "e", "", "deabc", "zz"].map { text throws(ModelError) in
      try trainer.best.read(text)
    }
    #expect(sources[4].unknown == ["z", "z"])
    let greedy = try trainer.best.translate(sources)
    #expect(greedy[0][0].text == "cba")
    #expect(greedy[2][0].text == "" && greedy[2][0].alignment == [])
    for (source, hypotheses) in zip(sources, try trainer.best.translate(sources, beam: 4))
    where !source.tokens.isEmpty {
      #expect(hypotheses.count == 4)
      #expect(hypotheses.map(\.score) == hypotheses.map(\.score).sorted(by: >))
      #expect(Set(hypotheses.map(\.tokens)).count == 4)
      for hypothesis in hypotheses {
        let forced = try trainer.best.score([(source.tokens, hypothesis.tokens)])[0]
        #expect(abs(forced.total - hypothesis.score) < 1e-4)
        let alignment = try #require(hypothesis.alignment)
        #expect(alignment.count == hypothesis.tokens.count + 1)
        for (row, forcedRow) in zip(alignment, try #require(forced.alignment)) {
          #expect(row.count == source.tokens.count && abs(row.reduce(0, +) - 1) < 1e-5)
          for (a, b) in zip(row, forcedRow) { #expect(abs(a - b) < 1e-4) }
        }
      }
    }
    // A batch decides nothing: each source alone gives the same outputs.
    for (source, together) in zip(sources, greedy) {
      #expect(try trainer.best.translate([source])[0][0].tokens == together[0].tokens)
    }
  }

  @Test("the wider beam never ends worse, and a beam of 1 follows the likeliest token", arguments: models)
  func greedyIsBeamOne(configuration: ModelConfiguration) throws {
    var trainer = try trainer(configuration)
    _ = try trainer.trainEpoch()
    for text in ["abcd", "eeb", "cad", "bb"] {
      let greedy = try trainer.model.translate(text)[0]
      var prefix: [String] = []
      while prefix.count <= greedy.tokens.count {
        // Of all continuations by one token, the greedy one must be the likeliest.
        let rest = (3..<trainer.model.targetVocabulary.count).map {
          trainer.model.targetVocabulary.token(at: $0)
        }
        let source = try trainer.model.read(text).tokens
        let scores = try trainer.model.score(rest.map { (source, prefix + [$0]) })
        let likeliest = scores.map { $0.logProbabilities[prefix.count] }.max()!
        let end = try trainer.model.score([(source, prefix)])[0].logProbabilities[prefix.count]
        if prefix.count == greedy.tokens.count {
          #expect(end >= likeliest - 1e-5)
          break
        }
        let chosen = scores[rest.firstIndex(of: greedy.tokens[prefix.count])!].logProbabilities[prefix.count]
        #expect(chosen >= max(likeliest, end) - 1e-5)
        prefix.append(greedy.tokens[prefix.count])
      }
      #expect(try trainer.model.translate(text, beam: 8)[0].score >= greedy.score - 1e-5)
    }
  }

  @Test(
    "1, 2 and 4 threads train the same weights, bit for bit",
    arguments: [
      // Wide enough that the products are cut among threads.
      ModelConfiguration.luong(layers: 2, embedding: 64, hidden: 192, dropout: 0.2),
      .luong(layers: 3, residual: true, bidirectional: false, embedding: 64, hidden: 192, dropout: 0.2),
      .bahdanau(embedding: 64, hidden: 160, dropout: 0.2),
      .bahdanau(layers: 2, residual: true, readout: .maxout, embedding: 64, hidden: 160, dropout: 0.2),
      ModelConfiguration.luong(layers: 2, embedding: 160, hidden: 160, dropout: 0.2).with {
        ($0.variational, $0.recurrentDropout, $0.tied, $0.reversedSource) = (true, 0.3, true, true)
      },
    ] + local(embedding: 64, hidden: 160), precisions)
  func threads(configuration: ModelConfiguration, precision: Precision) throws {
    defer { try? KernelRuntime.setThreads(nil) }
    var results: [[[UInt32]]] = []
    for threads in [1, 2, 4] {
      try KernelRuntime.setThreads(threads)
      let options = TrainingOptions(batchSize: 50, precision: precision)
      var trainer = try trainer(configuration, pairs: 200, options: options)
      _ = try trainer.trainEpoch()
      results.append(weights(trainer.model))
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  @Test(
    "a training that was paused, saved and resumed ends in the same weights",
    arguments: [
      ModelConfiguration.luong(embedding: 8, hidden: 16, dropout: 0.3),
      .bahdanau(cell: .lstm, embedding: 8, hidden: 12, dropout: 0.3),
      ModelConfiguration.bahdanau(readout: .maxout, embedding: 6, hidden: 12, dropout: 0.3).with {
        ($0.variational, $0.recurrentDropout, $0.tied, $0.reversedSource) = (true, 0.3, true, true)
      },
    ] + local(embedding: 8, hidden: 12), precisions)
  func resume(configuration: ModelConfiguration, precision: Precision) throws {
    let options = TrainingOptions(batchSize: 32, rate: 5e-3, precision: precision, seed: 9)
    var straight = try trainer(configuration, pairs: 200, options: options)
    for _ in 0..<3 { _ = try straight.trainEpoch() }

    try withTemporaryFolder { folder in
      var paused = try trainer(configuration, pairs: 200, options: options)
      _ = try paused.trainEpoch()
      #expect(try paused.trainEpoch { $0.batch < 3 } == nil)
      try paused.save(to: folder)
      var resumed = try Trainer(
        resuming: folder, corpus: reversals(200, seed: 1), development: reversals(60, seed: 2))
      #expect(resumed.reports.count == 1 && resumed.options == options)
      while resumed.reports.count < 3 { _ = try resumed.trainEpoch() }
      #expect(weights(resumed.model) == weights(straight.model))
      #expect(weights(resumed.best) == weights(straight.best))
      #expect(resumed.reports.map(\.loss) == straight.reports.map(\.loss))

      #expect(throws: TrainingError.self) {
        try Trainer(resuming: folder, corpus: reversals(200, seed: 1), development: reversals(60, seed: 4))
      }
      let other = reversals(200, seed: 3)
      #expect(throws: TrainingError.otherData(file: folder.appending(path: "training.safetensors").path)) {
        try Trainer(resuming: folder, corpus: other)
      }
    }
  }

  @Test("what the epochs left behind: patience, rate decay, the best model kept")
  func earlyStopping() throws {
    var patient = try TrainerTests.stuck()
    _ = try patient.trainEpoch()
    let first = weights(patient.model)
    var epochs = 1
    while !patient.shouldStop, epochs < 30 {
      _ = try patient.trainEpoch()
      epochs += 1
    }
    #expect(patient.shouldStop && patient.epochsWithoutGain == 2)
    let best = try #require(patient.reports.lastIndex { $0.isBest })
    #expect(best == patient.reports.count - 3)
    #expect(patient.reports.last!.rate < patient.reports[0].rate)
    if best == 0 { #expect(weights(patient.best) == first) }
    #expect(weights(patient.best) != weights(patient.model))
  }

  @Test("a training that leaves the numbers stops and says so")
  func diverges() throws {
    // Two steps of this size take a weight beyond the largest float.
    var trainer = try trainer(
      .plain(embedding: 4, hidden: 4), pairs: 40,
      options: TrainingOptions(batchSize: 4, rate: 3e38, patience: nil))
    let error = #expect(throws: TrainingError.self) { for _ in 0..<5 { _ = try trainer.trainEpoch() } }
    #expect(error.map { "\($0)".contains("--rate") } == true)
  }

  /// Far too large a rate: epochs soon stop getting better.
  private static func stuck() throws -> Trainer {
    try trainer(
      .luong(cell: .gru, embedding: 8, hidden: 16), pairs: 100,
      options: TrainingOptions(batchSize: 20, rate: 0.3, rateDecay: 0.9, patience: 2))
  }

  @Test("a training that went astray saves and resumes all the same")
  func savesInfinities() throws {
    // The development set's cross entropy is large enough that its exponential, the perplexity, is infinite.
    var astray = try trainer(
      .plain(embedding: 4, hidden: 4), pairs: 20,
      options: TrainingOptions(batchSize: 20, rate: 1e4, patience: nil))
    _ = try astray.trainEpoch()
    #expect(astray.reports[0].development!.perplexity == .infinity)
    try withTemporaryFolder { folder in
      try astray.save(to: folder)
      let resumed = try Trainer(
        resuming: folder, corpus: reversals(20, seed: 1), development: reversals(60, seed: 2))
      #expect(resumed.reports == astray.reports)
    }
  }

  @Test(
    "options that were saved before there was a choice",
    arguments: ["\"labelSmoothing\":0,", ",\"precision\":\"float32\""])
  func olderOptions(missing: String) throws {
    let options = TrainingOptions(batchSize: 7, patience: nil, seed: 9)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let saved = String(decoding: try encoder.encode(options), as: UTF8.self)
    let older = saved.replacing(missing, with: "")
    try #require(older != saved)
    #expect(try JSONDecoder().decode(TrainingOptions.self, from: Data(older.utf8)) == options)
  }

  @Test("smoothed labels bound the loss from below, and reach the weights")
  func labelSmoothing() throws {
    func trained(_ smoothing: Float) throws -> Trainer {
      let options = TrainingOptions(batchSize: 16, rate: 5e-3, labelSmoothing: smoothing)
      var trainer = try trainer(pairs: 100, options: options)
      for _ in 0..<2 { _ = try trainer.trainEpoch() }
      return trainer
    }
    let (plain, smoothed) = (try trained(0), try trained(0.5))
    #expect(weights(plain.model) != weights(smoothed.model))
    // No prediction is better than the smoothed labels themselves: ε / V everywhere, and 1 − ε at the target.
    let vocabulary = Double(smoothed.model.targetVocabulary.count)
    let (rest, top) = (0.5 / vocabulary, 0.5 + 0.5 / vocabulary)
    let entropy = -(vocabulary - 1) * rest * log(rest) - top * log(top)
    #expect(smoothed.reports.allSatisfy { $0.loss > entropy })
  }

  /// Adam's first step moves a weight by α g / (|g| + ε), at most the rate; then it is rounded once, to 2⁻²⁴ below 2. Rounding
  /// to bfloat16 would move most by a hundred times that.
  @Test("the weights that learn are not rounded, and learn from gradients of rounded ones", arguments: models)
  func masters(configuration: ModelConfiguration) throws {
    func trained(_ precision: Precision) throws -> (before: [Float], after: [Float]) {
      let options = TrainingOptions(batchSize: 100, rate: 1e-6, precision: precision)
      var trainer = try trainer(configuration, pairs: 100, options: options)
      func elements() -> [Float] { trainer.model.network.parameters.flatMap(\.tensor.elements) }
      let before = elements()
      _ = try trainer.trainEpoch()
      return (before, elements())
    }
    let rounded = try trained(.bfloat16)
    #expect(zip(rounded.before, rounded.after).allSatisfy { abs($0 - $1) <= 1.01e-6 + 0x1p-24 })
    #expect(try rounded.after != trained(.float32).after)
  }

  @Test("options that cannot be are refused by name")
  func options() {
    let wrong: [(inout TrainingOptions) -> Void] = [
      { $0.batchSize = 0 }, { $0.rate = 0 }, { $0.rate = .nan }, { $0.rateDecay = 0 }, { $0.rateDecay = 2 },
      { $0.clipNorm = -1 }, { $0.clipNorm = .infinity }, { $0.patience = 0 }, { $0.labelSmoothing = -0.1 },
      { $0.labelSmoothing = 1 }, { $0.labelSmoothing = .nan }, { $0.precision = .int8 },
    ]
    for change in wrong {
      var options = TrainingOptions()
      change(&options)
      #expect(throws: ModelError.self) { try trainer(options: options) }
    }
  }
}

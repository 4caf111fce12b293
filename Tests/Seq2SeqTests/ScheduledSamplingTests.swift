import Attention
import Foundation
import Seq2Seq
import Testing

@Suite("Scheduled sampling")
struct ScheduledSamplingTests {
  @Test func sharesByHand() {
    func shares(_ sampling: ScheduledSampling, _ updates: [Int]) -> [Double] {
      updates.map { sampling.share(updates: $0) }
    }
    let linear = shares(ScheduledSampling(.linear, k: 100, least: 0.25), [0, 50, 75, 1000])
    #expect(linear == [1, 0.5, 0.25, 0.25])
    let exponential = shares(ScheduledSampling(.exponential, k: 0.5), [0, 1, 3])
    #expect(exponential == [1, 0.5, 0.125])
    let sigmoid = shares(ScheduledSampling(.inverseSigmoid, k: 10), [0, 20, 1_000_000])
    #expect(abs(sigmoid[0] - 10.0 / 11) < 1e-12 && abs(sigmoid[1] - 10 / (10 + exp(2))) < 1e-12)
    #expect(sigmoid[2] == 0)
    for decay in ScheduledSampling.Decay.allCases {
      let falling = shares(ScheduledSampling(decay), [0, 1000, 10_000, 100_000])
      #expect(falling == falling.sorted(by: >) && falling[0] > 0.99 && falling[3] < 0.01)
    }
  }

  private static let models = [
    ModelConfiguration.luong(cell: .gru, embedding: 16, hidden: 32),
    .luong(layers: 2, embedding: 8, hidden: 16),
    .bahdanau(embedding: 16, hidden: 32), .plain(embedding: 16, hidden: 32),
    .bahdanau(cell: .gruResetBefore, readout: .maxout, embedding: 16, hidden: 32),
    ModelConfiguration.luong(embedding: 16, hidden: 32).with { $0.window = .predictive(radius: 2) },
  ]

  /// With no true tokens left it is fed what greedy decoding writes, as long as that lasts.
  @Test(arguments: models)
  func itsOwnTokensAreTheDecodedOnes(_ configuration: ModelConfiguration) throws {
    var trainer = try trainer(configuration, pairs: 200)
    for _ in 0..<3 { _ = try trainer.trainEpoch() }
    let model = trainer.model
    let pairs = reversals(40, seed: 5).pairs
    let batch = Batch(
      pairs.map { pair in
        (
          source: model.sourceVocabulary.encode(pair.source).map(Int32.init),
          target: model.targetVocabulary.encode(pair.target).map(Int32.init)
        )
      })
    func inputs(share: Double) -> [[Int32]] {
      var generator = SeededGenerator(seed: 3)
      return model.network.sampledInputs(
        batch, share: share, precision: .float32, generator: &generator)
    }
    let (own, truth) = (inputs(share: 0), inputs(share: 1))
    #expect(truth == batch.targets.map { [Int32(Vocabulary.start)] + $0 })
    let decoded = try model.translate(batch.order.map { try model.read(pairs[$0].source) })
    var compared = 0
    for (sentence, output) in zip(own, decoded) {
      let ids = model.targetVocabulary.encode(output[0].tokens).map(Int32.init)
      let count = min(ids.count, sentence.count - 1)
      #expect(Array(sentence.dropFirst().prefix(count)) == Array(ids.prefix(count)))
      compared += count
    }
    #expect(compared > 80)
    #expect(own.map(\.count) == truth.map(\.count) && own != truth)
    // Half of them: every token is the true one or another, and there are some of both at places that could be either.
    let half = inputs(share: 0.5)
    let places = zip(half, truth).flatMap { zip($0, $1).dropFirst().map { $0 == $1 } }
    let changed = places.filter { !$0 }.count
    #expect(changed > places.count / 20 && changed < places.count * 3 / 5)
  }

  @Test func learnsAndResumes() throws {
    var options = TrainingOptions(batchSize: 16, rate: 5e-3, patience: nil)
    let forced = try { try trained(options, epochs: 2) }()
    options.sampling = ScheduledSampling(.linear, k: 60, least: 0.2)
    var mixed = try trained(options, epochs: 2)
    #expect(weights(mixed.model) != weights(forced.model))
    try withTemporaryFolder { folder in
      try mixed.save(to: folder)
      var resumed = try Trainer(
        resuming: folder, corpus: reversals(600, seed: 1), development: reversals(60, seed: 2))
      #expect(resumed.options.sampling == options.sampling)
      _ = try resumed.trainEpoch()
      _ = try mixed.trainEpoch()
      #expect(weights(resumed.model) == weights(mixed.model))
    }
    while mixed.reports.last!.development!.exactMatch < 0.9, mixed.reports.count < 20 {
      _ = try mixed.trainEpoch()
    }
    #expect(mixed.reports.last!.development!.exactMatch >= 0.9)
  }

  private func trained(_ options: TrainingOptions, epochs: Int) throws -> Trainer {
    var trainer = try trainer(options: options)
    for _ in 0..<epochs { _ = try trainer.trainEpoch() }
    return trainer
  }

  @Test("1, 2 and 4 threads sample the same tokens and train the same weights")
  func threads() throws {
    defer { try? KernelRuntime.setThreads(nil) }
    var results: [[[UInt32]]] = []
    var options = TrainingOptions(batchSize: 50)
    options.sampling = ScheduledSampling(.linear, k: 1, least: 0.3)
    for threads in [1, 2, 4] {
      try KernelRuntime.setThreads(threads)
      var trainer = try trainer(.luong(embedding: 64, hidden: 128), pairs: 200, options: options)
      _ = try trainer.trainEpoch()
      results.append(weights(trainer.model))
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  @Test(arguments: [
    ScheduledSampling(.linear, k: 0), ScheduledSampling(.exponential, k: 1),
    ScheduledSampling(.inverseSigmoid, k: 0.5), ScheduledSampling(.linear, k: .nan),
    ScheduledSampling(.linear, least: 1.5),
  ])
  func wrongOptionsAreRefused(_ sampling: ScheduledSampling) throws {
    var options = TrainingOptions()
    options.sampling = sampling
    #expect(throws: ModelError.self) { try options.validate() }
  }
}

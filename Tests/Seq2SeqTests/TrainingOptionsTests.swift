import Attention
import AttentionReference
import Foundation
import Seq2Seq
import Testing

@Suite("Options of training")
struct TrainingOptionsTests {
  private static let small = ModelConfiguration.luong(cell: .gru, embedding: 8, hidden: 12)

  /// Every epoch is one update with all pairs.
  private func whole(_ change: (inout TrainingOptions) -> Void) throws -> Trainer {
    var options = TrainingOptions(batchSize: 40, rate: 5e-3, rateDecay: 1, patience: nil)
    change(&options)
    return try trainer(Self.small, pairs: 40, options: options)
  }

  private func elements(_ model: TranslationModel) -> [Double] {
    model.network.parameters.flatMap { $0.tensor.elements.map(Double.init) }
  }

  // MARK: - The rate

  private func factors(_ schedule: RateSchedule, _ places: [(update: Int, epochs: Double)]) -> [Double] {
    places.map { schedule.factor(update: $0.update, epochsDone: $0.epochs, decay: 0.5, hidden: 16) }
  }

  @Test func schedulesByHand() {
    let constant = factors(RateSchedule(.constant), [(1, 0), (1000, 7)])
    #expect(constant == [1, 1])
    let plateau = factors(RateSchedule(.plateau, warmup: 4), [(1, 0), (3, 0), (4, 1), (5, 9)])
    #expect(plateau == [0.25, 0.75, 1, 1])
    let step = factors(
      RateSchedule(.step, decayStart: 5, decayEvery: 0.5),
      [(9, 4.99), (10, 5), (11, 5.49), (12, 5.5), (13, 6)])
    #expect(step == [1, 0.5, 0.5, 0.25, 0.125])
    // 16^−½ min(u^−½, u 4^−1½)
    let noam = factors(RateSchedule(.noam, warmup: 4), [(1, 0), (4, 0), (16, 0)])
    #expect(noam == [0.03125, 0.125, 0.0625])
    let root = factors(RateSchedule(.inverseSquareRoot, warmup: 4), [(2, 0), (4, 0), (16, 0)])
    #expect(root == [0.5, 1, 0.5])
    let cosine = factors(
      RateSchedule(.cosine, warmup: 2, epochs: 8), [(1, 0), (2, 0), (9, 4), (20, 8), (30, 9)])
    let expected: [Double] = [0.5, 1, 0.5, 0, 0]
    for (found, factor) in zip(cosine, expected) { #expect(abs(found - factor) < 1e-15) }
  }

  @Test func theRateOfEveryUpdateIsTheSchedules() throws {
    var options = TrainingOptions(batchSize: 10, rate: 0.01, rateDecay: 0.5, patience: nil)
    options.schedule = RateSchedule(.step, warmup: 3, decayStart: 1, decayEvery: 0.5)
    var trainer = try trainer(Self.small, pairs: 40, options: options)
    var rates: [Float] = []
    for _ in 0..<2 {
      _ = try trainer.trainEpoch {
        rates.append($0.rate)
        return true
      }
    }
    let expected: [Double] = [1.0 / 3, 2.0 / 3, 1, 1, 0.5, 0.5, 0.25, 0.25]
    for (found, factor) in zip(rates, expected) {
      let error = Double(found) - 0.01 * factor
      #expect(abs(error) < 1e-8)
    }
    #expect(rates.count == 8 && trainer.reports.map(\.updates) == [4, 8])
    #expect(trainer.reports.map(\.rate) == [rates[3], rates[7]])
  }

  @Test func aCosineEndsTheTraining() throws {
    var trainer = try whole { $0.schedule = RateSchedule(.cosine, epochs: 2) }
    _ = try trainer.trainEpoch()
    #expect(!trainer.shouldStop)
    _ = try trainer.trainEpoch()
    #expect(trainer.shouldStop)
    // Half of the way down: ½ (1 + cos π/2).
    #expect(abs(trainer.reports[1].rate - 2.5e-3) < 1e-9)
  }

  // MARK: - Updates

  /// A first update by every rule, against the reference's from the gradient of the same pairs.
  @Test(arguments: OptimizerOptions.Rule.allCases)
  func rules(rule: OptimizerOptions.Rule) throws {
    var trainer = try whole {
      $0.optimizer = OptimizerOptions(rule)
      if rule == .sgd { ($0.optimizer.momentum, $0.optimizer.weightDecay) = (0.9, 0.1) }
      // Large, so that the gradient's own roundings do not reach Adam's quotient.
      $0.optimizer.epsilon = 0.1
      $0.clipNorm = 100
    }
    let (constants, start) = (trainer.options.optimizer, elements(trainer.model))
    let model = trainer.model
    let pairs = reversals(40, seed: 1).pairs.map { pair in
      (
        source: model.sourceVocabulary.encode(pair.source).map(Int32.init),
        target: model.targetVocabulary.encode(pair.target).map(Int32.init)
      )
    }
    let gradient = try model.network.lossAndGradient(Batch(pairs)).gradient.parameters
      .flatMap { $0.tensor.elements.map(Double.init) }
    var truth = start
    var (m, v) = (start.map { _ in 0.0 }, start.map { _ in 0.0 })
    let weightDecay = Double(constants.weightDecay)
    switch rule {
    case .sgd:
      try Reference.gradientDescent(
        &truth, velocity: &v, gradients: gradient, learningRate: 5e-3, momentum: 0.9,
        weightDecay: weightDecay)
    case .adadelta:
      try Reference.adadelta(
        &truth, squares: &m, steps: &v, gradients: gradient, learningRate: 5e-3, epsilon: 0.1)
    case .adam, .adamw:
      try Reference.adam(
        &truth, firstMoment: &m, secondMoment: &v, gradients: gradient, step: 1,
        settings: Reference.AdamSettings(learningRate: 5e-3, epsilon: 0.1, weightDecay: weightDecay))
    }
    _ = try trainer.trainEpoch()
    let moved = zip(truth, start).map { abs($0 - $1) }.max()!
    #expect(moved > 1e-4)
    for (found, expected) in zip(elements(trainer.model), truth) { #expect(abs(found - expected) < 1e-6) }
  }

  /// Gradient descent is linear in the gradient, so that four parts and the whole differ by roundings alone.
  @Test func batchesThatMakeOneUpdateAreOneBatch() throws {
    func trained(_ size: Int, _ accumulation: Int) throws -> Trainer {
      var trainer = try whole {
        ($0.batchSize, $0.accumulation) = (size, accumulation)
        ($0.optimizer, $0.rate) = (OptimizerOptions(.sgd), 0.5)
      }
      _ = try trainer.trainEpoch()
      return trainer
    }
    let (one, four, most) = (try trained(40, 1), try trained(10, 4), try trained(15, 7))
    #expect([one, four, most].map { $0.reports[0].updates } == [1, 1, 1])
    let truth = elements(one.model)
    for parts in [four, most] {
      #expect(abs(parts.reports[0].loss - one.reports[0].loss) < 1e-6)
      for (found, expected) in zip(elements(parts.model), truth) { #expect(abs(found - expected) < 1e-6) }
    }
    let (single, several) = (try trained(10, 1), try trained(15, 2))
    #expect([single, several].map { $0.reports[0].updates } == [4, 2])
  }

  @Test func batchesByTheirTokens() throws {
    func batches(_ tokens: Int?) throws -> [Int] {
      var options = TrainingOptions(batchSize: 10)
      options.batchTokens = tokens
      var trainer = try trainer(Self.small, pairs: 40, options: options)
      var sizes: [Int] = []
      var before = 0
      _ = try trainer.trainEpoch {
        sizes.append($0.tokens - before)
        before = $0.tokens
        return true
      }
      return sizes
    }
    // A target is as long as its source and has an end.
    let all = reversals(40, seed: 1).pairs.reduce(0) { $0 + $1.target.count + 1 }
    #expect(try batches(nil).count == 4)
    #expect(try batches(all) == [all])
    #expect(try batches(1).count == 40)
    let some = try batches(30)
    // No pair has more than 6 tokens: one more would not have fitted, but for the last batch.
    #expect(some.allSatisfy { $0 <= 30 } && some.filter { $0 <= 24 }.count <= 1)
    #expect(some.reduce(0, +) == all)
  }

  // MARK: - What is judged

  @Test func theAverageOfWeightsIsJudgedAndKept() throws {
    var trainer = try whole { $0.averageDecay = 0.4 }
    var plain = try whole { _ in }
    var truth = elements(trainer.model)
    for update in 1...4 {
      let report = try #require(try trainer.trainEpoch())
      _ = try plain.trainEpoch()
      #expect(weights(trainer.model) == weights(plain.model))
      let decay = min(0.4, Double(1 + update) / Double(10 + update))
      truth = zip(truth, elements(trainer.model)).map { decay * $0 + (1 - decay) * $1 }
      for (found, expected) in zip(elements(trainer.judged), truth) { #expect(abs(found - expected) < 1e-6) }
      let evaluation = try trainer.judged.evaluate(reversals(60, seed: 2).examples)
      #expect(report.development!.crossEntropy == evaluation.crossEntropy)
      if report.isBest { #expect(weights(trainer.best) == weights(trainer.judged)) }
    }
    #expect(weights(trainer.judged) != weights(trainer.model))
    #expect(trainer.reports[0].isBest)
  }

  @Test(arguments: TrainingOptions.Criterion.allCases)
  func theBestEpochIsTheCriterions(_ criterion: TrainingOptions.Criterion) throws {
    var options = TrainingOptions(batchSize: 20, rate: 0.03, rateDecay: 0.9, patience: nil)
    options.criterion = criterion
    options.developmentBeam = 3
    var trainer = try trainer(Self.small, pairs: 200, options: options)
    for _ in 0..<6 { _ = try trainer.trainEpoch() }
    let judged = trainer.reports.map { $0.development! }
    let losses: [Double] = judged.map {
      switch criterion {
      case .sequenceErrors: $0.sequenceErrorRate
      case .tokenErrors: $0.tokenErrorRate
      case .bleu: -$0.bleu
      case .crossEntropy: $0.crossEntropy
      }
    }
    for (index, report) in trainer.reports.enumerated() {
      let isBest = (0..<index).allSatisfy { earlier in
        if losses[index] != losses[earlier] { return losses[index] < losses[earlier] }
        return judged[index].crossEntropy < judged[earlier].crossEntropy
      }
      #expect(report.isBest == isBest)
    }
    let last = try trainer.model.evaluate(reversals(60, seed: 2).examples, beam: 3)
    #expect(last.tokenErrorRate == trainer.reports[5].development!.tokenErrorRate)
  }

  // MARK: - Saving

  private static let choices: [@Sendable (inout TrainingOptions) -> Void] = [
    {
      $0.optimizer = OptimizerOptions(.adamw)
      $0.schedule = RateSchedule(.cosine, warmup: 7, epochs: 3)
      $0.averageDecay = 0.9
      $0.accumulation = 2
    },
    {
      $0.optimizer = OptimizerOptions(.sgd)
      ($0.optimizer.momentum, $0.rate) = (0.9, 0.5)
      $0.schedule = RateSchedule(.step, decayStart: 1, decayEvery: 0.5)
      $0.batchTokens = 60
      ($0.criterion, $0.developmentBeam) = (.bleu, 2)
    },
    {
      ($0.optimizer, $0.rate) = (OptimizerOptions(.sgd), 0.5)
      $0.schedule = RateSchedule(.noam, warmup: 5)
    },
    { ($0.optimizer, $0.rate) = (OptimizerOptions(.adadelta), 1) },
  ]

  @Test("what was paused, saved and resumed ends in the same weights", arguments: choices.indices)
  func resume(choice: Int) throws {
    var options = TrainingOptions(batchSize: 32, rate: 5e-3, seed: 9)
    Self.choices[choice](&options)
    let configuration = ModelConfiguration.luong(cell: .gru, embedding: 8, hidden: 12, dropout: 0.3)
    var straight = try trainer(configuration, pairs: 200, options: options)
    for _ in 0..<3 { _ = try straight.trainEpoch() }
    try withTemporaryFolder { folder in
      var paused = try trainer(configuration, pairs: 200, options: options)
      _ = try paused.trainEpoch()
      #expect(try paused.trainEpoch { $0.batch < 3 } == nil)
      try paused.save(to: folder)
      var resumed = try Trainer(
        resuming: folder, corpus: reversals(200, seed: 1), development: reversals(60, seed: 2))
      #expect(resumed.options == options)
      #expect(weights(resumed.judged) == weights(paused.judged))
      while resumed.reports.count < 3 { _ = try resumed.trainEpoch() }
      #expect(weights(resumed.model) == weights(straight.model))
      #expect(weights(resumed.judged) == weights(straight.judged))
      #expect(weights(resumed.best) == weights(straight.best))
      #expect(resumed.reports.map(\.gradientNorm) == straight.reports.map(\.gradientNorm))
    }
  }

  /// What was saved before there was a choice trains on as it did.
  @Test func olderOptions() throws {
    let older = """
      {"batchSize":7,"clipNorm":2,"rate":0.25,"rateDecay":0.75,"seed":9}
      """
    let expected = TrainingOptions(
      batchSize: 7, rate: 0.25, rateDecay: 0.75, clipNorm: 2, patience: nil, seed: 9)
    let read = try JSONDecoder().decode(TrainingOptions.self, from: Data(older.utf8))
    #expect(read == expected)
    #expect(read.schedule.shape == .plateau && read.optimizer.rule == .adam && read.averageDecay == 0)
  }

  @Test func wrongOptionsAreNamed() throws {
    let wrong: [(String, (inout TrainingOptions) -> Void)] = [
      ("batchTokens", { $0.batchTokens = 0 }), ("accumulation", { $0.accumulation = 0 }),
      ("averageDecay", { $0.averageDecay = 1 }), ("averageDecay", { $0.averageDecay = .nan }),
      ("developmentBeam", { $0.developmentBeam = 0 }), ("beta1", { $0.optimizer.beta1 = 1 }),
      ("beta2", { $0.optimizer.beta2 = -1 }), ("epsilon", { $0.optimizer.epsilon = 0 }),
      ("momentum", { $0.optimizer.momentum = 0.5 }), ("weightDecay", { $0.optimizer.weightDecay = 0.5 }),
      (
        "weightDecay",
        {
          $0.optimizer = OptimizerOptions(.adamw)
          $0.optimizer.weightDecay = 1
        }
      ),
      ("warmup", { $0.schedule.warmup = -1 }), ("warmup", { $0.schedule = RateSchedule(.noam) }),
      ("decayStart", { $0.schedule.decayStart = -1 }), ("decayEvery", { $0.schedule.decayEvery = 0 }),
      ("schedule.epochs", { $0.schedule = RateSchedule(.cosine) }),
      ("schedule.epochs", { $0.schedule = RateSchedule(.cosine, epochs: 0) }),
    ]
    for (name, change) in wrong {
      let error = #expect(throws: ModelError.self) { try whole(change) }
      guard case .configuration(let option, _, _) = error else { continue }
      #expect(option == name)
    }
  }
}

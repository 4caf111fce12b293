import Attention

/// Trains a model on a corpus by teacher forcing, epoch by epoch, and keeps the one that does best on the development
/// examples.
///
/// A value: copying it forks the training. What it does depends on the data, the options and the number of epochs
/// alone, not on threads, pauses or resumption.
public struct Trainer: Sendable {
  /// The model that learns, as it is now.
  public internal(set) var model: TranslationModel
  /// The best model so far; without development examples, the last whole epoch's.
  public internal(set) var best: TranslationModel
  public private(set) var options: TrainingOptions
  /// The epochs that are over.
  public internal(set) var reports: [EpochReport] = []

  let pairs: [(source: [Int32], target: [Int32])]
  let development: [ParallelCorpus.Example]
  var optimizer: Optimizer
  var average: WeightAverage?
  /// The options' rate, and what the epochs without a gain left of it.
  var plateauRate: Float
  /// The epoch under way: its next batch and what came before it.
  var current = EpochState()

  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for options that cannot be.
  public init(
    _ model: TranslationModel, corpus: ParallelCorpus, development: ParallelCorpus? = nil,
    options: TrainingOptions = TrainingOptions()
  ) throws(ModelError) {
    try options.validate()
    self.model = model
    self.best = model
    self.options = options
    plateauRate = options.rate
    self.development = development?.examples ?? []
    pairs = corpus.pairs.map { pair in
      (
        model.sourceVocabulary.encode(pair.source).map(Int32.init),
        model.targetVocabulary.encode(pair.target).map(Int32.init)
      )
    }
    optimizer = Optimizer(options.optimizer, clipNorm: options.clipNorm)
    if options.averageDecay > 0 {
      average = WeightAverage(decay: options.averageDecay, network: model.network)
    }
  }

  /// The model that is judged and kept: the average of the weights where the options ask for one, or ``model`` itself.
  public var judged: TranslationModel {
    var result = model
    if let average { result.network = average.network }
    return result
  }

  /// ``TrainingOptions/patience``, which may change on the way: it decides when a training ends, not what it learns.
  public var patience: Int? {
    get { options.patience }
    set { options.patience = newValue }
  }

  /// The updates made so far.
  public var updates: Int { optimizer.steps }

  /// The epochs since the best one.
  public var epochsWithoutGain: Int { reports.reversed().prefix { !$0.isBest }.count }

  /// No epoch of the last ``TrainingOptions/patience`` was better than those before, or the rate has come to its end.
  public var shouldStop: Bool {
    epochsWithoutGain >= options.patience ?? .max || isScheduleOver
  }

  /// The rate has come to its end: there is nothing left to learn with.
  public var isScheduleOver: Bool { reports.count >= options.schedule.end ?? .max }

  /// Trains the rest of the current epoch and evaluates it.
  ///
  /// - Parameter progress: called after every update; returning false pauses, as does cancelling the task. Calling
  ///   this function again goes on with the next batch.
  /// - Returns: the report, or nil when it paused
  /// - Throws: ``TrainingError/diverged(epoch:batch:)``; the model is then as before the update.
  public mutating func trainEpoch(progress: (TrainingProgress) -> Bool = { _ in true }) throws -> EpochReport?
  {
    let epoch = reports.count + 1
    let plan = BatchPlan(
      lengths: pairs.map { ($0.source.count, $0.target.count) }, limit: options.batchLimit,
      seed: options.seed, epoch: epoch)
    let clock = ContinuousClock()
    while current.batch < plan.batches.count {
      let begin = clock.now
      let rest = plan.batches[current.batch...].prefix(options.accumulation)
      let update = try update(
        rest.map { batch in Batch(batch.map { pairs[$0] }) }, epoch: epoch, batches: plan.batches.count)
      current.add(update, batches: rest.count, seconds: (clock.now - begin).inSeconds)
      let goOn = progress(report(update, epoch: epoch, batches: plan.batches.count))
      if (!goOn || Task.isCancelled) && current.batch < plan.batches.count { return nil }
    }
    return try finishEpoch(epoch)
  }

  /// One update from some batches, whose gradients count by their tokens.
  private mutating func update(_ parts: [Batch], epoch: Int, batches: Int) throws -> Update {
    var generator = SeededGenerator(seed: options.seed ^ UInt64(optimizer.steps) << 20)
    var (sum, tokens) = (0.0, 0)
    var mean: EncoderDecoder?
    for var part in parts {
      let seed = generator.next()
      if let sampling = options.sampling {
        part.inputs = model.network.sampledInputs(
          part, share: sampling.share(updates: optimizer.steps), precision: options.precision,
          generator: &generator)
      }
      let (loss, gradient) = try model.network.lossAndGradient(
        part, dropoutSeed: seed, labelSmoothing: options.labelSmoothing,
        precision: options.precision)
      sum += Double(loss) * Double(part.tokens)
      tokens += part.tokens
      if mean == nil { mean = gradient } else { mean!.move(toward: gradient, share: part.share(of: tokens)) }
    }
    let rate = rate(epochsDone: Double(epoch - 1) + Double(current.batch) / Double(batches))
    let norm = sum.isFinite ? optimizer.update(&model.network, gradient: mean!, rate: rate) : .nan
    guard norm.isFinite else { throw TrainingError.diverged(epoch: epoch, batch: current.batch + 1) }
    average?.add(model.network, update: optimizer.steps)
    return Update(loss: sum, tokens: tokens, rate: rate, gradientNorm: norm)
  }

  /// The size of the next step.
  private func rate(epochsDone: Double) -> Float {
    let factor = options.schedule.factor(
      update: optimizer.steps + 1, epochsDone: epochsDone, decay: options.rateDecay,
      hidden: model.configuration.hidden)
    return Float(Double(plateauRate) * factor)
  }

  private func report(_ update: Update, epoch: Int, batches: Int) -> TrainingProgress {
    TrainingProgress(
      epoch: epoch, batch: current.batch, batches: batches, tokens: current.tokens, updates: optimizer.steps,
      rate: update.rate,
      gradientNorm: update.gradientNorm, updateLoss: update.loss / Double(update.tokens),
      loss: current.loss / Double(current.tokens),
      seconds: current.seconds, tokensPerSecond: Double(current.tokens) / current.seconds,
      secondsLeft: current.seconds / Double(current.batch) * Double(batches - current.batch))
  }

  private mutating func finishEpoch(_ epoch: Int) throws -> EpochReport {
    let judged = judged
    let evaluation =
      development.isEmpty ? nil : try judged.evaluate(development, beam: options.developmentBeam)
    let isBest = reports.allSatisfy { isBetter(evaluation, than: $0.development) }
    let report = EpochReport(
      epoch: epoch, loss: current.loss / Double(max(current.tokens, 1)), rate: current.rate ?? plateauRate,
      gradientNorm: current.gradientNorm, updates: optimizer.steps, seconds: current.seconds,
      tokensPerSecond: Double(current.tokens) / max(current.seconds, 1e-9), development: evaluation,
      isBest: isBest)
    if isBest { best = judged }
    if !isBest && options.schedule.shape == .plateau { plateauRate *= options.rateDecay }
    reports.append(report)
    current = EpochState()
    return report
  }

  /// By the options' criterion; where that is equal, the lower cross entropy. Without development examples, the later.
  private func isBetter(_ a: Evaluation?, than b: Evaluation?) -> Bool {
    guard let a, let b else { return true }
    let criterion = options.criterion
    return (criterion.loss(a), a.crossEntropy) < (criterion.loss(b), b.crossEntropy)
  }
}

extension Batch {
  fileprivate func share(of tokens: Int) -> Float { Float(Double(self.tokens) / Double(tokens)) }
}

import Attention

/// How to train.
public struct TrainingOptions: Codable, Sendable, Equatable {
  /// Pairs in a batch.
  public var batchSize: Int
  /// Adam's α at first.
  public var rate: Float
  /// What α is multiplied by after an epoch that was not the best so far; 1 keeps it.
  public var rateDecay: Float
  /// The largest norm of the gradient.
  public var clipNorm: Float
  /// The share of a target token's probability that is spread over the vocabulary (Szegedy et al. 2016, §7).
  public var labelSmoothing: Float
  /// What encoder, attention and decoder round both factors of their weights' products to, forward and backward: `float32`,
  /// which keeps them, or `bfloat16`. The parameters themselves, the loss with the output layer and Adam are `Float` in both.
  public var precision: Precision
  /// Stop after this many epochs in a row without a better one; nil trains to the end.
  public var patience: Int?
  /// Decides the first weights, the order of the pairs and what dropout drops.
  public var seed: UInt64

  public init(
    batchSize: Int = 64, rate: Float = 2e-3, rateDecay: Float = 0.5, clipNorm: Float = 1,
    labelSmoothing: Float = 0, precision: Precision = .float32, patience: Int? = 5, seed: UInt64 = 1
  ) {
    self.batchSize = batchSize
    self.rate = rate
    self.rateDecay = rateDecay
    self.clipNorm = clipNorm
    self.labelSmoothing = labelSmoothing
    self.precision = precision
    self.patience = patience
    self.seed = seed
  }

  /// What was saved before labels could be smoothed, or weights rounded, says nothing of it.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    batchSize = try values.decode(Int.self, forKey: .batchSize)
    rate = try values.decode(Float.self, forKey: .rate)
    rateDecay = try values.decode(Float.self, forKey: .rateDecay)
    clipNorm = try values.decode(Float.self, forKey: .clipNorm)
    labelSmoothing = try values.decodeIfPresent(Float.self, forKey: .labelSmoothing) ?? 0
    precision = try values.decodeIfPresent(Precision.self, forKey: .precision) ?? .float32
    patience = try values.decodeIfPresent(Int.self, forKey: .patience)
    seed = try values.decode(UInt64.self, forKey: .seed)
  }

  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for the first option that cannot be.
  public func validate() throws(ModelError) {
    let checks: [(option: String, isValid: Bool, expected: String, found: String)] = [
      ("batchSize", (1...1_000_000).contains(batchSize), "1 to 1000000", "\(batchSize)"),
      ("rate", rate > 0 && rate.isFinite, "a positive number", "\(rate)"),
      ("rateDecay", rateDecay > 0 && rateDecay <= 1, "more than 0, at most 1", "\(rateDecay)"),
      ("clipNorm", clipNorm > 0 && clipNorm.isFinite, "a positive number", "\(clipNorm)"),
      (
        "labelSmoothing", labelSmoothing >= 0 && labelSmoothing < 1, "at least 0, less than 1",
        "\(labelSmoothing)"
      ),
      ("precision", precision != .int8, "float32 or bfloat16", "\(precision)"),
      ("patience", patience ?? 1 >= 1, "at least 1", "\(patience ?? 1)"),
    ]
    if let wrong = checks.first(where: { !$0.isValid }) {
      throw .configuration(option: wrong.option, expected: wrong.expected, found: wrong.found)
    }
  }
}

/// One epoch, as it went.
public struct EpochReport: Codable, Sendable, Equatable {
  /// Counts from 1.
  public let epoch: Int
  /// The mean cross entropy of the training pairs, in nats a token, while they were learnt; of smoothed labels where
  /// the training smooths them.
  public let loss: Double
  public let rate: Float
  /// Training alone.
  public let seconds: Double
  /// Target tokens learnt a second.
  public let tokensPerSecond: Double
  /// Greedy decoding of the development examples; nil without any.
  public let development: Evaluation?
  /// No epoch before it was better on the development examples.
  public let isBest: Bool
}

/// How far an epoch is.
public struct TrainingProgress: Sendable {
  public let epoch: Int
  public let batch: Int
  public let batches: Int
  /// The mean cross entropy of the epoch so far.
  public let loss: Double
  public let tokensPerSecond: Double
  public let secondsLeft: Double
}

/// A mistake or misfortune of training.
public enum TrainingError: Error, Equatable, Sendable {
  /// The loss or the gradient is not a number any more.
  case diverged(epoch: Int, batch: Int)
  /// The saved training was made with other data.
  case otherData(file: String)
}

extension TrainingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .diverged(let epoch, let batch):
      "training diverged in epoch \(epoch), batch \(batch): the loss is not a number; "
        + "lower the learning rate (--rate) and train again"
    case .otherData(let file):
      "\(file): was saved while training on other data; resume with the same training and development files"
    }
  }
}

/// Trains a model on a corpus by teacher forcing, epoch by epoch, and keeps the one that does best on the development
/// examples.
///
/// A value: copying it forks the training. What it does depends on the data, the options and the number of epochs
/// alone, not on threads, pauses or resumption.
public struct Trainer: Sendable {
  /// The model as it is now.
  public internal(set) var model: TranslationModel
  /// The best model so far; without development examples, the last whole epoch's.
  public internal(set) var best: TranslationModel
  public let options: TrainingOptions
  /// The epochs that are over.
  public internal(set) var reports: [EpochReport] = []

  let pairs: [(source: [Int32], target: [Int32])]
  let development: [ParallelCorpus.Example]
  var optimizer: Adam
  /// The epoch under way: its next batch and what came before it.
  var current = EpochState()

  struct EpochState: Codable, Sendable {
    var batch = 0
    var loss = 0.0
    var tokens = 0
    var seconds = 0.0
  }

  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for options that cannot be.
  public init(
    _ model: TranslationModel, corpus: ParallelCorpus, development: ParallelCorpus? = nil,
    options: TrainingOptions = TrainingOptions()
  ) throws(ModelError) {
    try options.validate()
    self.model = model
    self.best = model
    self.options = options
    self.development = development?.examples ?? []
    pairs = corpus.pairs.map { pair in
      (
        model.sourceVocabulary.encode(pair.source).map(Int32.init),
        model.targetVocabulary.encode(pair.target).map(Int32.init)
      )
    }
    optimizer = Adam(rate: options.rate, clipNorm: options.clipNorm)
  }

  /// The epochs since the best one.
  public var epochsWithoutGain: Int { reports.reversed().prefix { !$0.isBest }.count }

  /// No epoch of the last ``TrainingOptions/patience`` was better than those before.
  public var shouldStop: Bool { options.patience.map { epochsWithoutGain >= $0 } ?? false }

  /// Trains the rest of the current epoch and evaluates it.
  ///
  /// - Parameter progress: called after every batch; returning false pauses, as does cancelling the task. Calling
  ///   this function again goes on with the next batch.
  /// - Returns: the report, or nil when it paused
  /// - Throws: ``TrainingError/diverged(epoch:batch:)``; the model is then as before the batch.
  public mutating func trainEpoch(progress: (TrainingProgress) -> Bool = { _ in true }) throws -> EpochReport?
  {
    let epoch = reports.count + 1
    let plan = BatchPlan(
      lengths: pairs.map { ($0.source.count, $0.target.count) }, batchSize: options.batchSize,
      seed: options.seed,
      epoch: epoch)
    let clock = ContinuousClock()
    while current.batch < plan.batches.count {
      let begin = clock.now
      try step(Batch(plan.batches[current.batch].map { pairs[$0] }), epoch: epoch)
      current.batch += 1
      current.seconds += (clock.now - begin).inSeconds
      let goOn = progress(report(epoch: epoch, batches: plan.batches.count))
      if (!goOn || Task.isCancelled) && current.batch < plan.batches.count { return nil }
    }
    return try finishEpoch(epoch)
  }

  private mutating func step(_ batch: Batch, epoch: Int) throws {
    var generator = SeededGenerator(seed: options.seed ^ UInt64(optimizer.steps) << 20)
    let (loss, gradient) = try model.network.lossAndGradient(
      batch, dropoutSeed: generator.next(), labelSmoothing: options.labelSmoothing,
      precision: options.precision)
    guard loss.isFinite, optimizer.update(&model.network, gradient: gradient).isFinite else {
      throw TrainingError.diverged(epoch: epoch, batch: current.batch + 1)
    }
    current.loss += Double(loss) * Double(batch.tokens)
    current.tokens += batch.tokens
  }

  private func report(epoch: Int, batches: Int) -> TrainingProgress {
    TrainingProgress(
      epoch: epoch, batch: current.batch, batches: batches, loss: current.loss / Double(current.tokens),
      tokensPerSecond: Double(current.tokens) / current.seconds,
      secondsLeft: current.seconds / Double(current.batch) * Double(batches - current.batch))
  }

  private mutating func finishEpoch(_ epoch: Int) throws -> EpochReport {
    let evaluation = development.isEmpty ? nil : try model.evaluate(development)
    let isBest = reports.allSatisfy { Self.isBetter(evaluation, than: $0.development) }
    let report = EpochReport(
      epoch: epoch, loss: current.loss / Double(max(current.tokens, 1)), rate: optimizer.rate,
      seconds: current.seconds,
      tokensPerSecond: Double(current.tokens) / max(current.seconds, 1e-9), development: evaluation,
      isBest: isBest)
    if isBest { best = model } else { optimizer.rate *= options.rateDecay }
    reports.append(report)
    current = EpochState()
    return report
  }

  /// Fewer wrong sequences; where these are equal, the lower cross entropy. Without development examples, the later.
  private static func isBetter(_ a: Evaluation?, than b: Evaluation?) -> Bool {
    guard let a, let b else { return true }
    return (a.sequenceErrorRate, a.crossEntropy) < (b.sequenceErrorRate, b.crossEntropy)
  }
}

import Attention

/// How to train.
public struct TrainingOptions: Codable, Sendable, Equatable {
  /// Pairs in a batch.
  public var batchSize: Int
  /// Tokens in a batch, of whichever side has more, instead of ``batchSize`` pairs; nil counts pairs.
  public var batchTokens: Int?
  /// The batches whose gradients make one update, as if they were one.
  public var accumulation = 1
  public var optimizer = OptimizerOptions()
  /// The size of a step, before its ``schedule``.
  public var rate: Float
  public var schedule = RateSchedule()
  /// What a schedule that decays multiplies the rate by; 1 keeps it.
  public var rateDecay: Float
  /// The largest norm of the gradient.
  public var clipNorm: Float
  /// The share of a target token's probability that is spread over the vocabulary (Szegedy et al. 2016, §7).
  public var labelSmoothing: Float
  /// Nil feeds the decoder true tokens alone (teacher forcing).
  public var sampling: ScheduledSampling?
  /// What encoder, attention and decoder round both factors of their weights' products to, forward and backward: `float32`,
  /// which keeps them, or `bfloat16`. The parameters themselves, the loss with the output layer and the optimiser are `Float`
  /// in both.
  public var precision: Precision
  /// The decay of the exponential moving average of the weights over updates; that average is then what is judged and kept. 0
  /// judges and keeps the weights themselves.
  public var averageDecay: Float = 0
  /// The beam that decodes the development examples; 1 is greedy.
  public var developmentBeam = 1
  /// What decides which epoch was the best.
  public var criterion = Criterion.sequenceErrors
  /// Stop after this many epochs in a row without a better one; nil trains to the end.
  public var patience: Int?
  /// Decides the first weights, the order of the pairs and what dropout drops.
  public var seed: UInt64

  /// What an epoch is judged by, on the development examples. Where it is equal, the lower cross entropy counts.
  public enum Criterion: String, Codable, CaseIterable, Sendable {
    /// The share of outputs that equal no accepted target.
    case sequenceErrors = "sequence-errors"
    /// Edits over target tokens.
    case tokenErrors = "token-errors"
    case bleu
    case crossEntropy = "cross-entropy"

    /// Smaller is better.
    func loss(_ evaluation: Evaluation) -> Double {
      switch self {
      case .sequenceErrors: evaluation.sequenceErrorRate
      case .tokenErrors: evaluation.tokenErrorRate
      case .bleu: -evaluation.bleu
      case .crossEntropy: evaluation.crossEntropy
      }
    }
  }

  public init(
    batchSize: Int = 64, rate: Float = OptimizerOptions.Rule.adam.usualRate, rateDecay: Float = 0.5,
    clipNorm: Float = 1,
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

  /// What was saved before there was a choice says nothing of it.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    batchSize = try values.decode(Int.self, forKey: .batchSize)
    rate = try values.decode(Float.self, forKey: .rate)
    rateDecay = try values.decode(Float.self, forKey: .rateDecay)
    clipNorm = try values.decode(Float.self, forKey: .clipNorm)
    patience = try values.decodeIfPresent(Int.self, forKey: .patience)
    seed = try values.decode(UInt64.self, forKey: .seed)
    func value<Value: Decodable>(_ key: CodingKeys, _ standard: Value) throws -> Value {
      try values.decodeIfPresent(Value.self, forKey: key) ?? standard
    }
    labelSmoothing = try value(.labelSmoothing, 0)
    precision = try value(.precision, .float32)
    batchTokens = try values.decodeIfPresent(Int.self, forKey: .batchTokens)
    sampling = try values.decodeIfPresent(ScheduledSampling.self, forKey: .sampling)
    accumulation = try value(.accumulation, 1)
    optimizer = try value(.optimizer, OptimizerOptions())
    schedule = try value(.schedule, RateSchedule())
    averageDecay = try value(.averageDecay, 0)
    developmentBeam = try value(.developmentBeam, 1)
    criterion = try value(.criterion, .sequenceErrors)
  }

  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for the first option that cannot be.
  public func validate() throws(ModelError) {
    let share = "at least 0, less than 1"
    let checks: [(option: String, isValid: Bool, expected: String, found: String)] = [
      ("batchSize", (1...1_000_000).contains(batchSize), "1 to 1000000", "\(batchSize)"),
      (
        "batchTokens", (1...1_000_000_000).contains(batchTokens ?? 1), "1 to 1000000000",
        "\(batchTokens ?? 1)"
      ),
      ("accumulation", (1...1_000_000).contains(accumulation), "1 to 1000000", "\(accumulation)"),
      ("rate", rate > 0 && rate.isFinite, "a positive number", "\(rate)"),
      ("rateDecay", rateDecay > 0 && rateDecay <= 1, "more than 0, at most 1", "\(rateDecay)"),
      ("clipNorm", clipNorm > 0 && clipNorm.isFinite, "a positive number", "\(clipNorm)"),
      ("labelSmoothing", (0..<1).contains(labelSmoothing), share, "\(labelSmoothing)"),
      ("precision", precision != .int8, "float32 or bfloat16", "\(precision)"),
      ("averageDecay", (0..<1).contains(averageDecay), share, "\(averageDecay)"),
      ("developmentBeam", (1...1000).contains(developmentBeam), "1 to 1000", "\(developmentBeam)"),
      ("patience", patience ?? 1 >= 1, "at least 1", "\(patience ?? 1)"),
    ]
    if let wrong = (checks + optimizer.checks + schedule.checks + (sampling?.checks ?? [])).first(where: {
      !$0.isValid
    }) {
      throw .configuration(option: wrong.option, expected: wrong.expected, found: wrong.found)
    }
  }

  var batchLimit: BatchLimit { batchTokens.map(BatchLimit.tokens) ?? .pairs(batchSize) }
}

extension TrainingOptions {
  /// Makes updates by another rule, with that rule's constants and usual rate.
  public mutating func become(_ rule: OptimizerOptions.Rule) {
    guard rule != optimizer.rule else { return }
    optimizer = OptimizerOptions(rule)
    rate = rule.usualRate
  }
}

/// One epoch, as it went.
public struct EpochReport: Codable, Sendable, Equatable {
  /// Counts from 1.
  public let epoch: Int
  /// The mean cross entropy of the training pairs, in nats a token, while they were learnt; of smoothed labels where
  /// the training smooths them.
  public let loss: Double
  /// The size of its last steps.
  public let rate: Float
  /// The mean norm of its gradients before clipping; nil where it was saved before that was measured.
  public let gradientNorm: Double?
  /// The updates since the training began; nil as ``gradientNorm``.
  public let updates: Int?
  /// Training alone.
  public let seconds: Double
  /// Target tokens learnt a second.
  public let tokensPerSecond: Double
  /// The decoded development examples; nil without any.
  public let development: Evaluation?
  /// No epoch before it was better on the development examples.
  public let isBest: Bool
}

/// How far an epoch is.
public struct TrainingProgress: Sendable {
  public let epoch: Int
  /// The batches that are over, of ``batches``.
  public let batch: Int
  public let batches: Int
  /// The target tokens learnt in the epoch so far, ends included.
  public let tokens: Int
  /// The updates since the training began.
  public let updates: Int
  /// The size of the last step.
  public let rate: Float
  /// The norm of the last update's gradient before clipping.
  public let gradientNorm: Double
  /// The mean cross entropy of the last update's pairs.
  public let updateLoss: Double
  /// The mean cross entropy of the epoch so far.
  public let loss: Double
  /// Spent on the epoch so far.
  public let seconds: Double
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

import Foundation

/// How the size of a step changes while a model learns: what ``TrainingOptions/rate`` is multiplied by.
public struct RateSchedule: Codable, Sendable, Equatable {
  public enum Shape: String, Codable, CaseIterable, Sendable {
    /// The rate as it is.
    case constant
    /// Multiplied by ``TrainingOptions/rateDecay`` after an epoch that was not the best so far.
    case plateau
    /// Multiplied by ``TrainingOptions/rateDecay`` after ``RateSchedule/decayStart`` epochs, and again every
    /// ``RateSchedule/decayEvery`` (Luong et al. 2015, §4; Sutskever et al. 2014, §3.4).
    case step
    /// hidden^−½ · min(u^−½, u · warmup^−1½) at update u (Vaswani et al. 2017, §5.3); the rate is then about 1.
    case noam
    /// √(warmup / u) at update u, after the warm-up.
    case inverseSquareRoot = "inverse-square-root"
    /// ½ (1 + cos π e / E) after e of ``RateSchedule/epochs`` E (Loshchilov & Hutter 2017, without restarts); a training
    /// ends with it.
    case cosine
  }

  public var shape: Shape
  /// The updates over which the rate first grows in proportion to their number; 0 begins with the whole.
  public var warmup: Int
  /// ``Shape/step``: the epochs before the first decay.
  public var decayStart: Double
  /// ``Shape/step``: the epochs from one decay to the next; a half is half an epoch.
  public var decayEvery: Double
  /// ``Shape/cosine``: the epochs over which the rate falls to 0.
  public var epochs: Int?

  public init(
    _ shape: Shape = .plateau, warmup: Int = 0, decayStart: Double = 5, decayEvery: Double = 1,
    epochs: Int? = nil
  ) {
    self.shape = shape
    self.warmup = warmup
    self.decayStart = decayStart
    self.decayEvery = decayEvery
    self.epochs = epochs
  }

  /// What the rate is multiplied by.
  ///
  /// - Parameters:
  ///   - update: counts from 1, over all epochs
  ///   - epochsDone: those before it, with the share that is done of its own
  ///   - decay: ``TrainingOptions/rateDecay``
  ///   - hidden: the model's width
  public func factor(update: Int, epochsDone: Double, decay: Float, hidden: Int) -> Double {
    let (update, warmup) = (Double(update), Double(warmup))
    let growth = warmup > update ? update / warmup : 1
    switch shape {
    case .constant, .plateau:
      return growth
    case .step:
      guard epochsDone >= decayStart else { return growth }
      return growth * pow(Double(decay), ((epochsDone - decayStart) / decayEvery).rounded(.down) + 1)
    case .noam:
      return (growth / Double(hidden).squareRoot()) / max(update, warmup).squareRoot()
    case .inverseSquareRoot:
      return growth * (max(warmup, 1) / max(update, warmup)).squareRoot()
    case .cosine:
      return growth * (1 + cos(.pi * min(epochsDone / Double(epochs ?? 1), 1))) / 2
    }
  }

  /// The epochs after which there is nothing left to learn with; nil if the rate stays above 0.
  var end: Int? { shape == .cosine ? epochs : nil }

  /// The options that cannot be, as ``TrainingOptions/validate()`` lists them.
  var checks: [(option: String, isValid: Bool, expected: String, found: String)] {
    let (least, with) = shape == .noam ? (1, " with \(shape.rawValue)") : (0, "")
    return [
      ("warmup", (least...1_000_000_000).contains(warmup), "\(least) to 1000000000\(with)", "\(warmup)"),
      ("decayStart", decayStart >= 0 && decayStart.isFinite, "a number of epochs", "\(decayStart)"),
      ("decayEvery", decayEvery > 0 && decayEvery.isFinite, "a positive number of epochs", "\(decayEvery)"),
      (
        "schedule.epochs", epochs.map { $0 >= 1 } ?? (shape != .cosine), "at least 1",
        epochs.map { "\($0)" } ?? "none"
      ),
    ]
  }
}

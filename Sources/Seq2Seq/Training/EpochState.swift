/// One update, as it went.
struct Update {
  /// The sum of the cross entropies of its target tokens.
  let loss: Double
  let tokens: Int
  let rate: Float
  /// Before clipping.
  let gradientNorm: Double
}

/// The epoch under way.
struct EpochState: Codable, Sendable {
  /// Its next batch.
  private(set) var batch = 0
  /// What came before that.
  private(set) var loss = 0.0
  private(set) var tokens = 0
  private(set) var seconds = 0.0
  /// The size of the last step.
  private(set) var rate: Float?
  /// The sum of the gradients' norms and their number.
  private var norms: Double?
  private var updates: Int?

  mutating func add(_ update: Update, batches: Int, seconds: Double) {
    batch += batches
    loss += update.loss
    tokens += update.tokens
    self.seconds += seconds
    rate = update.rate
    norms = (norms ?? 0) + update.gradientNorm
    updates = (updates ?? 0) + 1
  }

  /// The mean norm of the gradients before clipping; nil before the first.
  var gradientNorm: Double? { norms.flatMap { sum in updates.map { sum / Double($0) } } }
}

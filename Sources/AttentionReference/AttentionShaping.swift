// What happens to a score on its way to a weight, and to a weight on its way into the context.

extension Reference {
  /// Which keys a query may attend to by their distance from a position p, and how strongly:
  ///
  ///     p − left ≤ i ≤ p + right
  ///
  /// The position of step t is t + offset, or what a model predicts. Without a bound all keys are near enough.
  public struct AttentionWindow<T: Scalar>: Sendable {
    /// Nil: no bound on that side.
    public var left, right: Int?
    /// [batch], added to t; nil for 0. A source whose first keys are from the past has their number.
    public var offsets: [Int]?
    /// p [batch, heads, queryLength], in place of t + offset. A NaN is near to every key, so that it shows.
    public var centres: [T]?
    /// σ: with centres, weights are multiplied by exp(−(i − p)² / 2σ²) and not renormalised; nil: they are not.
    public var deviation: T?

    @inlinable
    public init(
      left: Int? = nil, right: Int? = nil, offsets: [Int]? = nil, centres: [T]? = nil, deviation: T? = nil
    ) {
      self.left = left
      self.right = right
      self.offsets = offsets
      self.centres = centres
      self.deviation = deviation
    }

    /// Every key.
    @inlinable public static var global: Self { Self() }

    /// No key of a later position.
    @inlinable
    public static func causal(offsets: [Int]? = nil) -> Self { Self(right: 0, offsets: offsets) }

    /// Luong, Pham, Manning 2015, §3.2, "local-m": p = t, D on either side.
    @inlinable
    public static func monotonic(radius: Int) -> Self { Self(left: radius, right: radius) }

    /// Luong, Pham, Manning 2015, §3.2, "local-p", equation 10: D on either side of p, and σ = D/2. The centres are
    /// those of ``positions(_:weight:v:lengths:steps:hidden:)``.
    @inlinable
    public static func predictive(centres: [T], radius: Int) -> Self {
      Self(left: radius, right: radius, centres: centres, deviation: T(radius) / 2)
    }
  }

  /// A score passes, in this order: softcap, bias, masks (those of the lengths, the window and `allowed`), softmax, the
  /// window's Gaussian, dropout. A score of −∞ is masked.
  public struct AttentionShaping<T: Scalar>: Sendable {
    /// c: a score s becomes c · tanh(s / c) (Gemma 2, 2024, §2); nil: it stays.
    public var softcap: T?
    /// [batch, heads, queryLength, keyLength], added to the scores. −∞ masks.
    public var bias: [T]?
    /// [batch, heads, queryLength, keyLength]; false masks.
    public var allowed: [Bool]?
    public var window: AttentionWindow<T>
    /// [batch, heads, queryLength, keyLength], factors of the weights: 0 where one is dropped, 1 / (1 − rate) elsewhere.
    public var dropout: [T]?

    @inlinable
    public init(
      softcap: T? = nil, bias: [T]? = nil, allowed: [Bool]? = nil, window: AttentionWindow<T> = .global,
      dropout: [T]? = nil
    ) {
      self.softcap = softcap
      self.bias = bias
      self.allowed = allowed
      self.window = window
      self.dropout = dropout
    }
  }

  /// Throws unless the number is above 0.
  @inlinable
  static func requirePositive<T: Scalar>(_ value: T?, _ argument: String) throws {
    guard let value else { return }
    guard value > 0 else {
      throw ReferenceError.configuration("'\(argument)' is \(value); expected more than 0")
    }
  }
}

// MARK: - One pair

extension Reference.AttentionInput {
  @inlinable
  func validateShaping() throws {
    let pairs = [batch, heads, queryLength, keyLength]
    if let bias = shaping.bias { try Reference.require(bias, "bias", shape: pairs) }
    if let allowed = shaping.allowed { try Reference.require(allowed, "allowed", shape: pairs) }
    if let dropout = shaping.dropout { try Reference.require(dropout, "dropout", shape: pairs) }
    if let offsets = shaping.window.offsets { try Reference.require(offsets, "offsets", batch) }
    if let centres = shaping.window.centres {
      try Reference.require(centres, "centres", batch, heads, queryLength)
    }
    try Reference.requirePositive(shaping.softcap, "softcap")
    try Reference.requirePositive(shaping.window.deviation, "deviation")
  }

  /// Whether every mask lets this query see key i.
  @inlinable
  func allows(_ query: QueryPlace, _ i: Int) -> Bool {
    i < length(query.batch) && isNear(query, i) && shaping.allowed?[pair(query, i)] != false
      && shaping.bias?[pair(query, i)] != -T.infinity
  }

  /// p − left ≤ i ≤ p + right, always in double: rounding must not decide what a window holds.
  @inlinable
  func isNear(_ query: QueryPlace, _ i: Int) -> Bool {
    let window = shaping.window
    let position =
      window.centres.map { Double($0[query.row]) }
      ?? Double(query.step) + Double(window.offsets?[query.batch] ?? 0)
    guard !position.isNaN else { return true }  // so that it shows, in the Gaussian
    let isAfterStart = window.left.map { position - Double($0) <= Double(i) } ?? true
    let isBeforeEnd = window.right.map { Double(i) <= position + Double($0) } ?? true
    return isAfterStart && isBeforeEnd
  }

  /// c · tanh(s / c).
  @inlinable
  func capped(_ score: T) -> T {
    guard let softcap = shaping.softcap else { return score }
    return softcap * T.tanh(score / softcap)
  }

  /// Inverts y = c · tanh(s / c): ds = dy (1 − (y / c)²).
  @inlinable
  func cappedBackward(_ dcapped: T, _ score: T) -> T {
    guard let softcap = shaping.softcap else { return dcapped }
    let tanh = capped(score) / softcap
    return dcapped * (1 - tanh * tanh)
  }

  /// exp(−(i − p)² / 2σ²).
  @inlinable
  func gaussian(_ query: QueryPlace, _ i: Int) -> T {
    guard let centres = shaping.window.centres, let deviation = shaping.window.deviation else { return 1 }
    let distance = (T(i) - centres[query.row]) / deviation
    return T.exp(-distance * distance / 2)
  }

  /// Inverts g = exp(−(i − p)² / 2σ²): dp = dg · g (i − p) / σ².
  @inlinable
  func gaussianBackward(_ dgaussian: T, _ query: QueryPlace, _ i: Int) -> T {
    guard let centres = shaping.window.centres, let deviation = shaping.window.deviation else { return 0 }
    return dgaussian * gaussian(query, i) * (T(i) - centres[query.row]) / (deviation * deviation)
  }
}

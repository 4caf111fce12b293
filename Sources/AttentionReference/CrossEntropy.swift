extension Reference {
  /// What ``crossEntropy(x:weight:bias:targets:hidden:vocabulary:scale:smoothing:)`` returns.
  public struct CrossEntropyResult<T: Scalar>: Sendable {
    /// The loss of each row in nats, [rows]; 0 for a skipped row.
    public var losses: [T]
    /// How many rows have a target.
    public var count: Int
    /// The gradients of scale · Σ losses: dx [rows, hidden], dW [vocabulary, hidden], db [vocabulary].
    public var x, weight, bias: [T]

    /// Σ losses.
    @inlinable public var loss: T { losses.reduce(0, +) }

    @inlinable
    init(losses: [T], count: Int, x: [T], weight: [T], bias: [T]) {
      self.losses = losses
      self.count = count
      self.x = x
      self.weight = weight
      self.bias = bias
    }
  }

  /// Vocabulary projection and token cross entropy, forward and backward ("Training"):
  ///
  ///     z[n] = W x[n] + b      p[n] = softmax(z[n])
  ///     loss[n] = −(1 − ε) log p[n, target[n]] − ε / V Σᵥ log p[n, v]
  ///
  /// with label smoothing ε (Szegedy et al. 2016, §7). The backward inverts these:
  /// dz[n] = scale · (p[n] − (1 − ε) onehot(target[n]) − ε / V), dx[n] = Wᵀ dz[n], dW = Σₙ dz[n] x[n]ᵀ,
  /// db = Σₙ dz[n].
  ///
  /// - Parameters:
  ///   - x: [rows, hidden], with rows = targets.count.
  ///   - weight: W [vocabulary, hidden].
  ///   - bias: b [vocabulary].
  ///   - targets: A token a row, 0 ... vocabulary − 1; a negative one skips its row, which is then not read.
  ///   - scale: A factor on every gradient: 1/count gives those of the mean.
  ///   - smoothing: ε, 0 ... 1.
  /// - Throws: ``ReferenceError``.
  /// - Complexity: O(rows · vocabulary · hidden).
  @inlinable
  public static func crossEntropy<T: Scalar>(
    x: [T], weight: [T], bias: [T], targets: [Int], hidden: Int, vocabulary: Int, scale: T = 1,
    smoothing: T = 0
  ) throws -> CrossEntropyResult<T> {
    try require(x, "x", targets.count, hidden)
    try require(weight, "weight", vocabulary, hidden)
    try require(bias, "bias", vocabulary)
    try requireIndices(targets, "targets", minimum: Int.min, count: vocabulary)

    var result = CrossEntropyResult<T>(
      losses: targets.map { _ in 0 }, count: 0,
      x: x.map { _ in 0 }, weight: weight.map { _ in 0 }, bias: bias.map { _ in 0 })
    for (n, target) in targets.enumerated() where target >= 0 {
      let xn = row(x, n, hidden)
      let logits = zip(product(weight, xn, rows: vocabulary), bias).map(+)
      let logProbabilities = logSoftmax(logits[...], length: vocabulary)
      // Without smoothing the mean, which may be −∞, has no part in the loss.
      let mean = logProbabilities.reduce(0, +) / T(vocabulary)
      result.losses[n] = -(1 - smoothing) * logProbabilities[target] - (smoothing > 0 ? smoothing * mean : 0)
      result.count += 1
      for (token, logProbability) in logProbabilities.enumerated() {
        let label = (token == target ? 1 - smoothing : 0) + smoothing / T(vocabulary)
        let dlogit = scale * (T.exp(logProbability) - label)
        add(dlogit, row(weight, token, hidden), to: &result.x, row: n)
        add(dlogit, xn, to: &result.weight, row: token)
        result.bias[token] += dlogit
      }
    }
    return result
  }
}

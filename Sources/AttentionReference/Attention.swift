extension Reference {
  /// How a query is compared with a key ("The attention function").
  public enum Score<T: Scalar>: Sendable {
    /// scale · qᵀ k. Scale 1: Luong, Pham, Manning 2015, "dot"; 1/√H: Vaswani et al. 2017, equation 1.
    case dot(scale: T)
    /// qᵀ W k, with W [H, keyWidth]: Luong, Pham, Manning 2015, "general".
    case general(weight: [T], keyWidth: Int)
    /// Σₕ vₕ tanh(qₕ + kₕ), with v [H] and both sides projected beforehand: Bahdanau, Cho, Bengio 2015, appendix
    /// A.1.2; Luong's "concat".
    case additive(v: [T])
  }

  /// What attention reads, with its sizes.
  public struct AttentionInput<T: Scalar>: Sendable {
    /// [batch, queryLength, hidden].
    public var queries: [T]
    /// [batch, keyLength, hidden]; under the general score [batch, keyLength, keyWidth].
    public var keys: [T]
    /// [batch, keyLength, valueWidth].
    public var values: [T]
    /// [batch], how many keys each source has; nil for keyLength everywhere.
    public var lengths: [Int]?
    public var batch, queryLength, keyLength, hidden, valueWidth: Int

    @inlinable
    public init(
      queries: [T], keys: [T], values: [T], lengths: [Int]? = nil,
      batch: Int, queryLength: Int, keyLength: Int, hidden: Int, valueWidth: Int
    ) {
      self.queries = queries
      self.keys = keys
      self.values = values
      self.lengths = lengths
      self.batch = batch
      self.queryLength = queryLength
      self.keyLength = keyLength
      self.hidden = hidden
      self.valueWidth = valueWidth
    }

    @inlinable
    func validate(_ score: Score<T>) throws {
      var keyWidth = hidden
      switch score {
      case .dot: break
      case .general(let weight, let width):
        keyWidth = width
        try require(weight, "weight", hidden, keyWidth)
      case .additive(let v): try require(v, "v", hidden)
      }
      try require(queries, "queries", batch, queryLength, hidden)
      try require(keys, "keys", batch, keyLength, keyWidth)
      try require(values, "values", batch, keyLength, valueWidth)
      try requireLengths(lengths, rows: batch, maximum: keyLength)
    }

    @inlinable func length(_ b: Int) -> Int { lengths?[b] ?? keyLength }
  }

  /// What attention returns.
  public struct AttentionResult<T: Scalar>: Sendable {
    /// c [batch, queryLength, valueWidth].
    public var context: [T]
    /// α [batch, queryLength, keyLength], the softmax weights.
    public var alignment: [T]

    @inlinable
    init(context: [T], alignment: [T]) {
      self.context = context
      self.alignment = alignment
    }
  }

  /// Attention of every query over the keys of its source:
  ///
  ///     e[t, i] = score(q[t], k[i])      α[t] = softmax(e[t]) over i < length      c[t] = Σᵢ α[t, i] v[i]
  ///
  /// Keys and values beyond a length are not read. A source of length 0 gives a zero context and zero weights.
  ///
  /// - Throws: ``ReferenceError``.
  /// - Complexity: O(batch · queryLength · keyLength · (hidden + valueWidth)).
  @inlinable
  public static func attention<T: Scalar>(
    _ input: AttentionInput<T>, score: Score<T>
  ) throws -> AttentionResult<T> {
    try input.validate(score)
    if case .general(let weight, let keyWidth) = score {
      return try attention(projectingKeys(of: input, by: weight, keyWidth), score: .dot(scale: 1))
    }
    var result = AttentionResult<T>(
      context: Array(repeating: 0, count: input.batch * input.queryLength * input.valueWidth), alignment: [])
    for b in 0..<input.batch {
      let keys = b * input.keyLength..<b * input.keyLength + input.length(b)
      for t in b * input.queryLength..<(b + 1) * input.queryLength {
        let query = row(input.queries, t, input.hidden)
        let scores = keys.map { evaluate(score, query, row(input.keys, $0, input.hidden)) }
        let weights = softmax(scores[...], length: keys.count)
        for (i, weight) in zip(keys, weights) {
          add(weight, row(input.values, i, input.valueWidth), to: &result.context, row: t)
        }
        result.alignment += weights + Array(repeating: 0, count: input.keyLength - keys.count)
      }
    }
    return result
  }

  /// The gradients of ``attention(_:score:)``.
  public struct AttentionGradient<T: Scalar>: Sendable {
    /// In the shapes of the input's arrays.
    public var queries, keys, values: [T]
    /// Of the score's own parameter: v [hidden], W [hidden, keyWidth], or empty for the dot score.
    public var scoreParameter: [T]

    @inlinable
    init(zeroFor input: AttentionInput<T>, scoreParameter: [T]) {
      queries = Array(repeating: 0, count: input.queries.count)
      keys = Array(repeating: 0, count: input.keys.count)
      values = Array(repeating: 0, count: input.values.count)
      self.scoreParameter = scoreParameter
    }
  }

  /// Inverts e = score(q, k), α = softmax(e), c = Σᵢ αᵢ vᵢ:
  ///
  ///     dα[t, i] = dc[t]ᵀ v[i]            dv[i] = Σₜ α[t, i] dc[t]
  ///     de[t, i] = α[t, i] (dα[t, i] − Σⱼ α[t, j] dα[t, j])
  ///     dot, e = scale · qᵀ k:            dq = scale · de · k         dk = scale · de · q
  ///     additive, e = vᵀ tanh(q + k):     dq = dk = de · v ∘ (1 − tanh²)      dv = de · tanh
  ///     general, e = qᵀ k′, k′ = W k:     dot with k′, then dk = Wᵀ dk′       dW = Σᵢ dk′[i] k[i]ᵀ
  ///
  /// Places beyond a length have zero gradients, whatever stands there.
  ///
  /// - Parameters:
  ///   - contextGradient: dc [batch, queryLength, valueWidth].
  ///   - result: The forward's.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func attentionBackward<T: Scalar>(
    _ contextGradient: [T], _ result: AttentionResult<T>, _ input: AttentionInput<T>, score: Score<T>
  ) throws -> AttentionGradient<T> {
    try input.validate(score)
    try require(
      contextGradient, "contextGradient", input.batch, input.queryLength, input.valueWidth)
    try require(result.alignment, "alignment", input.batch, input.queryLength, input.keyLength)
    if case .general(let weight, let keyWidth) = score {
      return try generalBackward(contextGradient, result, input, weight, keyWidth)
    }
    var gradient = AttentionGradient(zeroFor: input, scoreParameter: [])
    if case .additive(let v) = score { gradient.scoreParameter = v.map { _ in 0 } }
    for b in 0..<input.batch {
      let keys = b * input.keyLength..<b * input.keyLength + input.length(b)
      for t in b * input.queryLength..<(b + 1) * input.queryLength {
        let dcontext = row(contextGradient, t, input.valueWidth)
        let weights = row(result.alignment, t, input.keyLength).prefix(keys.count)
        let dweights = keys.map { dot(dcontext, row(input.values, $0, input.valueWidth)) }
        let dscores = softmaxBackward(dweights[...], output: weights, length: keys.count)
        for (i, (weight, dscore)) in zip(keys, zip(weights, dscores)) {
          add(weight, dcontext, to: &gradient.values, row: i)
          backpropagate(dscore, through: score, input, query: t, key: i, into: &gradient)
        }
      }
    }
    return gradient
  }
}

// MARK: - One score

extension Reference {
  /// e = score(q, k) of the scores that compare vectors of one width.
  @inlinable
  static func evaluate<T: Scalar>(_ score: Score<T>, _ query: ArraySlice<T>, _ key: ArraySlice<T>) -> T {
    switch score {
    case .dot(let scale): scale * dot(query, key)
    case .additive(let v): zip(v, zip(query, key)).reduce(0) { $0 + $1.0 * T.tanh($1.1.0 + $1.1.1) }
    case .general: preconditionFailure("the general score runs as the dot score over projected keys")
    }
  }

  /// Adds de's share to dq[t], dk[i] and the score's parameter; the formulas stand at `attentionBackward`.
  @inlinable
  static func backpropagate<T: Scalar>(
    _ dscore: T, through score: Score<T>, _ input: AttentionInput<T>, query t: Int, key i: Int,
    into gradient: inout AttentionGradient<T>
  ) {
    let query = row(input.queries, t, input.hidden)
    let key = row(input.keys, i, input.hidden)
    switch score {
    case .dot(let scale):
      add(scale * dscore, key, to: &gradient.queries, row: t)
      add(scale * dscore, query, to: &gradient.keys, row: i)
    case .additive(let v):
      let u = zip(query, key).map { T.tanh($0 + $1) }
      let du = zip(v, u).map { v, u in v * (1 - u * u) }
      add(dscore, du[...], to: &gradient.queries, row: t)
      add(dscore, du[...], to: &gradient.keys, row: i)
      add(dscore, u[...], to: &gradient.scoreParameter, row: 0)
    case .general: preconditionFailure("the general score runs as the dot score over projected keys")
    }
  }
}

// MARK: - The general score: project the keys, then dot

extension Reference {
  /// Keys with zeros beyond the lengths: a product with the padding would turn a stray NaN into a gradient.
  @inlinable
  static func maskedKeys<T: Scalar>(_ input: AttentionInput<T>, _ keyWidth: Int) -> [T] {
    var keys = [T](repeating: 0, count: input.keys.count)
    for b in 0..<input.batch {
      for i in b * input.keyLength..<b * input.keyLength + input.length(b) {
        add(1, row(input.keys, i, keyWidth), to: &keys, row: i)
      }
    }
    return keys
  }

  /// k′ = k Wᵀ.
  @inlinable
  static func projectingKeys<T: Scalar>(
    of input: AttentionInput<T>, by weight: [T], _ keyWidth: Int
  ) throws -> AttentionInput<T> {
    var projected = input
    projected.keys = try matrixProduct(
      maskedKeys(input, keyWidth), weight, keyProjection(input, keyWidth))
    return projected
  }

  @inlinable
  static func keyProjection<T>(_ input: AttentionInput<T>, _ keyWidth: Int) -> ProductShape {
    ProductShape(m: input.batch * input.keyLength, n: input.hidden, k: keyWidth, transposeB: true)
  }

  /// Inverts k′ = k Wᵀ behind the dot score's gradient.
  @inlinable
  static func generalBackward<T: Scalar>(
    _ contextGradient: [T], _ result: AttentionResult<T>, _ input: AttentionInput<T>,
    _ weight: [T], _ keyWidth: Int
  ) throws -> AttentionGradient<T> {
    let projected = try projectingKeys(of: input, by: weight, keyWidth)
    var gradient = try attentionBackward(contextGradient, result, projected, score: .dot(scale: 1))
    let product = try matrixProductBackward(
      gradient.keys, output: projected.keys, maskedKeys(input, keyWidth), weight,
      keyProjection(input, keyWidth))
    gradient.keys = product.a
    gradient.scoreParameter = product.b
    return gradient
  }
}

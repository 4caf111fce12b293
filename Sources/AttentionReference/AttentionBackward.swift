extension Reference {
  /// The gradients of ``attention(_:score:)``.
  public struct AttentionGradient<T: Scalar>: Sendable {
    /// In the shapes of the input's arrays.
    public var queries, keys, values: [T]
    /// Of the score's own parameter: v [hidden], W in its shape, or empty for the dot and the cosine score.
    public var scoreParameter: [T]
    /// Of the additive scores' b [hidden]; empty without one.
    public var scoreBias: [T]
    /// Of the normed additive score's g; 0 under the others.
    public var gain: T
    /// Of the bias [batch, heads, queryLength, keyLength], there or not.
    public var bias: [T]
    /// Of the window's centres [batch, heads, queryLength]; empty without them.
    public var centres: [T]

    @inlinable
    init(zeroFor input: AttentionInput<T>, score: Score<T>) {
      queries = input.queries.map { _ in 0 }
      keys = input.keys.map { _ in 0 }
      values = input.values.map { _ in 0 }
      bias = Array(repeating: 0, count: input.batch * input.heads * input.queryLength * input.keyLength)
      centres = input.shaping.window.centres?.map { _ in 0 } ?? []
      gain = 0
      (scoreParameter, scoreBias) = ([], [])
      switch score {
      case .dot, .cosine: break
      case .general(let weight, _), .location(let weight): scoreParameter = weight.map { _ in 0 }
      case .additive(let v, let bias), .normedAdditive(let v, _, let bias):
        scoreParameter = v.map { _ in 0 }
        scoreBias = bias?.map { _ in 0 } ?? []
      }
    }
  }

  /// Inverts e = shaped score(q, k), α = softmax(e), a = α ∘ gaussian, c = Σᵢ aᵢ dropoutᵢ vᵢ:
  ///
  ///     F = gaussian ∘ dropout            dα[t, i] = F[t, i] dc[t]ᵀ v[i]            dv[i] = Σₜ α[t, i] F[t, i] dc[t]
  ///     de[t, i] = dbias[t, i] = α[t, i] (dα[t, i] − Σⱼ α[t, j] dα[t, j])
  ///     dp[t] = Σᵢ α[t, i] F[t, i] (dc[t]ᵀ v[i]) (i − p[t]) / σ²
  ///
  /// and then the softcap and the score themselves. What is masked has zero gradients, whatever stands there, and so has a query
  /// with nothing to attend to.
  ///
  /// - Parameters:
  ///   - contextGradient: dc [batch, heads, queryLength, valueWidth].
  ///   - result: The forward's.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func attentionBackward<T: Scalar>(
    _ contextGradient: [T], _ result: AttentionResult<T>, _ input: AttentionInput<T>, score: Score<T>
  ) throws -> AttentionGradient<T> {
    let keyWidth = try input.validate(score)
    try require(
      contextGradient, "contextGradient", input.batch, input.heads, input.queryLength, input.valueWidth)
    try require(result.weights, "weights", input.batch, input.heads, input.queryLength, input.keyLength)
    if case .normedAdditive(let v, let gain, let bias) = score {
      let plain = Score.additive(v: normed(v, gain), bias: bias)
      var gradient = try attentionBackward(contextGradient, result, input, score: plain)
      (gradient.scoreParameter, gradient.gain) = normedBackward(gradient.scoreParameter, v, gain)
      return gradient
    }
    var gradient = AttentionGradient(zeroFor: input, score: score)
    for query in input.places {
      let attended = (0..<input.keyLength).filter { result.weights[input.pair(query, $0)] != 0 }
      let weights = attended.map { result.weights[input.pair(query, $0)] }
      let dcontext = row(contextGradient, query.row, input.valueWidth)
      let dweights = zip(attended, weights).map { i, weight in
        weightBackward(dcontext, weight, input, query, i, into: &gradient)
      }
      let dscores = softmaxBackward(dweights[...], output: weights[...], length: weights.count)
      for (i, de) in zip(attended, dscores) {
        gradient.bias[input.pair(query, i)] = de
        backpropagate(
          input.cappedBackward(de, input.score(score, query, i, keyWidth)), through: score,
          row(input.queries, query.row, input.hidden), row(input.keys, input.key(query, i), keyWidth),
          position: i, query: query.row, key: input.key(query, i), into: &gradient)
      }
    }
    return gradient
  }

  /// Inverts c += α gaussian dropout v: returns dα, and adds to dv and dp. A dropped weight's value is not read.
  @inlinable
  static func weightBackward<T: Scalar>(
    _ dcontext: ArraySlice<T>, _ weight: T, _ input: AttentionInput<T>, _ query: QueryPlace, _ i: Int,
    into gradient: inout AttentionGradient<T>
  ) -> T {
    let dropout = input.shaping.dropout?[input.pair(query, i)] ?? 1
    let factor = input.gaussian(query, i) * dropout
    guard factor != 0 else { return 0 }
    let key = input.key(query, i)
    let along = dot(dcontext, row(input.values, key, input.valueWidth))
    add(weight * factor, dcontext, to: &gradient.values, row: key)
    if !gradient.centres.isEmpty {
      gradient.centres[query.row] += input.gaussianBackward(weight * dropout * along, query, i)
    }
    return factor * along
  }
}

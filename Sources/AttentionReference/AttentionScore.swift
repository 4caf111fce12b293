// e = score(q, k) of one pair and its gradient. All heads share a score's parameters.

extension Reference {
  /// How a query is compared with a key ("The attention function").
  public enum Score<T: Scalar>: Sendable {
    /// scale · qᵀ k. Scale 1: Luong, Pham, Manning 2015, "dot"; 1/√H: Vaswani et al. 2017, equation 1.
    case dot(scale: T)
    /// qᵀ k / (‖q‖ ‖k‖ · temperature): Graves, Wayne, Danihelka 2014, equation 6, whose β is 1 / temperature. A norm
    /// below 1e-8 counts as 1e-8.
    case cosine(temperature: T)
    /// qᵀ W k, with W [H, keyWidth]: Luong, Pham, Manning 2015, "general".
    case general(weight: [T], keyWidth: Int)
    /// Σₕ vₕ tanh(qₕ + kₕ + bₕ), with v and b [H] and both sides projected beforehand: Bahdanau, Cho, Bengio 2015,
    /// appendix A.1.2; Luong's "concat". Without b it is 0.
    case additive(v: [T], bias: [T]? = nil)
    /// The additive score with g · v / ‖v‖ in place of v: Salimans, Kingma 2016, equation 2.
    case normedAdditive(v: [T], gain: T, bias: [T]? = nil)
    /// W[i]ᵀ q, with W [positions, H], at least keyLength of them, and keys of width 0: Luong, Pham, Manning 2015,
    /// equation 8.
    case location(weight: [T])

    /// Throws unless the parameters fit, and says how wide a key is.
    @inlinable
    func keyWidth(hidden: Int, keyLength: Int) throws -> Int {
      switch self {
      case .dot: return hidden
      case .cosine(let temperature):
        try requirePositive(temperature, "temperature")
        return hidden
      case .general(let weight, let keyWidth):
        try require(weight, "weight", hidden, keyWidth)
        return keyWidth
      case .additive(let v, let bias), .normedAdditive(let v, _, let bias):
        try require(v, "v", hidden)
        if let bias { try require(bias, "score bias", hidden) }
        return hidden
      case .location(let weight):
        try require(weight, "weight", hidden > 0 ? max(keyLength, weight.count / hidden) : keyLength, hidden)
        return 0
      }
    }
  }

  /// e = score(q, k) of the key at position i.
  @inlinable
  static func evaluate<T: Scalar>(
    _ score: Score<T>, _ query: ArraySlice<T>, _ key: ArraySlice<T>, position i: Int
  ) -> T {
    switch score {
    case .dot(let scale): scale * dot(query, key)
    case .cosine(let temperature):
      dot(normalised(query).unit[...], normalised(key).unit[...]) / temperature
    case .general(let weight, _): dot(query, product(weight, key, rows: query.count)[...])
    case .additive(let v, let bias): dot(v[...], additiveActivations(query, key, bias)[...])
    case .normedAdditive(let v, let gain, let bias):
      evaluate(.additive(v: normed(v, gain), bias: bias), query, key, position: i)
    case .location(let weight): dot(row(weight, i, query.count), query)
    }
  }

  /// Inverts e = score(q, k) of the key at position i: adds de's share to dq, dk and the score's parameters.
  ///
  ///     dot, e = scale · qᵀ k:                    dq = scale · de · k          dk = scale · de · q
  ///     cosine, e = q̂ᵀ k̂ / temperature:           dq̂ = de · k̂ / temperature    dk̂ = de · q̂ / temperature
  ///     general, e = qᵀ W k:                      dq = de · W k                dk = de · Wᵀ q        dW = de · q kᵀ
  ///     additive, e = vᵀ u, u = tanh(q + k + b):  dq = dk = db = de · v ∘ (1 − u²)                   dv = de · u
  ///     location, e = W[i]ᵀ q:                    dq = de · W[i]               dW[i] = de · q
  ///
  /// - Parameters:
  ///   - t: The query's row in the gradient.
  ///   - k: The key's row in the gradient.
  @inlinable
  static func backpropagate<T: Scalar>(
    _ de: T, through score: Score<T>, _ query: ArraySlice<T>, _ key: ArraySlice<T>, position i: Int,
    query t: Int, key k: Int, into gradient: inout AttentionGradient<T>
  ) {
    switch score {
    case .dot(let scale):
      add(scale * de, key, to: &gradient.queries, row: t)
      add(scale * de, query, to: &gradient.keys, row: k)
    case .cosine(let temperature):
      let (q, unitKey) = (normalised(query), normalised(key))
      let dq = normalisedBackward(unitKey.unit.map { de * $0 / temperature }, q)
      let dk = normalisedBackward(q.unit.map { de * $0 / temperature }, unitKey)
      add(1, dq[...], to: &gradient.queries, row: t)
      add(1, dk[...], to: &gradient.keys, row: k)
    case .general(let weight, _):
      add(de, product(weight, key, rows: query.count)[...], to: &gradient.queries, row: t)
      add(de, transposedProduct(weight, Array(query))[...], to: &gradient.keys, row: k)
      for (h, q) in query.enumerated() { add(de * q, key, to: &gradient.scoreParameter, row: h) }
    case .additive(let v, let bias):
      let u = additiveActivations(query, key, bias)
      let du = zip(v, u).map { v, u in v * (1 - u * u) }
      add(de, du[...], to: &gradient.queries, row: t)
      add(de, du[...], to: &gradient.keys, row: k)
      add(de, u[...], to: &gradient.scoreParameter, row: 0)
      if bias != nil { add(de, du[...], to: &gradient.scoreBias, row: 0) }
    case .normedAdditive:
      preconditionFailure("the backward of the normed additive score runs as the additive one's")
    case .location(let weight):
      add(de, row(weight, i, query.count), to: &gradient.queries, row: t)
      add(de, query, to: &gradient.scoreParameter, row: i)
    }
  }

  /// u = tanh(q + k + b).
  @inlinable
  static func additiveActivations<T: Scalar>(
    _ query: ArraySlice<T>, _ key: ArraySlice<T>, _ bias: [T]?
  ) -> [T] {
    let sums = zip(query, key).map { $0 + $1 }
    guard let bias else { return sums.map { T.tanh($0) } }
    return zip(sums, bias).map { T.tanh($0 + $1) }
  }
}

// MARK: - Vectors of length 1

extension Reference {
  /// A norm below this counts as this, so that a vector of zeros has no direction rather than NaN.
  @inlinable
  static func leastNorm<T: Scalar>() -> T { 1e-8 }

  /// x̂ = x / max(‖x‖, 1e-8), and ‖x‖.
  @inlinable
  static func normalised<T: Scalar>(_ x: ArraySlice<T>) -> (unit: [T], norm: T) {
    let norm = T.sqrt(dot(x, x))
    return (x.map { $0 / max(norm, leastNorm()) }, norm)
  }

  /// Inverts x̂ = x / ‖x‖: dx = (dx̂ − x̂ (x̂ᵀ dx̂)) / ‖x‖. Below the least norm, where x̂ = x / 1e-8, dx = dx̂ / 1e-8.
  @inlinable
  static func normalisedBackward<T: Scalar>(_ dunit: [T], _ x: (unit: [T], norm: T)) -> [T] {
    if x.norm < leastNorm() { return dunit.map { $0 / leastNorm() } }
    let along = dot(x.unit[...], dunit[...])
    return zip(dunit, x.unit).map { ($0 - $1 * along) / x.norm }
  }

  /// g v̂.
  @inlinable
  static func normed<T: Scalar>(_ v: [T], _ gain: T) -> [T] { normalised(v[...]).unit.map { gain * $0 } }

  /// Inverts w = g v̂: dg = dwᵀ v̂, dv̂ = g dw.
  @inlinable
  static func normedBackward<T: Scalar>(_ dw: [T], _ v: [T], _ gain: T) -> (v: [T], gain: T) {
    let unit = normalised(v[...])
    return (normalisedBackward(dw.map { gain * $0 }, unit), dot(dw[...], unit.unit[...]))
  }
}

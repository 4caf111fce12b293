// Luong, Pham, Manning 2015, §3.2, equation 9: where "local-p" attention looks.

extension Reference {
  /// p[t] = S · sigmoid(vᵀ tanh(W s[t])), of the shape [batch, steps]: the centres of
  /// ``AttentionWindow/predictive(centres:radius:)``. A source of length 0 has 0, and its states are not read.
  ///
  /// - Parameters:
  ///   - states: s [batch, steps, hidden].
  ///   - weight: W [width, hidden].
  ///   - v: [width].
  ///   - lengths: S [batch].
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func positions<T: Scalar>(
    _ states: [T], weight: [T], v: [T], lengths: [Int], steps: Int, hidden: Int
  ) throws -> [T] {
    try requirePositions(states, weight, v, lengths, steps, hidden)
    return (0..<lengths.count * steps).map { t in
      let length = lengths[t / steps]
      guard length > 0 else { return 0 }
      let u = product(weight, row(states, t, hidden), rows: v.count).map { T.tanh($0) }
      return T(length) * sigmoid(dot(v[...], u[...]))
    }
  }

  /// The gradients of ``positions(_:weight:v:lengths:steps:hidden:)``, in the shapes of its arrays.
  public struct PositionGradient<T: Scalar>: Sendable {
    public var states, weight, v: [T]

    @inlinable
    init(states: [T], weight: [T], v: [T]) {
      self.states = states
      self.weight = weight
      self.v = v
    }
  }

  /// Inverts p = S · sigmoid(z), z = vᵀ u, u = tanh(a), a = W s:
  ///
  ///     dz = dp · p (1 − p / S)      dv = Σ dz · u      da = dz · v ∘ (1 − u²)      dW = Σ da sᵀ      ds = Wᵀ da
  ///
  /// - Parameter positionGradient: dp [batch, steps].
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func positionsBackward<T: Scalar>(
    _ positionGradient: [T], _ states: [T], weight: [T], v: [T], lengths: [Int], steps: Int, hidden: Int
  ) throws -> PositionGradient<T> {
    try requirePositions(states, weight, v, lengths, steps, hidden)
    try require(positionGradient, "positionGradient", lengths.count, steps)
    var gradient = PositionGradient<T>(
      states: states.map { _ in 0 }, weight: weight.map { _ in 0 }, v: v.map { _ in 0 })
    for (t, dp) in positionGradient.enumerated() where lengths[t / steps] > 0 {
      let state = row(states, t, hidden)
      let u = product(weight, state, rows: v.count).map { T.tanh($0) }
      let share = sigmoid(dot(v[...], u[...]))
      let dz = dp * T(lengths[t / steps]) * share * (1 - share)
      let da = zip(v, u).map { v, u in dz * v * (1 - u * u) }
      add(dz, u[...], to: &gradient.v, row: 0)
      for (i, da) in da.enumerated() { add(da, state, to: &gradient.weight, row: i) }
      add(1, transposedProduct(weight, da)[...], to: &gradient.states, row: t)
    }
    return gradient
  }

  @inlinable
  static func requirePositions<T: Scalar>(
    _ states: [T], _ weight: [T], _ v: [T], _ lengths: [Int], _ steps: Int, _ hidden: Int
  ) throws {
    try require(states, "states", lengths.count, steps, hidden)
    try require(weight, "weight", v.count, hidden)
    try requireLengths(lengths, rows: lengths.count, maximum: Int.max)
  }
}

extension Reference {
  /// The constants of Adam, with the defaults of its paper.
  public struct AdamSettings<T: Scalar>: Sendable {
    public var learningRate, beta1, beta2, epsilon, weightDecay: T

    @inlinable
    public init(
      learningRate: T = 0.001, beta1: T = 0.9, beta2: T = 0.999, epsilon: T = 1e-8, weightDecay: T = 0
    ) {
      self.learningRate = learningRate
      self.beta1 = beta1
      self.beta2 = beta2
      self.epsilon = epsilon
      self.weightDecay = weightDecay
    }
  }

  /// One step of Adam (Kingma & Ba 2015, algorithm 1), in place, with decoupled weight decay λ (AdamW: Loshchilov & Hutter
  /// 2019, algorithm 2):
  ///
  ///     m ← β₁ m + (1 − β₁) g      v ← β₂ v + (1 − β₂) g²
  ///     p ← p − rate · (m̂ / (√v̂ + ε) + λ p)      m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ)
  ///
  /// - Parameters:
  ///   - parameters: p [count].
  ///   - firstMoment: m [count], zero before the first step.
  ///   - secondMoment: v [count], zero before the first step.
  ///   - gradients: g [count].
  ///   - step: t, counted from 1.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func adam<T: Scalar>(
    _ parameters: inout [T], firstMoment: inout [T], secondMoment: inout [T],
    gradients: [T], step: Int, settings: AdamSettings<T> = AdamSettings()
  ) throws {
    try require(gradients, "gradients", parameters.count)
    try require(firstMoment, "firstMoment", parameters.count)
    try require(secondMoment, "secondMoment", parameters.count)
    guard step >= 1 else {
      throw ReferenceError.outOfRange(argument: "step", position: 0, value: step, expected: 1...Int.max)
    }
    let (beta1, beta2) = (settings.beta1, settings.beta2)
    for (i, g) in gradients.enumerated() {
      firstMoment[i] = beta1 * firstMoment[i] + (1 - beta1) * g
      secondMoment[i] = beta2 * secondMoment[i] + (1 - beta2) * g * g
      let m = firstMoment[i] / (1 - T.pow(beta1, step))
      let v = secondMoment[i] / (1 - T.pow(beta2, step))
      parameters[i] -=
        settings.learningRate * (m / (T.sqrt(v) + settings.epsilon) + settings.weightDecay * parameters[i])
    }
  }

  /// One step of gradient descent with momentum μ (Polyak 1964) and decoupled weight decay λ (Loshchilov & Hutter 2019,
  /// algorithm 1), in place:
  ///
  ///     v ← μ v + g      p ← p − rate · (v + λ p)
  ///
  /// - Parameters:
  ///   - parameters: p [count].
  ///   - velocity: v [count], zero before the first step.
  ///   - gradients: g [count].
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func gradientDescent<T: Scalar>(
    _ parameters: inout [T], velocity: inout [T], gradients: [T], learningRate: T, momentum: T = 0,
    weightDecay: T = 0
  ) throws {
    try require(gradients, "gradients", parameters.count)
    try require(velocity, "velocity", parameters.count)
    for (i, g) in gradients.enumerated() {
      velocity[i] = momentum * velocity[i] + g
      parameters[i] -= learningRate * (velocity[i] + weightDecay * parameters[i])
    }
  }

  /// One step of Adadelta (Zeiler 2012, algorithm 1) with decoupled weight decay λ, in place; the paper's rate is 1:
  ///
  ///     E[g²] ← ρ E[g²] + (1 − ρ) g²      Δ = √(E[Δ²] + ε) / √(E[g²] + ε) · g
  ///     E[Δ²] ← ρ E[Δ²] + (1 − ρ) Δ²      p ← p − rate · (Δ + λ p)
  ///
  /// - Parameters:
  ///   - parameters: p [count].
  ///   - squares: E[g²] [count], zero before the first step.
  ///   - steps: E[Δ²] [count], zero before the first step.
  ///   - gradients: g [count].
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func adadelta<T: Scalar>(
    _ parameters: inout [T], squares: inout [T], steps: inout [T], gradients: [T], learningRate: T = 1,
    decay: T = 0.95, epsilon: T = 1e-6, weightDecay: T = 0
  ) throws {
    try require(gradients, "gradients", parameters.count)
    try require(squares, "squares", parameters.count)
    try require(steps, "steps", parameters.count)
    for (i, g) in gradients.enumerated() {
      squares[i] = decay * squares[i] + (1 - decay) * g * g
      let step = T.sqrt(steps[i] + epsilon) / T.sqrt(squares[i] + epsilon) * g
      steps[i] = decay * steps[i] + (1 - decay) * step * step
      parameters[i] -= learningRate * (step + weightDecay * parameters[i])
    }
  }

  /// √(Σ g²) over all gradients together.
  @inlinable
  public static func globalNorm<T: Scalar>(_ gradients: [[T]]) -> T {
    T.sqrt(gradients.joined().reduce(0) { $0 + $1 * $1 })
  }

  /// Scales all gradients by maximum / norm where their global norm exceeds `maximum` (Pascanu, Mikolov, Bengio 2013,
  /// algorithm 1). Gradients whose norm is not finite stay as they are.
  ///
  /// - Returns: The norm before clipping.
  @inlinable
  @discardableResult
  public static func clip<T: Scalar>(_ gradients: inout [[T]], toNorm maximum: T) -> T {
    let norm = globalNorm(gradients)
    guard norm.isFinite, norm > maximum else { return norm }
    gradients = gradients.map { $0.map { $0 * (maximum / norm) } }
    return norm
  }
}

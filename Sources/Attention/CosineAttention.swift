/// Attention with the cosine of query and key as its score: Graves, Wayne, Danihelka 2014 (equation 6).
///
///     e_ti = q̂_tᵀ k̂_i / temperature      x̂ = x / max(‖x‖, 10⁻⁸)
public struct CosineAttention: AttentionFunction {
  /// What the cosines are divided by; the smaller, the sharper the weights.
  public let temperature: Float

  /// - Throws: ``AttentionError/value(argument:expected:found:)`` unless the temperature and its reciprocal are
  /// positive numbers.
  public init(temperature: Float = 1) throws(AttentionError) {
    guard temperature > 0, temperature.isFinite, (1 / temperature).isFinite else {
      throw .value(
        argument: "temperature", expected: "a positive number with a finite reciprocal",
        found: "\(temperature)")
    }
    self.temperature = temperature
  }

  public typealias Gradients = AttentionGradients

  public func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended {
    var call = try AttentionCall(input)
    let (queries, keys) = (call.queries, call.keys.compacted)
    (call.queries, call.keys) = (queries.normalized(), keys.normalized())
    call.scale = 1 / temperature
    return Attended(call, queries: queries, keys: keys, alignment: alignment, maker: Self.self)
  }

  /// Behind the dot score's gradients of q̂ and k̂: dx = (dx̂ − x̂ x̂ᵀdx̂) / ‖x‖.
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError)
    -> AttentionGradients
  {
    try validate(contextGradient, attended)
    let gradients = attended.call.backward(contextGradient, attended)
    return attended.call.inputGradients(
      gradients, queries: attended.queries.normalizationGradient(gradients.queries),
      keys: attended.keys.normalizationGradient(gradients.keys))
  }
}

extension AttentionOperand {
  /// Every row divided by its norm.
  fileprivate func normalized() -> AttentionOperand {
    let result = Matrix(rows: layout.rowCount, columns: layout.width)
    result.setNormalized(rows)
    return AttentionOperand(tensor: result.tensor(layout.shape), layout: layout)
  }

  /// Inverts ``normalized()`` from the gradient of the rows of norm 1.
  fileprivate func normalizationGradient(_ gradient: AttentionOperand) -> AttentionOperand {
    let result = Matrix(rows: layout.rowCount, columns: layout.width)
    result.setNormalizationGradient(gradient.rows, of: rows)
    return AttentionOperand(tensor: result.tensor(layout.shape), layout: layout)
  }
}

/// Attention with the score `scale · qᵀk`.
///
///     e_ti = scale · q_tᵀ k_i      α_t = softmax(e_t)      c_t = Σ_i α_ti v_i
///
/// Scale 1 is the "dot" of Luong, Pham, Manning 2015 (§3.1); 1/√H is Vaswani et al. 2017 (equation 1).
public struct DotAttention: AttentionFunction {
  /// What the products are multiplied by; nil for 1/√H of the queries that come.
  /// `forward` throws unless it is finite.
  public let scale: Float?

  public init(scale: Float = 1) { self.scale = scale }

  private init(scale: Float?) { self.scale = scale }

  /// Scaled dot-product attention: the scale is 1/√H, H being the width of a head.
  public static let scaled = DotAttention(scale: Float?.none)

  public typealias Gradients = AttentionGradients

  public func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended {
    guard scale?.isFinite != false else {
      throw .value(argument: "scale", expected: "a finite number", found: "\(scale!)")
    }
    var call = try AttentionCall(input)
    call.scale = scale ?? 1 / Float(max(call.queries.layout.width, 1)).squareRoot()
    return Attended(call, queries: call.queries, keys: call.keys, alignment: alignment, maker: Self.self)
  }

  /// With the score's gradient de: dq_t = scale · Σ_i de_ti k_i, dk_i = scale · Σ_t de_ti q_t.
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError)
    -> AttentionGradients
  {
    try validate(contextGradient, attended)
    let gradients = attended.call.backward(contextGradient, attended)
    return attended.call.inputGradients(gradients, queries: gradients.queries, keys: gradients.keys)
  }
}

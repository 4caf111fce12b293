/// Attention with the bilinear score `q_tᵀ W_a k_i`: "general" of Luong, Pham, Manning 2015 (§3.1).
///
/// The keys are projected once, by one product; several heads share the weight.
public struct GeneralAttention: AttentionFunction {
  /// W_a, [H, H_key].
  public let weight: Tensor

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` unless `weight` is a matrix.
  public init(weight: Tensor) throws(AttentionError) {
    guard weight.shape.count == 2 else {
      throw .shape(argument: "weight", expected: "[H, H_key]", found: weight.shape)
    }
    self.weight = weight
  }

  public struct Gradients: Sendable {
    public let inputs: AttentionGradients
    /// Of W_a.
    public let weight: Tensor
  }

  /// The keys are [B, Tk, H_key]. Complexity: O(B · Tk · H · H_key) for their projection, besides the rest.
  public func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended {
    var call = try AttentionCall(
      input, queryWidth: weight.shape[0], keyWidth: .exactly(weight.shape[1]), comparedWidth: weight.shape[0])
    let keys = call.keys.compacted
    call.keys = keys.projected(Matrix(weight).transposed)
    return Attended(call, queries: call.queries, keys: keys, alignment: alignment, maker: Self.self)
  }

  /// Inverts the forward: with k′ = W_a k and dk′ from the dot score, dk = W_aᵀ dk′ and dW_a = Σ dk′ kᵀ.
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) -> Gradients {
    try validate(contextGradient, attended)
    try validate(attended, widths: [weight.shape[0], weight.shape[1], weight.shape[0]])
    let gradients = attended.call.backward(contextGradient, attended)
    return Gradients(
      inputs: attended.call.inputGradients(
        gradients, queries: gradients.queries, keys: gradients.keys.projected(Matrix(weight))),
      weight: gradients.keys.weightGradient(from: attended.keys))
  }
}

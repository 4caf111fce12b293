import CKernels

/// Attention with the score `scale · qᵀk`, fused: scores, stable softmax and context in one pass.
///
///     e_ti = scale · q_tᵀ k_i      α_t = softmax(e_t)      c_t = Σ_i α_ti v_i
///
/// Scale 1 is the "dot" of Luong, Pham, Manning 2015 (§3.1); 1/√H is Vaswani et al. 2017 (equation 1).
public struct DotAttention: Sendable {
  public var scale: Float

  public init(scale: Float = 1) { self.scale = scale }

  /// - Parameters:
  ///   - queries: [B, Tq, H]
  ///   - keys: [B, Tk, H]
  ///   - values: [B, Tk, D]
  ///   - alignment: keep the weights [B, Tq, Tk] in the result; ``backward(_:_:)`` makes them again if it lacks them
  /// - Throws: ``AttentionError`` when shapes or lengths do not fit.
  /// - Complexity: O(B·Tq·Tk·(H + D))
  public func forward(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Mask = .none, alignment: Bool = false
  ) throws(AttentionError) -> Attended {
    try KernelRuntime.ready()
    let shape = try AttentionShape(queries: queries, keys: keys, values: values, mask: mask)
    let context = Tensor(uninitialized: shape.context)
    let weights = alignment ? Tensor(uninitialized: shape.alignment) : nil
    check(
      ck_dot_attention_forward_f32(
        context.storage.pointer, weights?.storage.pointer, queries.storage.pointer, keys.storage.pointer,
        values.storage.pointer, shape.lengths, scale, Int64(shape.batch), Int64(shape.queries),
        Int64(shape.keys),
        Int64(shape.width), Int64(shape.valueWidth)))
    return Attended(
      context: context, alignment: weights, queries: queries, keys: keys, values: values, mask: mask)
  }

  /// The gradients of what ``forward(queries:keys:values:mask:alignment:)`` took.
  public struct Gradients: Sendable {
    public let queries: Tensor
    public let keys: Tensor
    public let values: Tensor
  }

  /// The backward, from the gradient of the context [B, Tq, D].
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) -> Gradients {
    let a = attended
    let shape = try AttentionShape(queries: a.queries, keys: a.keys, values: a.values, mask: a.mask)
    try shape.checkGradient(contextGradient)
    guard let alignment = a.alignment else {
      let again = try forward(
        queries: a.queries, keys: a.keys, values: a.values, mask: a.mask, alignment: true)
      return try backward(contextGradient, again)
    }
    let dqueries = Tensor(uninitialized: a.queries.shape)
    let (dkeys, dvalues) = (Tensor(zeros: a.keys.shape), Tensor(zeros: a.values.shape))
    check(
      ck_dot_attention_backward_f32(
        dqueries.storage.pointer, dkeys.storage.pointer, dvalues.storage.pointer,
        contextGradient.storage.pointer,
        a.queries.storage.pointer, a.keys.storage.pointer, a.values.storage.pointer,
        alignment.storage.pointer,
        shape.lengths, scale, Int64(shape.batch), Int64(shape.queries), Int64(shape.keys), Int64(shape.width),
        Int64(shape.valueWidth)))
    return Gradients(queries: dqueries, keys: dkeys, values: dvalues)
  }
}

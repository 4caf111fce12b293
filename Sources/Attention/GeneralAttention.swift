/// Attention with the bilinear score `q_tᵀ W_a k_i`: "general" of Luong, Pham, Manning 2015 (§3.1).
///
/// The keys are projected once, by one product, and ``DotAttention`` does the rest.
public struct GeneralAttention: Sendable {
  /// W_a, [H, H_key].
  public let weight: Tensor

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` unless `weight` is a matrix.
  public init(weight: Tensor) throws(AttentionError) {
    guard weight.shape.count == 2 else {
      throw .shape(argument: "weight", expected: "[H, H_key]", found: weight.shape)
    }
    self.weight = weight
  }

  /// What ``forward(queries:keys:values:mask:alignment:)`` returns and ``backward(_:_:)`` takes.
  public struct Output: Sendable {
    public var context: Tensor { attended.context }
    public var alignment: Tensor? { attended.alignment }
    let attended: Attended
    let keys: Tensor
  }

  /// - Parameters: queries [B, Tq, H], keys [B, Tk, H_key], values [B, Tk, D]; `alignment` as in ``DotAttention``.
  /// - Throws: ``AttentionError`` when shapes or lengths do not fit.
  /// - Complexity: O(B·Tk·H·H_key + B·Tq·Tk·(H + D))
  public func forward(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Mask = .none, alignment: Bool = false
  ) throws(AttentionError) -> Output {
    try KernelRuntime.ready()
    let shape = try AttentionShape(
      queries: queries, keys: keys, values: values, mask: mask, queryWidth: weight.shape[0],
      keyWidth: weight.shape[1])
    let projected = Matrix(rows: shape.batch * shape.keys, columns: weight.shape[0])
    projected.setProduct(Matrix(keys), Matrix(weight).transposed)
    let attended = try DotAttention().forward(
      queries: queries, keys: projected.tensor([shape.batch, shape.keys, weight.shape[0]]), values: values,
      mask: mask,
      alignment: alignment)
    return Output(attended: attended, keys: keys)
  }

  /// The gradients of the arguments and of W_a.
  public struct Gradients: Sendable {
    public let queries: Tensor
    public let keys: Tensor
    public let values: Tensor
    public let weight: Tensor
  }

  /// Inverts the forward: with k′ = W_a k and dk′ from the dot score, dk = W_aᵀ dk′ and dW_a = Σ dk′ kᵀ.
  public func backward(_ contextGradient: Tensor, _ output: Output) throws(AttentionError) -> Gradients {
    let found = [output.attended.keys.shape[2], output.keys.shape[2]]
    guard found == weight.shape else {
      throw .shape(argument: "output", expected: "widths \(weight.shape)", found: found)
    }
    let dot = try DotAttention().backward(contextGradient, output.attended)
    let projected = Matrix(dot.keys)
    let dkeys = Matrix(rows: projected.rows, columns: weight.shape[1])
    dkeys.setProduct(projected, Matrix(weight))
    let dweight = Matrix(rows: weight.shape[0], columns: weight.shape[1])
    dweight.setProduct(projected.transposed, Matrix(output.attended.mask.applied(to: output.keys)))
    return Gradients(
      queries: dot.queries, keys: dkeys.tensor(output.keys.shape), values: dot.values,
      weight: dweight.tensor(weight.shape))
  }
}

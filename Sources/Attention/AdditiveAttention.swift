import CKernels

/// Attention with the additive score `vᵀ tanh(W_a q_t + U_a k_i)`: Bahdanau, Cho, Bengio 2015 (appendix A.1.2), and
/// "concat" of Luong, Pham, Manning 2015 with W = [W_a U_a].
///
/// The projections are one product each; the scores are made without ever storing a [B, Tq, Tk, A] array.
public struct AdditiveAttention: Sendable {
  /// v, [A].
  public let v: Tensor
  /// W_a, [A, H].
  public let query: Tensor
  /// U_a, [A, H_key].
  public let key: Tensor

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` when the three do not fit together.
  public init(v: Tensor, query: Tensor, key: Tensor) throws(AttentionError) {
    guard v.shape.count == 1 else { throw .shape(argument: "v", expected: "[A]", found: v.shape) }
    guard query.shape.count == 2, query.shape[0] == v.count else {
      throw .shape(argument: "query", expected: "[\(v.count), H]", found: query.shape)
    }
    guard key.shape.count == 2, key.shape[0] == v.count else {
      throw .shape(argument: "key", expected: "[\(v.count), H_key]", found: key.shape)
    }
    self.v = v
    self.query = query
    self.key = key
  }

  /// What ``forward(queries:keys:values:mask:alignment:)`` returns and ``backward(_:_:)`` takes.
  public struct Output: Sendable {
    public var context: Tensor { attended.context }
    public var alignment: Tensor? { attended.alignment }
    let attended: Attended  // with the projected queries and keys
    let queries: Tensor
    let keys: Tensor
  }

  /// - Parameters: queries [B, Tq, H], keys [B, Tk, H_key], values [B, Tk, D]; `alignment` as in ``DotAttention``.
  /// - Throws: ``AttentionError`` when shapes or lengths do not fit.
  /// - Complexity: O(B·Tq·H·A + B·Tk·H_key·A + B·Tq·Tk·(A + D))
  public func forward(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Mask = .none, alignment: Bool = false
  ) throws(AttentionError) -> Output {
    try KernelRuntime.ready()
    let shape = try AttentionShape(
      queries: queries, keys: keys, values: values, mask: mask, queryWidth: query.shape[1],
      keyWidth: key.shape[1])
    let q = Matrix(rows: shape.batch * shape.queries, columns: v.count)
    q.setProduct(Matrix(queries), Matrix(query).transposed)
    let k = Matrix(rows: shape.batch * shape.keys, columns: v.count)
    k.setProduct(Matrix(keys), Matrix(key).transposed)
    let attended = score(
      shape, queries: q.tensor([shape.batch, shape.queries, v.count]),
      keys: k.tensor([shape.batch, shape.keys, v.count]), values: values, mask: mask, alignment: alignment)
    return Output(attended: attended, queries: queries, keys: keys)
  }

  private func score(
    _ shape: AttentionShape, queries: Tensor, keys: Tensor, values: Tensor, mask: Mask, alignment: Bool
  ) -> Attended {
    let context = Tensor(uninitialized: shape.context)
    let weights = alignment ? Tensor(uninitialized: shape.alignment) : nil
    check(
      ck_additive_attention_forward_f32(
        context.storage.pointer, weights?.storage.pointer, queries.storage.pointer, keys.storage.pointer,
        values.storage.pointer, v.storage.pointer, shape.lengths, Int64(shape.batch), Int64(shape.queries),
        Int64(shape.keys), Int64(v.count), Int64(shape.valueWidth)))
    return Attended(
      context: context, alignment: weights, queries: queries, keys: keys, values: values, mask: mask)
  }

  /// The gradients of the arguments and of the three parameters.
  public struct Gradients: Sendable {
    public let queries: Tensor
    public let keys: Tensor
    public let values: Tensor
    public let v: Tensor
    public let queryWeight: Tensor
    public let keyWeight: Tensor
  }

  /// Inverts the forward; the tanh of every pair is computed again rather than kept.
  public func backward(_ contextGradient: Tensor, _ output: Output) throws(AttentionError) -> Gradients {
    let a = output.attended
    try checkWidths(of: output)
    let shape = try AttentionShape(queries: a.queries, keys: a.keys, values: a.values, mask: a.mask)
    try shape.checkGradient(contextGradient)
    let alignment =
      a.alignment
      ?? score(shape, queries: a.queries, keys: a.keys, values: a.values, mask: a.mask, alignment: true)
      .alignment!
    let dq = Tensor(uninitialized: a.queries.shape)
    let (dk, dvalues, dv) = (
      Tensor(zeros: a.keys.shape), Tensor(zeros: a.values.shape), Tensor(zeros: v.shape)
    )
    check(
      ck_additive_attention_backward_f32(
        dq.storage.pointer, dk.storage.pointer, dvalues.storage.pointer, dv.storage.pointer,
        contextGradient.storage.pointer, a.queries.storage.pointer, a.keys.storage.pointer,
        a.values.storage.pointer, v.storage.pointer, alignment.storage.pointer, shape.lengths,
        Int64(shape.batch),
        Int64(shape.queries), Int64(shape.keys), Int64(v.count), Int64(shape.valueWidth)))
    let (dqueries, dquery) = Self.throughProjection(dq, output.queries, query)
    let (dkeys, dkey) = Self.throughProjection(dk, a.mask.applied(to: output.keys), key)
    return Gradients(
      queries: dqueries, keys: dkeys, values: dvalues, v: dv, queryWeight: dquery, keyWeight: dkey)
  }

  /// An output that a layer of other sizes made would send the kernels beyond their arrays.
  private func checkWidths(of output: Output) throws(AttentionError) {
    let found = [output.attended.queries, output.attended.keys, output.queries, output.keys].map {
      $0.shape[2]
    }
    guard found == [v.count, v.count, query.shape[1], key.shape[1]] else {
      throw .shape(
        argument: "output", expected: "widths [\(v.count), \(v.count), \(query.shape[1]), \(key.shape[1])]",
        found: found)
    }
  }

  /// y = x Wᵀ: dx = dy W, dW = dyᵀ x.
  private static func throughProjection(_ dy: Tensor, _ x: Tensor, _ weight: Tensor) -> (
    dx: Tensor, dW: Tensor
  ) {
    let dx = Matrix(rows: Matrix(x).rows, columns: weight.shape[1])
    dx.setProduct(Matrix(dy), Matrix(weight))
    let dW = Matrix(rows: weight.shape[0], columns: weight.shape[1])
    dW.setProduct(Matrix(dy).transposed, Matrix(x))
    return (dx.tensor(x.shape), dW.tensor(weight.shape))
  }
}

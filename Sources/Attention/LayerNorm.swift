import CKernels

/// Layer normalisation over the last dimension (Ba, Kiros, Hinton 2016, equations 3 and 4), with the residual that stands
/// before it in a Transformer's block:
///
///     z = x + residual      y = gain (z − μ) / √(σ² + epsilon) + bias
///
/// where μ and σ² are the mean and the variance of a row of z. All of it is one pass over memory.
///
/// Error, where no square overflows: a row's sums are off by no more than rounding makes of them, so that y is off by
/// some n u mean |z| / √(σ² + epsilon) · |gain| at most, n the row's length and u = 2⁻²⁴. A mean that is large beside the
/// deviations costs its digits; the exact bound is in `ck_layer_norm.h`.
public struct LayerNorm: Sendable {
  /// [columns], what the normalised elements are multiplied by, and what is added to them.
  public let gain, bias: Tensor
  /// What is added to the variance, so that rows of equal elements are finite.
  public let epsilon: Float

  /// - Throws: ``AttentionError`` unless `gain` and `bias` are vectors of one length and `epsilon` is positive and
  ///   finite.
  public init(gain: Tensor, bias: Tensor, epsilon: Float = 1e-5) throws(AttentionError) {
    guard gain.shape.count == 1 else {
      throw .shape(argument: "gain", expected: "[columns]", found: gain.shape)
    }
    guard bias.shape == gain.shape else {
      throw .shape(argument: "bias", expected: "\(gain.shape)", found: bias.shape)
    }
    guard epsilon > 0 && epsilon.isFinite else {
      throw .value(argument: "epsilon", expected: "a positive, finite number", found: "\(epsilon)")
    }
    (self.gain, self.bias, self.epsilon) = (gain, bias, epsilon)
  }

  /// What the forward makes, and what the backward needs of it.
  public struct Output: Sendable {
    /// y, shaped as x.
    public let normalized: Tensor
    /// z, shaped as x.
    public let sum: Tensor
    let mean, inverseDeviation: Buffer
  }

  public struct Gradients: Sendable {
    /// Of x, and of the residual.
    public let x: Tensor
    public let gain, bias: Tensor
  }

  /// Normalises every row of the last dimension.
  ///
  /// - Parameters:
  ///   - x: [..., columns]
  ///   - residual: shaped as `x`; nil for none
  /// - Throws: ``AttentionError/shape(argument:expected:found:)``.
  /// - Complexity: O(elements)
  public func forward(_ x: Tensor, residual: Tensor? = nil) throws(AttentionError) -> Output {
    try KernelRuntime.ready()
    guard x.shape.last == gain.count, Tensor.isAddressable(x.shape) else {
      let expected = "[..., \(gain.count)] of at most 2⁴⁰ elements"
      throw .shape(argument: "x", expected: expected, found: x.shape)
    }
    if let residual, residual.shape != x.shape {
      throw .shape(argument: "residual", expected: "\(x.shape)", found: residual.shape)
    }
    let rows = layerNorm(
      Matrix(x), residual: residual.map(Matrix.init), gain: gain, bias: bias, epsilon: epsilon)
    return Output(
      normalized: rows.output.tensor(x.shape), sum: rows.sum.tensor(x.shape), mean: rows.mean,
      inverseDeviation: rows.inverseDeviation)
  }

  /// Inverts ``forward(_:residual:)``: with n = (z − μ) / √(σ² + epsilon), g = gain dy and means over a row,
  ///
  ///     dx = dz + (g − mean(g) − n mean(g n)) / √(σ² + epsilon)      dgain = Σ dy n      dbias = Σ dy
  ///
  /// - Parameters:
  ///   - gradient: dy, shaped as the forward's x
  ///   - output: the forward's result
  ///   - sumGradient: dz, where ``Output/sum`` is used elsewhere, as in a block that normalises first; shaped as x
  /// - Throws: ``AttentionError/shape(argument:expected:found:)``.
  public func backward(
    _ gradient: Tensor, _ output: Output, sumGradient: Tensor? = nil
  ) throws(AttentionError) -> Gradients {
    try KernelRuntime.ready()
    let shape = output.sum.shape
    guard shape.last == gain.count else {
      throw .shape(argument: "output", expected: "[..., \(gain.count)]", found: shape)
    }
    for (name, tensor) in [("gradient", gradient), ("sumGradient", sumGradient ?? gradient)]
    where tensor.shape != shape {
      throw .shape(argument: name, expected: "\(shape)", found: tensor.shape)
    }
    let rows = NormalizedRows(
      output: Matrix(output.normalized), sum: Matrix(output.sum), mean: output.mean,
      inverseDeviation: output.inverseDeviation)
    let gradients = layerNormBackward(
      Matrix(gradient), rows, sumGradient: sumGradient.map(Matrix.init), gain: gain)
    return Gradients(x: gradients.x.tensor(shape), gain: gradients.gain, bias: gradients.bias)
  }
}

/// What layer normalisation made of some rows, and what its backward needs.
package struct NormalizedRows {
  /// y and z, [rows, columns]; z is x itself where there was no residual.
  package let output, sum: Matrix
  /// [rows], or [0] where there are no columns.
  let mean, inverseDeviation: Buffer
}

/// ``LayerNorm/forward(_:residual:)`` on matrices.
package func layerNorm(
  _ x: Matrix, residual: Matrix? = nil, gain: Tensor, bias: Tensor, epsilon: Float
) -> NormalizedRows {
  precondition(x.columns == gain.count && x.columns == bias.count && x.columnStride == 1)
  let y = Matrix(rows: x.rows, columns: x.columns)
  let sum = residual.map { _ in Matrix(rows: x.rows, columns: x.columns) }
  if let residual {
    precondition(residual.rows == x.rows && residual.columns == x.columns && residual.columnStride == 1)
  }
  // Rows of no columns are none to the kernels: they have no elements, and any number of them needs no memory.
  let rows = x.columns == 0 ? 0 : x.rows
  let result = NormalizedRows(
    output: y, sum: sum ?? x, mean: Buffer(count: rows), inverseDeviation: Buffer(count: rows))
  check(
    ck_layer_norm_forward_f32(
      y.pointer, Int64(y.rowStride), sum?.pointer, Int64(sum?.rowStride ?? 0), result.mean.pointer,
      result.inverseDeviation.pointer, x.pointer, Int64(x.rowStride), residual?.pointer,
      Int64(residual?.rowStride ?? 0), gain.storage.pointer, bias.storage.pointer, epsilon, Int64(rows),
      Int64(x.columns)))
  return result
}

package struct LayerNormGradients {
  package let x: Matrix
  package let gain, bias: Tensor
}

/// ``LayerNorm/backward(_:_:sumGradient:)`` on matrices.
package func layerNormBackward(
  _ gradient: Matrix, _ rows: NormalizedRows, sumGradient: Matrix? = nil, gain: Tensor
) -> LayerNormGradients {
  let z = rows.sum
  for dy in [gradient, sumGradient ?? gradient] {
    precondition(dy.rows == z.rows && dy.columns == z.columns && dy.columnStride == 1)
  }
  precondition(gain.count == z.columns)
  let result = LayerNormGradients(
    x: Matrix(rows: z.rows, columns: z.columns), gain: Tensor(zeros: gain.shape),
    bias: Tensor(zeros: gain.shape))
  check(
    ck_layer_norm_backward_f32(
      result.x.pointer, Int64(result.x.rowStride), result.gain.storage.pointer, result.bias.storage.pointer,
      gradient.pointer, Int64(gradient.rowStride), sumGradient?.pointer, Int64(sumGradient?.rowStride ?? 0),
      z.pointer, Int64(z.rowStride), rows.mean.pointer, rows.inverseDeviation.pointer, gain.storage.pointer,
      Int64(rows.mean.count), Int64(z.columns)))
  return result
}

import CKernels

/// Softmax over the last dimension, stable: the row's maximum is subtracted first.
///
///     y_j = exp(x_j) / Σ_i exp(x_i)
///
/// - Parameters:
///   - x: [..., columns]
///   - lengths: one for each row, in 0…columns, or nil for whole rows. Elements beyond a length are exactly 0, and
///     what `x` holds there is not read; a row of length 0 is all zeros.
/// - Throws: ``AttentionError`` when `lengths` does not fit.
/// - Complexity: O(elements)
public func softmax(_ x: Tensor, lengths: [Int]? = nil) throws(AttentionError) -> Tensor {
  try KernelRuntime.ready()
  let rows = try addressable(x, "x")
  let checked = try kernelLengths(lengths, count: rows.rows, maximum: rows.columns)
  let y = Tensor(uninitialized: x.shape)
  check(
    ck_softmax_f32(y.storage.pointer, x.storage.pointer, checked, Int64(rows.rows), Int64(rows.columns)))
  return y
}

/// The backward of ``softmax(_:lengths:)``: `dx = y (dy − Σ_i dy_i y_i)`.
///
/// - Parameters:
///   - gradient: dy, shaped as `y`
///   - y: the forward's result
///   - lengths: the forward's; what dy holds beyond them is not read
public func softmaxBackward(_ gradient: Tensor, _ y: Tensor, lengths: [Int]? = nil) throws(AttentionError)
  -> Tensor
{
  try KernelRuntime.ready()
  guard gradient.shape == y.shape else {
    throw .shape(argument: "gradient", expected: "\(y.shape)", found: gradient.shape)
  }
  let rows = try addressable(y, "y")
  let checked = try kernelLengths(lengths, count: rows.rows, maximum: rows.columns)
  let dx = Tensor(uninitialized: y.shape)
  check(
    ck_softmax_backward_f32(
      dx.storage.pointer, gradient.storage.pointer, y.storage.pointer, checked, Int64(rows.rows),
      Int64(rows.columns)))
  return dx
}

/// Log-softmax over the last dimension: `y_j = x_j − log Σ_i exp(x_i)`.
public func logSoftmax(_ x: Tensor) throws(AttentionError) -> Tensor {
  try KernelRuntime.ready()
  let rows = try addressable(x, "x")
  let y = Tensor(uninitialized: x.shape)
  check(ck_log_softmax_f32(y.storage.pointer, x.storage.pointer, Int64(rows.rows), Int64(rows.columns)))
  return y
}

/// The backward of ``logSoftmax(_:)``: `dx = dy − exp(y) Σ_i dy_i`, with `y` the forward's result.
public func logSoftmaxBackward(_ gradient: Tensor, _ y: Tensor) throws(AttentionError) -> Tensor {
  try KernelRuntime.ready()
  guard gradient.shape == y.shape else {
    throw .shape(argument: "gradient", expected: "\(y.shape)", found: gradient.shape)
  }
  let rows = try addressable(y, "y")
  let dx = Tensor(uninitialized: y.shape)
  check(
    ck_log_softmax_backward_f32(
      dx.storage.pointer, gradient.storage.pointer, y.storage.pointer, Int64(rows.rows), Int64(rows.columns)))
  return dx
}

/// The rows of the last dimension, if the kernels can address so many: of width 0 there may be more.
private func addressable(_ tensor: Tensor, _ argument: String) throws(AttentionError) -> Matrix {
  guard Tensor.isAddressable(tensor.shape) else {
    throw .shape(argument: argument, expected: "one of at most 2⁴⁰ elements", found: tensor.shape)
  }
  return Matrix(tensor)
}

import CKernels

/// The product of two matrices, or of a batch of them, with a bias and an activation made in the same pass:
/// `activation(a · b + bias)`.
///
/// - Parameters:
///   - a: [..., M, K]
///   - b: [..., K, N] with the leading dimensions of `a`, or [K, N] for all of its products; with `transposingB`, the
///     layout of a layer's weight, [..., N, K] or [N, K]
///   - bias: [N]
/// - Returns: [..., M, N]
/// - Throws: ``AttentionError/shape(argument:expected:found:)``.
/// - Complexity: O(M·N·K) a product
public func matrixProduct(
  _ a: Tensor, _ b: Tensor, transposingB: Bool = false, bias: Tensor? = nil, activation: Activation = .none
) throws(AttentionError) -> Tensor {
  try KernelRuntime.ready()
  guard a.shape.count >= 2 else { throw .shape(argument: "a", expected: "[..., M, K]", found: a.shape) }
  let (leading, depth) = (Array(a.shape.dropLast(2)), a.shape.last!)
  let sides = Array(b.shape.suffix(2))
  guard b.shape.count == 2 || b.shape.count == a.shape.count && b.shape.dropLast(2) == leading[...],
    sides[transposingB ? 1 : 0] == depth
  else {
    let (each, batch) = (transposingB ? "N, \(depth)]" : "\(depth), N]", leading.map { "\($0), " }.joined())
    let expected = leading.isEmpty ? "[\(each)" : "[\(each) or [\(batch)\(each)"
    throw .shape(argument: "b", expected: expected, found: b.shape)
  }
  let (rows, columns) = (a.shape[leading.count], sides[transposingB ? 0 : 1])
  if let bias, bias.shape != [columns] {
    throw .shape(argument: "bias", expected: "[\(columns)]", found: bias.shape)
  }
  let shape = leading + [rows, columns]
  for (name, operand) in [("a", a.shape), ("b", b.shape)]
  where !Tensor.isAddressable(operand) {
    throw .shape(argument: name, expected: "one of at most 2⁴⁰ elements", found: operand)
  }
  guard Tensor.isAddressable(shape) else {
    let expected = "an operand whose product, \(shape), has at most 2⁴⁰ elements"
    throw .shape(argument: "a", expected: expected, found: a.shape)
  }
  let result = Tensor(uninitialized: shape)
  let (m, n, k) = (Int64(rows), Int64(columns), Int64(depth))
  check(
    ck_matmul_batched_f32(
      result.storage.pointer, m * n, n,
      ck_matrix(data: a.storage.pointer, row_stride: k, column_stride: 1), m * k,
      ck_matrix(
        data: b.storage.pointer, row_stride: transposingB ? 1 : n, column_stride: transposingB ? k : 1),
      b.shape.count == 2 ? 0 : k * n, bias.map { UnsafePointer($0.storage.pointer) },
      activation.flag, Int64(leading.reduce(1, *)), m, n, k))
  return result
}

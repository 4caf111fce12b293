/// The product of two matrices, with a bias and an activation made in the same pass:
/// `activation(a · b + bias)`.
///
/// - Parameters:
///   - a: [M, K]
///   - b: [K, N], or [N, K] with `transposingB`, the layout of a layer's weight
///   - bias: [N]
/// - Returns: [M, N]
/// - Throws: ``AttentionError/shape(argument:expected:found:)``.
/// - Complexity: O(M·N·K)
public func matrixProduct(
  _ a: Tensor, _ b: Tensor, transposingB: Bool = false, bias: Tensor? = nil, activation: Activation = .none
) throws(AttentionError) -> Tensor {
  try KernelRuntime.ready()
  guard a.shape.count == 2 else { throw .shape(argument: "a", expected: "[M, K]", found: a.shape) }
  guard b.shape.count == 2, b.shape[transposingB ? 1 : 0] == a.shape[1] else {
    let expected = transposingB ? "[N, \(a.shape[1])]" : "[\(a.shape[1]), N]"
    throw .shape(argument: "b", expected: expected, found: b.shape)
  }
  let columns = b.shape[transposingB ? 0 : 1]
  if let bias, bias.shape != [columns] {
    throw .shape(argument: "bias", expected: "[\(columns)]", found: bias.shape)
  }
  for (name, shape) in [("a", a.shape), ("b", b.shape)]
  where !Tensor.isAddressable(shape) || !Tensor.isAddressable([a.shape[0], columns]) {
    throw .shape(argument: name, expected: "one of at most 2⁴⁰ elements, as their product", found: shape)
  }
  let result = Matrix(rows: a.shape[0], columns: columns)
  let right = Matrix(b)
  result.setProduct(
    Matrix(a), transposingB ? right.transposed : right, bias: bias,
    activation: activation)
  return result.tensor([a.shape[0], columns])
}

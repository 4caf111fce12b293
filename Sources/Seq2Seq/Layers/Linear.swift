import Attention

/// y = x Wᵀ + b.
struct Linear: Parameterized {
  /// W, [outputs, inputs].
  var weight: Tensor
  /// b, [outputs].
  var bias: Tensor

  init(inputs: Int, outputs: Int, generator: inout SeededGenerator) {
    weight = generator.weight(outputs, inputs)
    bias = Tensor(zeros: [outputs])
  }

  init(weight: Tensor, bias: Tensor) {
    self.weight = weight
    self.bias = bias
  }

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    body(prefix + "weight", &weight)
    body(prefix + "bias", &bias)
  }
}

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

  /// The gradient of a layer: with dy [N, outputs] that of its outputs, dW = dyᵀ x and db = Σ dy. `inputs` are x's columns,
  /// left to right.
  init(gradientsOf dy: Matrix, inputs: [LayerInput], _ precision: Precision) {
    weight = dy.weightGradient(inputs, precision)
    bias = dy.sumOfRows()
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

extension Matrix {
  /// With this matrix the gradient of y = x Wᵀ: dW = dyᵀ x. `inputs` are x's columns, left to right.
  func weightGradient(_ inputs: [LayerInput], _ precision: Precision) -> Tensor {
    let weight = Matrix(rows: columns, columns: inputs.reduce(0) { $0 + $1.factor.columns })
    var column = 0
    for x in inputs {
      let width = x.factor.columns
      weight.columns(column..<column + width).setProduct(
        x.gradient(self).transposed, x.factor, precision: precision)
      column += width
    }
    return weight.tensor([weight.rows, weight.columns])
  }
}

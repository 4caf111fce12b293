import Attention

/// One layer of recurrent cells, in one direction, with PyTorch's gate orders.
struct RecurrentLayer: Parameterized {
  let cell: RecurrentCell
  /// W, [G·H, inputs].
  var input: Tensor
  /// R, [G·H, H].
  var recurrent: Tensor
  /// b, [G·H].
  var bias: Tensor
  /// The bias of the recurrent product, [3·H], for the GRU that resets after it alone.
  var recurrentBias: Tensor?

  /// Weights uniform in ±1/√H; the LSTM's forget gate starts open, with a bias of 1 (Jozefowicz et al. 2015).
  init(cell: RecurrentCell, inputs: Int, hidden: Int, generator: inout SeededGenerator) {
    let rows = cell.gates * hidden
    let bound = 1 / Float(hidden).squareRoot()
    self.cell = cell
    input = generator.uniform([rows, inputs], bound: bound)
    recurrent = generator.uniform([rows, hidden], bound: bound)
    bias = Tensor(zeros: [rows])
    if cell == .lstm { for unit in hidden..<2 * hidden { bias[unit] = 1 } }
    recurrentBias = cell.hasRecurrentBias ? Tensor(zeros: [rows]) : nil
  }

  /// The gradient of a layer, from the products of a whole run: with the input products' gradient dg and the recurrent ones'
  /// da (over all rows), dW = dgᵀ x, dR = daᵀ h′, db = Σ dg, db_R = Σ da.
  ///
  /// `inputs` are x's columns, left to right; `run` is the forward's tape.
  init(
    cell: RecurrentCell, gradientsOf tape: RecurrentGradientTape, inputs: [LayerInput],
    previousStates: Matrix,
    run: RecurrentTape, _ precision: Precision
  ) {
    self.cell = cell
    input = tape.gates.weightGradient(inputs, precision)
    let recurrent = Matrix(rows: tape.recurrent.columns, columns: previousStates.columns)
    // The new gate of a GRU that resets first met r ∘ h′.
    let together = cell == .gruResetBefore ? 2 * recurrent.columns : recurrent.rows
    recurrent.rows(0..<together).setProduct(
      tape.recurrent.columns(0..<together).transposed, previousStates, precision: precision)
    if together < recurrent.rows {
      let new = together..<recurrent.rows
      recurrent.rows(new).setProduct(
        tape.recurrent.columns(new).transposed, run.inner, precision: precision)
    }
    self.recurrent = recurrent.tensor([recurrent.rows, recurrent.columns])
    bias = tape.gates.sumOfRows()
    recurrentBias = cell.hasRecurrentBias ? tape.recurrent.sumOfRows() : nil
  }

  var hidden: Int { recurrent.shape[1] }

  mutating func forEachParameter(
    prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
  ) {
    body(prefix + "input", &input)
    body(prefix + "recurrent", &recurrent)
    body(prefix + "bias", &bias)
    if recurrentBias != nil { body(prefix + "recurrentBias", &recurrentBias!) }
  }
}

/// A layer with its weights packed for forward passes.
struct PackedRecurrentLayer: Sendable {
  let layer: RecurrentLayer
  let input: PackedMatrix
  let recurrent: PackedRecurrent

  init(_ layer: RecurrentLayer, _ precision: Precision) {
    self.layer = layer
    input = PackedMatrix(Matrix(layer.input).transposed, precision: precision)
    recurrent = PackedRecurrent(forward: layer.cell, layer.recurrent, precision)
  }
}

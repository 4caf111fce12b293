// Elman 1990: h′ = tanh(W x + b + U h).

extension Reference {
  /// h′ and the activations (h′, 0, 0, 0).
  @inlinable
  static func rnnStep<T: Scalar>(
    _ x: ArraySlice<T>, _ state: State<T>, _ weights: RecurrentWeights<T>
  ) -> (State<T>, activations: [T]) {
    let hidden = state.hidden.count
    let wx = zip(product(weights.input, x, rows: hidden), weights.bias).map(+)
    let uh = product(weights.recurrent, state.hidden[...], rows: hidden)
    let next = State(hidden: zip(wx, uh).map { T.tanh($0 + $1) }, cell: state.cell)
    return (next, next.hidden + [T](repeating: 0, count: 3 * hidden))
  }

  /// Inverts h′ = tanh(a): da = dh′ ∘ (1 − h′²), and du = da.
  @inlinable
  static func rnnStepBackward<T: Scalar>(
    _ dstate: State<T>, _ activations: ArraySlice<T>
  ) -> StepGradient<T> {
    let da = zip(dstate.hidden, activations).map { $0 * (1 - $1 * $1) }
    let passed = State(hidden: [T](repeating: 0, count: da.count), cell: dstate.cell)
    return StepGradient(inputSum: da, recurrentSum: da, previous: passed)
  }
}

// Hochreiter & Schmidhuber 1997, with the forget gate of Gers, Schmidhuber, Cummins 2000:
//
//     (aᵢ, a_f, a_g, aₒ) = W x + b + U h
//     i = σ(aᵢ)   f = σ(a_f)   g = tanh(a_g)   o = σ(aₒ)
//     c′ = f ∘ c + i ∘ g      h′ = o ∘ tanh(c′)

extension Reference {
  /// (h′, c′) and the activations (i, f, g, o).
  @inlinable
  static func lstmStep<T: Scalar>(
    _ x: ArraySlice<T>, _ state: State<T>, _ weights: RecurrentWeights<T>
  ) -> (State<T>, activations: [T]) {
    let hidden = state.hidden.count
    let wx = product(weights.input, x, rows: 4 * hidden)
    let uh = product(weights.recurrent, state.hidden[...], rows: 4 * hidden)
    var next = state
    var gates = [T](repeating: 0, count: 4 * hidden)
    for j in 0..<hidden {
      let (i, f, g, o) = (j, hidden + j, 2 * hidden + j, 3 * hidden + j)
      gates[i] = sigmoid(wx[i] + weights.bias[i] + uh[i])
      gates[f] = sigmoid(wx[f] + weights.bias[f] + uh[f])
      gates[g] = T.tanh(wx[g] + weights.bias[g] + uh[g])
      gates[o] = sigmoid(wx[o] + weights.bias[o] + uh[o])
      next.cell[j] = gates[f] * state.cell[j] + gates[i] * gates[g]
      next.hidden[j] = gates[o] * T.tanh(next.cell[j])
    }
    return (next, gates)
  }

  /// Inverts c′ = f ∘ c + i ∘ g, h′ = o ∘ tanh(c′):
  ///
  ///     do = dh′ ∘ tanh(c′)      δ = dc′ + dh′ ∘ o ∘ (1 − tanh²(c′))
  ///     di = δ ∘ g      df = δ ∘ c      dg = δ ∘ i      dc = δ ∘ f
  ///     da = (di σ′, df σ′, dg tanh′, do σ′)      σ′ = y (1 − y), tanh′ = 1 − y²
  ///
  /// The LSTM adds one sum, a, of both products: du = da.
  @inlinable
  static func lstmStepBackward<T: Scalar>(
    _ dstate: State<T>, _ activations: ArraySlice<T>, _ previous: State<T>, cell: ArraySlice<T>
  ) -> StepGradient<T> {
    let hidden = previous.hidden.count
    let gates = Array(activations)
    let cell = Array(cell)
    var da = [T](repeating: 0, count: 4 * hidden)
    var dcell = [T](repeating: 0, count: hidden)
    for j in 0..<hidden {
      let (i, f, g, o) = (j, hidden + j, 2 * hidden + j, 3 * hidden + j)
      let squashed = T.tanh(cell[j])
      let delta = dstate.cell[j] + dstate.hidden[j] * gates[o] * (1 - squashed * squashed)
      da[i] = delta * gates[g] * gates[i] * (1 - gates[i])
      da[f] = delta * previous.cell[j] * gates[f] * (1 - gates[f])
      da[g] = delta * gates[i] * (1 - gates[g] * gates[g])
      da[o] = dstate.hidden[j] * squashed * gates[o] * (1 - gates[o])
      dcell[j] = delta * gates[f]
    }
    let passed = State(hidden: [T](repeating: 0, count: hidden), cell: dcell)
    return StepGradient(inputSum: da, recurrentSum: da, previous: passed)
  }
}

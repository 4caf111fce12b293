// Cho et al. 2014 in the form that resets after the product (cuDNN, PyTorch):
//
//     (a_r, a_z, aₙ) = W x + b      (u_r, u_z, uₙ) = U h + c
//     r = σ(a_r + u_r)   z = σ(a_z + u_z)   n = tanh(aₙ + r ∘ uₙ)
//     h′ = (1 − z) ∘ n + z ∘ h

extension Reference {
  /// h′ and the activations (r, z, n, uₙ).
  @inlinable
  static func gruStep<T: Scalar>(
    _ x: ArraySlice<T>, _ state: State<T>, _ weights: RecurrentWeights<T>
  ) -> (State<T>, activations: [T]) {
    let hidden = state.hidden.count
    let a = zip(product(weights.input, x, rows: 3 * hidden), weights.bias).map(+)
    let u = zip(product(weights.recurrent, state.hidden[...], rows: 3 * hidden), weights.recurrentBias).map(+)
    var next = state
    var activations = [T](repeating: 0, count: 4 * hidden)
    for j in 0..<hidden {
      let (r, z, n) = (j, hidden + j, 2 * hidden + j)
      activations[r] = sigmoid(a[r] + u[r])
      activations[z] = sigmoid(a[z] + u[z])
      activations[n] = T.tanh(a[n] + activations[r] * u[n])
      activations[3 * hidden + j] = u[n]
      next.hidden[j] = (1 - activations[z]) * activations[n] + activations[z] * state.hidden[j]
    }
    return (next, activations)
  }

  /// Inverts n = tanh(aₙ + r ∘ uₙ), h′ = (1 − z) ∘ n + z ∘ h:
  ///
  ///     daₙ = dh′ ∘ (1 − z) ∘ (1 − n²)      duₙ = daₙ ∘ r
  ///     da_r = du_r = daₙ ∘ uₙ ∘ r (1 − r)
  ///     da_z = du_z = dh′ ∘ (h − n) ∘ z (1 − z)
  ///     dh = dh′ ∘ z, besides Uᵀ du
  @inlinable
  static func gruStepBackward<T: Scalar>(
    _ dstate: State<T>, _ activations: ArraySlice<T>, _ previous: State<T>
  ) -> StepGradient<T> {
    let hidden = previous.hidden.count
    let activations = Array(activations)
    var da = [T](repeating: 0, count: 3 * hidden)
    var du = da
    var passed = State(hidden: [T](repeating: 0, count: hidden), cell: dstate.cell)
    for j in 0..<hidden {
      let dh = dstate.hidden[j]
      let (r, z, n) = (activations[j], activations[hidden + j], activations[2 * hidden + j])
      let dn = dh * (1 - z) * (1 - n * n)
      da[j] = dn * activations[3 * hidden + j] * r * (1 - r)
      da[hidden + j] = dh * (previous.hidden[j] - n) * z * (1 - z)
      da[2 * hidden + j] = dn
      du[j] = da[j]
      du[hidden + j] = da[hidden + j]
      du[2 * hidden + j] = dn * r
      passed.hidden[j] = dh * z
    }
    return StepGradient(inputSum: da, recurrentSum: du, previous: passed)
  }
}

// The GRU as Cho et al. 2014 and Bahdanau et al. 2015 (appendix A) state it, with 1 − z for their z:
//
//     (a_r, a_z, aₙ) = W x + b
//     (r, z) = σ((a_r, a_z) + U_rz h)      n = tanh(aₙ + Uₙ (r ∘ h))
//     h′ = (1 − z) ∘ n + z ∘ h

extension Reference {
  /// h′ and the activations (r, z, n, r ∘ h).
  @inlinable
  static func gruResetBeforeStep<T: Scalar>(
    _ x: ArraySlice<T>, _ state: State<T>, _ weights: RecurrentWeights<T>
  ) -> (State<T>, activations: [T]) {
    let hidden = state.hidden.count
    let a = zip(product(weights.input, x, rows: 3 * hidden), weights.bias).map(+)
    let u = product(weights.recurrent, state.hidden[...], rows: 2 * hidden)
    let gates = zip(a, u).map { sigmoid($0 + $1) }
    let reset = zip(gates, state.hidden).map(*)
    let un = product(Array(weights.recurrent.suffix(hidden * hidden)), reset[...], rows: hidden)
    let n = zip(a.suffix(hidden), un).map { T.tanh($0 + $1) }
    var next = state
    for j in 0..<hidden {
      let z = gates[hidden + j]
      next.hidden[j] = (1 - z) * n[j] + z * state.hidden[j]
    }
    return (next, gates + n + reset)
  }

  /// Inverts n = tanh(aₙ + Uₙ (r ∘ h)), h′ = (1 − z) ∘ n + z ∘ h. With δ = Uₙᵀ daₙ:
  ///
  ///     daₙ = dh′ ∘ (1 − z) ∘ (1 − n²)
  ///     da_z = dh′ ∘ (h − n) ∘ z (1 − z)      da_r = δ ∘ h ∘ r (1 − r)
  ///     dh = dh′ ∘ z + δ ∘ r, besides U_rzᵀ (da_r, da_z)
  @inlinable
  static func gruResetBeforeStepBackward<T: Scalar>(
    _ dstate: State<T>, _ activations: ArraySlice<T>, _ previous: State<T>, _ weights: RecurrentWeights<T>
  ) -> StepGradient<T> {
    let hidden = previous.hidden.count
    let activations = Array(activations)
    let (r, z) = (activations[..<hidden], Array(activations[hidden..<2 * hidden]))
    let n = Array(activations[2 * hidden..<3 * hidden])
    var dn = [T](repeating: 0, count: hidden)
    for j in 0..<hidden { dn[j] = dstate.hidden[j] * (1 - z[j]) * (1 - n[j] * n[j]) }
    let delta = transposedProduct(Array(weights.recurrent.suffix(hidden * hidden)), dn)
    var gates = [T](repeating: 0, count: 2 * hidden)
    var passed = State(hidden: [T](repeating: 0, count: hidden), cell: dstate.cell)
    for j in 0..<hidden {
      let h = previous.hidden[j]
      gates[j] = delta[j] * h * r[j] * (1 - r[j])
      gates[hidden + j] = dstate.hidden[j] * (h - n[j]) * z[j] * (1 - z[j])
      passed.hidden[j] = dstate.hidden[j] * z[j] + delta[j] * r[j]
    }
    return StepGradient(
      inputSum: gates + dn, recurrentSum: gates, previous: passed, reset: Array(activations[(3 * hidden)...]))
  }
}

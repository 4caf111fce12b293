// Bahdanau, Cho, Bengio 2015 ("Bahdanau"), with either readout:
//
//     s[0]  = tanh(W_s ←h[1] + b_s)                                        c of an LSTM is 0 at first
//     e[t, j] = v_aᵀ tanh(W_a s[t−1] + U_a h[j] + b_a)   α[t] = softmax over j of e[t, j]   c[t] = Σⱼ α[t, j] h[j]
//     s[t]  = cell([embed(y[t−1]) ; c[t]], s[t−1])
//     s̃[t]  = tanh(W_c [s[t] ; c[t] ; embed(y[t−1])] + b_c)                 the tanh readout, or
//     s̃[t]  = maxout of W_c [s[t−1] ; c[t] ; embed(y[t−1])] + b_c           the deep output of appendix A.2.2
//
// with h[j] = [→h[j] ; ←h[j]] of the encoder's top layer. ←h[1] is where its backward direction ends; 0 without a source.

extension ReferenceModel {
  /// s̃ of every step, [inputs.count, readoutWidth], and α of every step.
  @inlinable
  func decodeBahdanau(_ inputs: [Int], _ encoded: Encoded) throws -> (readouts: [T], alignment: [[T]]) {
    var state = try startBahdanau(encoded)
    var readouts: [T] = []
    var alignment: [[T]] = []
    for (t, token) in inputs.enumerated() {
      let x = try embed(token, step: t)
      let before = state.hidden
      let attended = try attend(before, encoded.states, step: t)
      state = try step(0, x + attended.context, from: state)
      switch configuration.readout {
      case .tanh:
        readouts += try linear(
          state.hidden + attended.context + x, "combine.weight", bias: "combine.bias", activation: .tanh,
          rows: 1)
      case .maxout:
        readouts += try Reference.maxout(
          linear(before + attended.context + x, "combine.weight", bias: "combine.bias", rows: 1))
      }
      alignment.append(attended.alignment)
    }
    return (readouts, alignment)
  }

  /// s[0].
  @inlinable
  func startBahdanau(_ encoded: Encoded) throws -> Reference.State<T> {
    let backward = encoded.final[configuration.layers - 1].hidden.suffix(configuration.directionWidth)
    let hidden = try linear(
      Array(backward), "start.weight", bias: "start.bias", activation: .tanh, rows: 1)
    return Reference.State(hidden: hidden, cell: [T](repeating: 0, count: configuration.hidden))
  }
}

// Luong, Pham, Manning 2015 ("Luong"), or without attention the plain encoder-decoder of Sutskever, Vinyals, Le 2014:
//
//     s[t]  = cell([embed(y[t−1]) ; s̃[t−1]], s[t−1])      s̃[t−1] only with input feeding; s̃ is 0 at first
//     α[t]  = softmax over i of score(s[t], h[i])        c[t] = Σᵢ α[t, i] h[i]      i in a window of h, if there is one
//     s̃[t]  = tanh(W_c [c[t] ; s[t]] + b_c)              s̃ = s without attention
//
// With residual connections (Wu et al. 2016, §3.1) s is h + x of the top layer, and so is what enters the layer above another one.
// Each decoder layer starts from the final state of the encoder's layer beside it.

extension ReferenceModel {
  /// s̃ of every step, [inputs.count, hidden], and α of every step, empty without attention.
  @inlinable
  func decodeLuong(_ inputs: [Int], _ encoded: Encoded) throws -> (readouts: [T], alignment: [[T]]) {
    var layers = encoded.final
    var attentional = [T](repeating: 0, count: configuration.hidden)
    var readouts: [T] = []
    var alignment: [[T]] = []
    for (t, token) in inputs.enumerated() {
      var x = try embed(token, step: t)
      if configuration.inputFeeding { x += attentional }
      for layer in layers.indices {
        layers[layer] = try step(
          layer, entering(layer, x, dropout?.decoder, rows: 1, from: t), from: layers[layer])
        x = output(layer, layers[layer].hidden, entered: x)
      }
      attentional = x
      if configuration.score == .none {
        alignment.append([])
      } else {
        let attended = try attend(x, encoded.states, step: t)
        attentional = try linear(
          attended.context + x, "combine.weight", bias: "combine.bias", activation: .tanh, rows: 1)
        alignment.append(attended.alignment)
      }
      readouts += attentional
    }
    return (readouts, alignment)
  }
}

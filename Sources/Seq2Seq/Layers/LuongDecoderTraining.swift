import Attention

extension LuongDecoder {
  func backward(_ dreadout: Matrix, _ pass: DecoderPass) -> DecoderGradient {
    let steps = LuongBackwardSteps(self, dreadout, pass)
    for step in (0..<pass.plan.steps).reversed() { steps.invert(step) }
    let tape = pass.tape
    let layerGradients = layers.indices.map { index in
      var inputs = index > 0 ? [LayerInput(tape.inputs[index - 1])] : [tape.embedded]
      if index == 0, inputFeeding {
        let feed = Matrix(rows: pass.plan.rows, columns: hidden)
        feed.setRows(of: tape.readout, at: pass.plan.previousRows)
        inputs.append(LayerInput(feed))
      }
      return RecurrentLayer(
        cell: layers[index].cell, gradientsOf: steps.tapes[index], inputs: inputs,
        previousStates: pass.previousStates(index), run: tape.layers[index],
        pass.precision)
    }
    let attended = steps.attention?.finished(from: tape.top)
    let dembedded = Matrix(rows: tape.embedded.factor.rows, columns: embedding.shape[1])
    dembedded.setProduct(
      tape.embedded.gradient(steps.tapes[0].gates), embeddingColumns, precision: pass.precision)
    let gradient = LuongDecoder(
      embedding: embeddingGradient(dembedded, pass), layers: layerGradients, attention: attended?.layer,
      combine: tape.attention.map {
        Linear(gradientsOf: dreadout, inputs: [LayerInput($0.context), LayerInput(tape.top)], pass.precision)
      },
      inputFeeding: inputFeeding, residual: residual)
    return DecoderGradient(decoder: gradient, states: attended?.states, finals: steps.states)
  }
}

/// The steps of the decoder's backward, from the last to the first.
private struct LuongBackwardSteps {
  private let decoder: LuongDecoder
  private let pass: DecoderPass
  /// In: the gradient of s̃. A step turns its rows into the gradient of z, before the tanh.
  private let dz: Matrix
  /// The layers' gate gradients, all steps.
  let tapes: [RecurrentGradientTape]
  /// The running gradients of the states before the step, a row a sentence; at the end, of the initial state.
  let states: [RecurrentState]
  let attention: AttentionGradients?

  private let dfeed: Matrix?
  private let dcontext: Matrix
  private let dtop: Matrix
  private let dbelow: Matrix
  private let recurrent: [PackedRecurrent]
  private let inputs: [PackedMatrix?]
  private let combineContext: PackedMatrix?
  private let combineState: PackedMatrix?

  init(_ decoder: LuongDecoder, _ dreadout: Matrix, _ pass: DecoderPass) {
    func packed(_ weight: Matrix) -> PackedMatrix { PackedMatrix(weight, precision: pass.precision) }
    self.decoder = decoder
    self.pass = pass
    dz = dreadout
    let (rows, hidden) = (pass.plan.rows, decoder.hidden)
    let batch = pass.plan.lengths.count
    let work = { Matrix(rows: batch, columns: hidden) }
    tapes = decoder.layers.map { RecurrentGradientTape(cell: $0.cell, rows: rows, hidden: hidden) }
    states = decoder.layers.map { RecurrentState(cell: $0.cell, rows: batch, hidden: hidden) }
    attention = decoder.attention.map { AttentionGradients($0, pass) }
    dfeed = decoder.inputFeeding ? Matrix(rows: batch, columns: hidden, zeros: true) : nil
    dcontext = work()
    dtop = work()
    dbelow = work()
    recurrent = decoder.layers.map { PackedRecurrent(backward: $0.cell, $0.recurrent, pass.precision) }
    inputs = decoder.layers.indices.map { index in
      index > 0
        ? packed(Matrix(decoder.layers[index].input))
        : decoder.inputFeeding ? packed(decoder.otherColumns) : nil
    }
    combineContext = decoder.combine.map { packed(Matrix($0.weight).columns(0..<hidden)) }
    combineState = decoder.combine.map { packed(Matrix($0.weight).columns(hidden..<2 * hidden)) }
  }

  func invert(_ step: Int) {
    let (range, before) = (pass.plan.range(step: step), pass.state(before: step))
    let rows = 0..<range.count
    let dattentional = dz.rows(range)
    if let dfeed { dattentional.add(dfeed.rows(rows)) }
    let top = topGradient(dattentional, step)
    // The gradient of what a layer returns. From y = h + x it goes on to both.
    var dh = top
    for index in decoder.layers.indices.reversed() {
      let layer = decoder.layers[index]
      let tape = tapes[index].rows(range)
      layer.cell.backward(
        tape, state: states[index].prefix(range.count), dh: dh, tape: pass.tape.layers[index].rows(range),
        initial: before.layers[index], recurrent: recurrent[index], counts: [Int32(range.count)])
      if index > 0 {
        let dx = dbelow.rows(rows)
        dx.setProduct(tape.gates, inputs[index]!)
        pass.dropout?.apply(dx, from: range.lowerBound, at: .decoder, layer: index)
        if decoder.residual { dh.add(dx) } else { dh = dx }
      } else if let dfeed, step > 0 {
        dfeed.rows(rows).setProduct(tape.gates, inputs[0]!)
      }
    }
  }

  /// From the gradient of s̃ to that of what the top layer returns, through W_c and through the attention's query.
  private func topGradient(_ dattentional: Matrix, _ step: Int) -> Matrix {
    guard let attention else { return dattentional }
    let range = pass.plan.range(step: step)
    let rows = 0..<range.count
    dattentional.backThroughTanh(pass.tape.readout.rows(range))
    let (dcontext, dtop) = (dcontext.rows(rows), dtop.rows(rows))
    dcontext.setProduct(dattentional, combineContext!)
    attention.invert(step, from: pass.tape.top.rows(range), dcontext: dcontext, dtop: dtop)
    dtop.setProduct(dattentional, combineState!, accumulating: true)
    return dtop
  }
}

import Attention

extension BahdanauDecoder {
  /// What depends on no later step is made for all rows at once: the readout's part before the steps, the weights' gradients after
  /// them. z = W_c [s ; c ; x] + b_c, with s_t or, before maxout, s_{t−1}: ds = W_csᵀ dz, dc = W_ccᵀ dz, dx = W_cxᵀ dz.
  func backward(_ dreadout: Matrix, _ pass: DecoderPass) -> DecoderGradient {
    let (tape, combineColumns) = (pass.tape, combineColumns)
    let precision = pass.precision
    let context = tape.attention!.context
    let previous = tape.maxout?.previous ?? pass.previousStates(0)
    let read = tape.maxout == nil ? tape.top : previous
    let dz = sumGradient(dreadout, tape)
    let dread = Matrix(rows: read.rows, columns: read.columns)
    dread.setProduct(dz, combineColumns.state, precision: precision)
    let dcontext = Matrix(rows: context.rows, columns: context.columns)
    dcontext.setProduct(dz, combineColumns.context, precision: precision)

    let steps = BahdanauBackwardSteps(self, dread: dread, dcontext: dcontext, pass)
    for step in (0..<pass.plan.steps).reversed() { steps.invert(step) }

    let embedded = tape.embedded
    let dembedded = Matrix(rows: embedded.factor.rows, columns: embedding.shape[1])
    dembedded.setProduct(embedded.gradient(dz), combineColumns.embedding, precision: precision)
    dembedded.setProduct(
      embedded.gradient(steps.tape.gates), embeddingColumns, accumulating: true, precision: precision)
    let attended = steps.attention.finished(from: previous)
    let start = startGradient(steps.state, pass)
    let gradient = BahdanauDecoder(
      embedding: embeddingGradient(dembedded, pass),
      layer: RecurrentLayer(
        cell: layer.cell, gradientsOf: steps.tape, inputs: [embedded, LayerInput(context)],
        previousStates: previous,
        run: tape.layers[0], precision),
      scoring: attended.layer,
      combine: Linear(gradientsOf: dz, inputs: [LayerInput(read), LayerInput(context), embedded], precision),
      initial: start.initial, readout: readout)
    return DecoderGradient(decoder: gradient, states: attended.states, finals: start.finals)
  }

  /// dz from the readout's gradient, which it may overwrite: of s̃ = tanh(z), dz = ds̃ ∘ (1 − s̃²); of the larger of two, that one's.
  private func sumGradient(_ dreadout: Matrix, _ tape: DecoderTape) -> Matrix {
    guard let maxout = tape.maxout else {
      dreadout.backThroughTanh(tape.readout)
      return dreadout
    }
    let dz = Matrix(rows: maxout.sums.rows, columns: maxout.sums.columns)
    dz.setMaxoutGradient(dreadout, of: maxout.sums)
    return dz
  }

  /// Inverts s_0 = tanh(W_s ←h_1 + b_s), from the gradient of s_0, which it overwrites.
  private func startGradient(_ dstate: RecurrentState, _ pass: DecoderPass)
    -> (initial: Linear, finals: [RecurrentState])
  {
    dstate.h.backThroughTanh(pass.start.layers[0].h)
    let finals = pass.finals.map {
      RecurrentState(cell: layer.cell, rows: $0.h.rows, hidden: $0.h.columns)
    }
    firstBackward(finals).setProduct(dstate.h, Matrix(initial.weight), precision: pass.precision)
    return (
      Linear(gradientsOf: dstate.h, inputs: [LayerInput(firstBackward(pass.finals))], pass.precision), finals
    )
  }
}

/// The steps of the decoder's backward, from the last to the first.
private struct BahdanauBackwardSteps {
  private let layer: RecurrentLayer
  private let pass: DecoderPass
  /// The readout's share of the gradients of the state that it reads and of c_t, all steps; a step adds that of its gates to the
  /// context's.
  private let dread: Matrix
  private let dcontext: Matrix
  /// The gates' gradients, all steps.
  let tape: RecurrentGradientTape
  /// The running gradient of the state before the step, a row a sentence; at the end, of s_0.
  let state: RecurrentState
  let attention: AttentionGradients

  private let recurrent: PackedRecurrent
  private let context: PackedMatrix

  init(_ decoder: BahdanauDecoder, dread: Matrix, dcontext: Matrix, _ pass: DecoderPass) {
    layer = decoder.layer
    self.pass = pass
    self.dread = dread
    self.dcontext = dcontext
    let (rows, hidden) = (pass.plan.rows, decoder.hidden)
    tape = RecurrentGradientTape(cell: layer.cell, rows: rows, hidden: hidden)
    state = RecurrentState(cell: layer.cell, rows: pass.plan.lengths.count, hidden: hidden)
    attention = AttentionGradients(decoder.scoring, pass)
    recurrent = PackedRecurrent(backward: layer.cell, layer.recurrent, pass.precision)
    context = PackedMatrix(decoder.otherColumns, precision: pass.precision)
  }

  /// Inverts s_t = cell([x ; c_t], s_{t−1}), then c_t = attention(W_a s_{t−1}), which adds to the gradient of s_{t−1}.
  func invert(_ step: Int) {
    let (range, before) = (pass.plan.range(step: step), pass.state(before: step).layers[0])
    let (gates, dstate) = (tape.rows(range), state.prefix(range.count))
    let dcontext = dcontext.rows(range)
    let (readsBefore, dread) = (pass.tape.maxout != nil, dread.rows(range))
    layer.cell.backward(
      gates, state: dstate, dh: readsBefore ? nil : dread, tape: pass.tape.layers[0].rows(range),
      initial: before,
      recurrent: recurrent, counts: [Int32(range.count)])
    dcontext.setProduct(gates.gates, context, accumulating: true)
    attention.invert(step, from: before.h, dcontext: dcontext, dtop: dstate.h, accumulating: true)
    if readsBefore { dstate.h.add(dread) }
  }
}

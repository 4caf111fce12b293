import Attention

/// The decoder over whole target sentences, fed the true tokens (teacher forcing): forward and backward.
extension LuongDecoder {
  /// A forward pass: its results, and what the backward reads.
  struct Pass {
    let plan: SequencePlan
    let ids: [Int32]
    let embedded: Matrix
    let tape: DecoderTape
    let initial: DecoderState
    let memory: AttentionMemory?
    let dropout: Dropout?
  }

  /// - Parameters:
  ///   - inputs: the tokens fed at every step, ragged, longest sentence first
  ///   - initial: the state before the first step, a row a sentence
  func forward(
    _ inputs: [[Int32]], initial: [RecurrentState], memory: AttentionMemory?, dropout: Dropout?
  ) -> Pass {
    let plan = SequencePlan(lengths: inputs.map(\.count))
    precondition(plan.order == Array(inputs.indices), "the batch is not sorted by falling target length")
    let packed = PackedDecoder(self)
    let tape = DecoderTape(self, rows: plan.rows, positions: memory?.positions ?? 0, dropout: dropout != nil)
    let ids = plan.packed(inputs)
    let embedded = packed.embed(ids, into: tape, dropout: dropout)
    let start = DecoderState(layers: initial, feed: nil)
    for step in 0..<plan.steps {
      packed.step(
        tape, plan.range(step: step), previous: state(before: step, plan, tape, start), memory: memory,
        sources: Int(plan.counts[step]), dropout: dropout)
    }
    return Pass(
      plan: plan, ids: ids, embedded: embedded, tape: tape, initial: start, memory: memory, dropout: dropout)
  }

  /// The state that a step starts from, cut to the sentences that still run.
  private func state(before step: Int, _ plan: SequencePlan, _ tape: DecoderTape, _ initial: DecoderState)
    -> DecoderState
  {
    let running = Int(plan.counts[step])
    return step == 0
      ? initial.prefix(running) : tape.state(self, plan.range(step: step - 1)).prefix(running)
  }

  /// Inverts ``forward(_:initial:memory:dropout:)``, from the gradient of s̃ [N, H], which it overwrites. Returns the
  /// gradients of the parameters, of the encoder's states [B·S, H] and of the initial state.
  func backward(_ dattentional: Matrix, _ pass: Pass)
    -> (decoder: LuongDecoder, states: Matrix?, initial: [RecurrentState])
  {
    var steps = DecoderBackwardSteps(self, dattentional, pass)
    for step in (0..<pass.plan.steps).reversed() {
      steps.invert(step, before: state(before: step, pass.plan, pass.tape, pass.initial))
    }
    let (plan, tape) = (pass.plan, pass.tape)
    let previous = plan.previousRows
    let top = tape.layers.last!.h
    var layerGradients: [RecurrentLayer] = []
    for (index, layer) in layers.enumerated() {
      let states = Matrix(rows: plan.rows, columns: hidden)
      states.setRows(of: tape.layers[index].h, at: previous)
      states.rows(0..<pass.initial.layers[index].h.rows).copy(from: pass.initial.layers[index].h)
      var inputs = index > 0 ? [tape.inputs[index - 1]] : [pass.embedded]
      if index == 0, inputFeeding {
        let feed = Matrix(rows: plan.rows, columns: hidden)
        feed.setRows(of: tape.attentional, at: previous)
        inputs.append(feed)
      }
      layerGradients.append(
        RecurrentLayer(
          cell: layer.cell, gradientsOf: steps.tapes[index], inputs: inputs, previousStates: states,
          run: tape.layers[index]))
    }
    let attended = attention.map { layer in
      steps.attention!.finished(layer, memory: pass.memory!, projected: steps.dqueries, queries: top)
    }
    let gradient = LuongDecoder(
      embedding: embeddingGradient(steps.tapes[0].gates, pass), layers: layerGradients,
      attention: attended?.layer,
      combine: combine.map { _ in combineGradient(dattentional, context: tape.context!, top: top) },
      inputFeeding: inputFeeding)
    return (gradient, attended?.states, steps.states)
  }

  private func embeddingGradient(_ dgates: Matrix, _ pass: Pass) -> Tensor {
    let dx = Matrix(rows: dgates.rows, columns: embedding.shape[1])
    dx.setProduct(dgates, embeddingColumns)
    pass.dropout?.apply(dx, at: .targetEmbedding)
    let result = Matrix(rows: embedding.shape[0], columns: embedding.shape[1], zeros: true)
    result.addRows(dx, at: pass.ids)
    return result.tensor(embedding.shape)
  }

  /// z = W_c [c ; s] + b_c: dW_c = dzᵀ [c ; s], db_c = Σ dz.
  private func combineGradient(_ dz: Matrix, context: Matrix, top: Matrix) -> Linear {
    let weight = Matrix(rows: hidden, columns: 2 * hidden)
    weight.columns(0..<hidden).setProduct(dz.transposed, context)
    weight.columns(hidden..<2 * hidden).setProduct(dz.transposed, top)
    return Linear(weight: weight.tensor([hidden, 2 * hidden]), bias: dz.sumOfRows())
  }
}

/// The steps of the decoder's backward, from the last to the first.
private struct DecoderBackwardSteps {
  private let decoder: LuongDecoder
  private let pass: LuongDecoder.Pass
  /// In: the gradient of s̃. A step turns its rows into the gradient of z, before the tanh.
  private let dz: Matrix
  /// The layers' gate gradients, all steps.
  let tapes: [RecurrentGradientTape]
  /// The running gradients of the states before the step, a row a sentence; at the end, of the initial state.
  let states: [RecurrentState]
  let attention: AttentionGradients?
  /// With the concat score, the gradients of the projected queries, all steps.
  let dqueries: Matrix?

  private let dfeed: Matrix?
  private let dcontext: Matrix
  private let dtop: Matrix
  private let dbelow: Matrix
  private let recurrent: [PackedRecurrent]
  private let inputs: [PackedMatrix?]
  private let query: PackedMatrix?
  private let combineContext: PackedMatrix?
  private let combineState: PackedMatrix?

  init(_ decoder: LuongDecoder, _ dattentional: Matrix, _ pass: LuongDecoder.Pass) {
    self.decoder = decoder
    self.pass = pass
    dz = dattentional
    let (rows, hidden) = (pass.plan.rows, decoder.hidden)
    let batch = pass.plan.lengths.count
    let work = { Matrix(rows: batch, columns: hidden) }
    tapes = decoder.layers.map { RecurrentGradientTape(cell: $0.cell, rows: rows, hidden: hidden) }
    states = decoder.layers.map { RecurrentState(cell: $0.cell, rows: batch, hidden: hidden) }
    attention = decoder.attention.map { AttentionGradients($0, memory: pass.memory!) }
    dqueries = decoder.attention?.query == nil ? nil : Matrix(rows: rows, columns: hidden)
    dfeed = decoder.inputFeeding ? Matrix(rows: batch, columns: hidden, zeros: true) : nil
    dcontext = work()
    dtop = work()
    dbelow = work()
    recurrent = decoder.layers.map { PackedRecurrent(backward: $0.cell, $0.recurrent) }
    inputs = decoder.layers.indices.map { index in
      index > 0
        ? PackedMatrix(Matrix(decoder.layers[index].input))
        : decoder.inputFeeding ? PackedMatrix(decoder.feedColumns) : nil
    }
    query = decoder.attention?.query.map { PackedMatrix(Matrix($0)) }
    combineContext = decoder.combine.map { PackedMatrix(Matrix($0.weight).columns(0..<hidden)) }
    combineState = decoder.combine.map { PackedMatrix(Matrix($0.weight).columns(hidden..<2 * hidden)) }
  }

  mutating func invert(_ step: Int, before: DecoderState) {
    let range = pass.plan.range(step: step)
    let rows = 0..<range.count
    let dattentional = dz.rows(range)
    if let dfeed { dattentional.add(dfeed.rows(rows)) }
    let top = topGradient(dattentional, range)
    var dh = top
    for index in decoder.layers.indices.reversed() {
      let layer = decoder.layers[index]
      let tape = tapes[index].rows(range)
      layer.cell.backward(
        tape, state: states[index].prefix(range.count), dh: dh, tape: pass.tape.layers[index].rows(range),
        initial: before.layers[index], recurrent: recurrent[index], counts: [Int32(range.count)])
      if index > 0 {
        dh = dbelow.rows(rows)
        dh.setProduct(tape.gates, inputs[index]!)
        pass.dropout?.apply(
          dh, at: .decoder, layer: index, offset: range.lowerBound * decoder.hidden)
      } else if let dfeed, step > 0 {
        dfeed.rows(rows).setProduct(tape.gates, inputs[0]!)
      }
    }
  }

  /// From the gradient of s̃ to that of the top layer's state, through W_c and through the attention's query.
  private func topGradient(_ dattentional: Matrix, _ range: Range<Int>) -> Matrix {
    guard let layer = decoder.attention, let attention, let memory = pass.memory else { return dattentional }
    let rows = 0..<range.count
    dattentional.backThroughTanh(pass.tape.attentional.rows(range))
    let (dcontext, dtop) = (dcontext.rows(rows), dtop.rows(rows))
    dcontext.setProduct(dattentional, combineContext!)
    let dquery = dqueries?.rows(range) ?? dtop
    let tape = pass.tape
    attendBackward(
      dqueries: dquery, dkeys: attention.keys, dvalues: attention.values, dv: attention.v, dcontext: dcontext,
      rows: AttentionRows(
        queries: (tape.queries ?? tape.layers.last!.h).rows(range), context: tape.context!.rows(range),
        alignment: tape.alignment!.rows(range), statistics: tape.statistics!.rows(range)),
      score: layer.kernelScore, memory: memory, sources: range.count)
    if let query { dtop.setProduct(dquery, query) }
    dtop.setProduct(dattentional, combineState!, accumulating: true)
    return dtop
  }
}

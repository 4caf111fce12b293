import Attention

/// A decoder's pass over whole target sentences, fed the true tokens: its results, and what the backward reads.
struct DecoderPass {
  let plan: SequencePlan
  let ids: [Int32]
  let tape: DecoderTape
  let finals: [RecurrentState]
  let start: DecoderState
  let memory: SourceMemory?
  let dropout: Dropout?
  let precision: Precision

  /// The state that a step starts from, cut to the sentences that still run.
  func state(before step: Int) -> DecoderState {
    let running = Int(plan.counts[step])
    return step == 0 ? start.prefix(running) : tape.state(plan.range(step: step - 1)).prefix(running)
  }

  /// For every row, the layer's state in the row of the same sentence one step before, [N, H].
  func previousStates(_ layer: Int) -> Matrix {
    let (states, first) = (tape.layers[layer].h, start.layers[layer].h)
    let result = Matrix(rows: plan.rows, columns: states.columns)
    result.setRows(of: states, at: plan.previousRows)
    result.rows(0..<first.rows).copy(from: first)
    return result
  }
}

struct DecoderGradient {
  let decoder: any RecurrentDecoder
  /// Of the encoder's states [N, ·], in its order; nil without attention.
  let states: Matrix?
  /// Of the last states of the encoder's layers.
  let finals: [RecurrentState]
}

extension PackedDecoder {
  /// - Parameters:
  ///   - inputs: the tokens fed at every step, ragged, longest sentence first
  ///   - encoded: the encoder's pass over their sources
  func forward(_ inputs: [[Int32]], _ encoded: RecurrentEncoder.Pass, dropout: Dropout?) -> DecoderPass {
    let plan = SequencePlan(lengths: inputs.map(\.count))
    precondition(plan.order == Array(inputs.indices), "the batch is not sorted by falling target length")
    let memory = attention?.memory(encoded.output, encoded.plan)
    let pass = DecoderPass(
      plan: plan, ids: plan.packed(inputs),
      tape: DecoderTape(decoder, rows: plan.rows, memory: memory?.padded, dropout: dropout != nil),
      finals: encoded.finals, start: start(encoded.finals), memory: memory, dropout: dropout,
      precision: precision)
    embed(pass.ids, into: pass.tape, dropout: dropout)
    for step in 0..<plan.steps {
      self.step(
        pass.tape, plan.range(step: step), previous: pass.state(before: step), memory: memory?.padded,
        sources: Int(plan.counts[step]), dropout: dropout)
    }
    finish(pass.tape)
    return pass
  }
}

extension RecurrentDecoder {
  /// The gradient of the embedding's table from that of what was looked up, [N, E].
  func embeddingGradient(_ dx: Matrix, _ pass: DecoderPass) -> Tensor {
    pass.dropout?.apply(dx, at: .targetEmbedding)
    let result = Matrix(rows: embedding.shape[0], columns: embedding.shape[1], zeros: true)
    result.addRows(dx, at: pass.ids)
    return result.tensor(embedding.shape)
  }
}

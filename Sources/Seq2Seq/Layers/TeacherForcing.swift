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
    guard step > 0 else { return start.prefix(running) }
    return tape.state(plan.range(step: step - 1), before: step).prefix(running)
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
    let ids = dropout.keeping(plan.packed(inputs), plan, at: .targetEmbedding)
    let pass = DecoderPass(
      plan: plan, ids: ids, tape: DecoderTape(decoder, ids, memory: memory?.padded, dropout: dropout),
      finals: encoded.finals, start: start(encoded.finals), memory: memory, dropout: dropout,
      precision: precision)
    embed(pass.tape)
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
  /// The gradient of the embedding's table from that of what products with the embeddings took.
  func embeddingGradient(_ dfactor: Matrix, _ pass: DecoderPass) -> Tensor {
    pass.tape.embedded.tableGradient(
      dfactor, of: embedding, pass.ids, dropout: pass.dropout, at: .targetEmbedding)
  }
}

import Attention

/// A stack of recurrent layers over the source, in one or both directions. With two, their states are concatenated,
/// [→h ; ←h]. A reversed source is read from its end, and the states are put back into the order of the text.
struct RecurrentEncoder: Parameterized {
  var embedding: Tensor
  var layers: [Layer]
  /// Whether a layer above the first adds what entered it to its states (Wu et al. 2016, §3.1).
  let residual: Bool
  let reversed: Bool

  struct Layer: Parameterized {
    var forward: RecurrentLayer
    var backward: RecurrentLayer?

    mutating func forEachParameter(
      prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
    ) {
      forward.forEachParameter(prefix: prefix + "forward.", body)
      backward?.forEachParameter(prefix: prefix + "backward.", body)
    }
  }

  init(_ configuration: ModelConfiguration, generator: inout SeededGenerator) {
    let c = configuration
    residual = c.residual
    reversed = c.reversedSource
    embedding = generator.uniform([c.sourceVocabulary, c.embedding], bound: 0.1)
    layers = (0..<c.layers).map { index in
      let inputs = index == 0 ? c.embedding : c.stateWidth
      let hidden = c.directionWidth
      let forward = RecurrentLayer(cell: c.cell, inputs: inputs, hidden: hidden, generator: &generator)
      let backward =
        c.bidirectional
        ? RecurrentLayer(cell: c.cell, inputs: inputs, hidden: hidden, generator: &generator) : nil
      return Layer(forward: forward, backward: backward)
    }
  }

  private init(embedding: Tensor, layers: [Layer], residual: Bool, reversed: Bool) {
    self.embedding = embedding
    self.layers = layers
    self.residual = residual
    self.reversed = reversed
  }

  mutating func forEachParameter(
    prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
  ) {
    body("source.embedding", &embedding)
    for index in layers.indices { layers[index].forEachParameter(prefix: "\(prefix)\(index).", body) }
  }
}

// MARK: - Forward

extension RecurrentEncoder {
  /// What one direction of a layer leaves for its backward.
  fileprivate struct Run {
    let input: LayerInput
    let tape: RecurrentTape
    let initial: RecurrentState
  }

  /// A forward pass: its results, and what the backward reads.
  struct Pass {
    let plan: SequencePlan
    fileprivate let ids: [Int32]
    fileprivate let runs: [(forward: Run, backward: Run?)]
    fileprivate let dropout: Dropout?
    fileprivate let precision: Precision
    /// What the top layer returns in packed order, [N, ·], that of the text.
    let output: Matrix
    /// The last state of every layer, [B, ·], by sentence; zero for an empty one.
    let finals: [RecurrentState]
  }
}

/// An encoder with its weights packed for forward passes.
struct PackedEncoder: Sendable {
  private let embedding: Tensor
  private let precision: Precision
  private let layers: [(forward: PackedRecurrentLayer, backward: PackedRecurrentLayer?)]
  private let residual: Bool
  private let reversed: Bool

  init(_ encoder: RecurrentEncoder, _ precision: Precision) {
    embedding = encoder.embedding
    residual = encoder.residual
    reversed = encoder.reversed
    self.precision = precision
    layers = encoder.layers.map {
      (PackedRecurrentLayer($0.forward, precision), $0.backward.map { PackedRecurrentLayer($0, precision) })
    }
  }

  func forward(_ sources: [[Int32]], dropout: Dropout?) -> RecurrentEncoder.Pass {
    let plan = SequencePlan(lengths: sources.map(\.count))
    let ids = dropout.keeping(
      plan.packed(reversed ? sources.map { $0.reversed() } : sources), plan, at: .sourceEmbedding)
    let reversal = reversed || layers.contains { $0.backward != nil } ? plan.reversal : []
    var x = LayerInput(embedding: embedding, ids, dropout: dropout, at: .sourceEmbedding)
    var runs: [(forward: RecurrentEncoder.Run, backward: RecurrentEncoder.Run?)] = []
    var finals: [RecurrentState] = []
    for (index, layer) in layers.enumerated() {
      let entered = x.factor
      let isConnected = residual && index > 0
      if index > 0 { x = LayerInput(dropout.copy(of: entered, plan, at: .encoder, layer: index)) }
      let forward = run(layer.forward, x, plan)
      guard let second = layer.backward else {
        runs.append((forward, nil))
        finals.append(final(plan, [forward]))
        x = LayerInput(forward.tape.h)
        if isConnected {
          // The tape keeps h for the backward.
          let sum = Matrix(rows: plan.rows, columns: entered.columns)
          sum.setSum(forward.tape.h, entered)
          x = LayerInput(sum)
        }
        continue
      }
      let backward = run(second, x.permuted(reversal), plan)
      let h = layer.forward.layer.hidden
      let width = h + second.layer.hidden
      let both = Matrix(rows: plan.rows, columns: width)
      both.columns(0..<h).copy(from: forward.tape.h)
      both.columns(h..<width).setRows(of: backward.tape.h, at: reversal)
      if isConnected { both.add(entered) }
      x = LayerInput(both)
      runs.append((forward, backward))
      finals.append(final(plan, [forward, backward]))
    }
    return RecurrentEncoder.Pass(
      plan: plan, ids: ids, runs: runs, dropout: dropout, precision: precision,
      output: (reversed ? x.permuted(reversal) : x).factor,
      finals: finals)
  }

  private func run(_ packed: PackedRecurrentLayer, _ x: LayerInput, _ plan: SequencePlan)
    -> RecurrentEncoder.Run
  {
    let layer = packed.layer
    let tape = RecurrentTape(cell: layer.cell, rows: plan.rows, hidden: layer.hidden)
    let initial = RecurrentState(cell: layer.cell, rows: plan.lengths.count, hidden: layer.hidden)
    x.multiply(into: tape.gates, packed.input, bias: layer.bias)
    layer.cell.forward(
      tape, initial: initial, recurrent: packed.recurrent, bias: layer.recurrentBias, counts: plan.counts)
    return RecurrentEncoder.Run(input: x, tape: tape, initial: initial)
  }

  /// Each direction ends at its own last step, which for both is the last row of the sentence in its own tape.
  private func final(_ plan: SequencePlan, _ runs: [RecurrentEncoder.Run]) -> RecurrentState {
    let rows = plan.lastRows
    let gathered = { (part: (RecurrentEncoder.Run) -> Matrix) in
      let result = Matrix(rows: rows.count, columns: runs.reduce(0) { $0 + $1.tape.h.columns })
      var column = 0
      for run in runs {
        let width = run.tape.h.columns
        result.columns(column..<column + width).setRows(of: part(run), at: rows)
        column += width
      }
      return result
    }
    return RecurrentState(
      h: gathered { $0.tape.h }, c: layers[0].forward.layer.cell == .lstm ? gathered { $0.tape.inner } : nil)
  }
}

// MARK: - Backward

extension RecurrentEncoder {
  /// Inverts ``PackedEncoder/forward(_:dropout:)``, from the gradients of the output (nil for zero) and of the last states.
  func backward(_ doutput: Matrix?, finals: [RecurrentState], _ pass: Pass) -> RecurrentEncoder {
    let previous = pass.plan.previousRows
    let reversal = reversed || pass.runs.contains { $0.backward != nil } ? pass.plan.reversal : []
    var gradients: [Layer] = []
    var dx = doutput ?? Matrix(rows: pass.output.rows, columns: pass.output.columns, zeros: true)
    if reversed { dx = LayerInput(dx).permuted(reversal).factor }
    for index in layers.indices.reversed() {
      let (layer, runs, h) = (layers[index], pass.runs[index], layers[index].forward.hidden)
      let state = finals[index]
      guard let second = layer.backward, let secondRun = runs.backward else {
        let (gradient, below) = backward(layer.forward, runs.forward, dx, state, pass, previous)
        gradients.append(Layer(forward: gradient, backward: nil))
        dx = entered(below, doutput: dx, index, pass)
        continue
      }
      let firstHalf = Matrix(rows: dx.rows, columns: h)
      firstHalf.copy(from: dx.columns(0..<h))
      let secondHalf = Matrix(rows: dx.rows, columns: second.hidden)
      secondHalf.setRows(of: dx.columns(h..<dx.columns), at: reversal)
      let (first, below) = backward(
        layer.forward, runs.forward, firstHalf, state.columns(0..<h), pass, previous)
      let (last, mirrored) = backward(
        second, secondRun, secondHalf, state.columns(h..<dx.columns), pass, previous)
      runs.forward.input.add(mirrored, reversal, to: below)
      gradients.append(Layer(forward: first, backward: last))
      dx = entered(below, doutput: dx, index, pass)
    }
    let dembedding = pass.runs[0].forward.input.tableGradient(
      dx, of: embedding, pass.ids, dropout: pass.dropout, at: .sourceEmbedding)
    return RecurrentEncoder(
      embedding: dembedding, layers: gradients.reversed(), residual: residual, reversed: reversed)
  }

  /// Inverts y = h + x, with h from the dropped x: turns `dx`, the gradient of what the cells of layer `index` read, into that of
  /// what entered the layer.
  private func entered(_ dx: Matrix, doutput: Matrix, _ index: Int, _ pass: Pass) -> Matrix {
    if index > 0 {
      pass.dropout?.apply(dx, pass.plan, at: .encoder, layer: index)
      if residual { dx.add(doutput) }
    }
    return dx
  }

  private func backward(
    _ layer: RecurrentLayer, _ run: Run, _ dh: Matrix, _ dfinal: RecurrentState, _ pass: Pass,
    _ previous: [Int32]
  ) -> (gradient: RecurrentLayer, dx: Matrix) {
    let (plan, precision) = (pass.plan, pass.precision)
    let tape = RecurrentGradientTape(cell: layer.cell, rows: plan.rows, hidden: layer.hidden)
    // The kernel's rows are ranks; the final states came by sentence.
    let ranked = dfinal.gathered(plan.order.map(Int32.init))
    layer.cell.backward(
      tape, state: ranked, dh: dh, tape: run.tape, initial: run.initial,
      recurrent: PackedRecurrent(backward: layer.cell, layer.recurrent, precision), counts: plan.counts)
    let states = Matrix(rows: plan.rows, columns: layer.hidden)
    states.setRows(of: run.tape.h, at: previous)
    let gradient = RecurrentLayer(
      cell: layer.cell, gradientsOf: tape, inputs: [run.input], previousStates: states, run: run.tape,
      precision)
    let dx = Matrix(rows: run.input.factor.rows, columns: layer.input.shape[1])
    dx.setProduct(run.input.gradient(tape.gates), Matrix(layer.input), precision: precision)
    return (gradient, dx)
  }
}

extension RecurrentState {
  /// Both parts as the rows at an index.
  func gathered(_ index: [Int32]) -> RecurrentState {
    RecurrentState(h: h.gathered(index), c: c?.gathered(index))
  }

  func columns(_ range: Range<Int>) -> RecurrentState {
    RecurrentState(h: h.columns(range), c: c?.columns(range))
  }

  func prefix(_ count: Int) -> RecurrentState {
    RecurrentState(h: h.rows(0..<count), c: c?.rows(0..<count))
  }
}

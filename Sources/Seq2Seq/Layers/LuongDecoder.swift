import Attention

/// The decoder of Luong, Pham, Manning 2015 (§3):
///
///     s_t = cell([embed(y_{t−1}) ; s̃_{t−1}], s_{t−1})        s̃_{t−1} only with input feeding (§3.3)
///     α_t = softmax(score(s_t, h))      c_t = Σ_i α_ti h_i
///     s̃_t = tanh(W_c [c_t ; s_t] + b_c)
///
/// Without attention it is the decoder of Sutskever et al. 2014: s̃_t = s_t. Of stacked layers the top one gives s: its state h, or with
/// residual connections h and what entered the layer, y_l = h_l + x_l above the first (Wu et al. 2016, §3.1). It starts from the last
/// states h of the encoder's layers, each layer from its neighbour's.
struct LuongDecoder: RecurrentDecoder {
  var embedding: Tensor
  var layers: [RecurrentLayer]
  var attention: AttentionLayer?
  /// W_c [H, 2H] and b_c, with attention alone.
  var combine: Linear?
  let inputFeeding: Bool
  let residual: Bool

  init(_ configuration: ModelConfiguration, generator: inout SeededGenerator) {
    let c = configuration
    inputFeeding = c.inputFeeding
    residual = c.residual
    embedding = generator.uniform([c.targetVocabulary, c.embedding], bound: 0.1)
    layers = (0..<c.layers).map { index in
      let inputs = index > 0 ? c.hidden : c.inputFeeding ? c.embedding + c.hidden : c.embedding
      return RecurrentLayer(cell: c.cell, inputs: inputs, hidden: c.hidden, generator: &generator)
    }
    attention = c.score.map {
      AttentionLayer(c, score: $0, biased: false, generator: &generator)
    }
    combine =
      c.score == nil ? nil : Linear(inputs: 2 * c.hidden, outputs: c.hidden, generator: &generator)
  }

  init(
    embedding: Tensor, layers: [RecurrentLayer], attention: AttentionLayer?, combine: Linear?,
    inputFeeding: Bool, residual: Bool
  ) {
    self.embedding = embedding
    self.layers = layers
    self.attention = attention
    self.combine = combine
    self.inputFeeding = inputFeeding
    self.residual = residual
  }

  mutating func forEachParameter(
    prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
  ) {
    body("target.embedding", &embedding)
    for index in layers.indices { layers[index].forEachParameter(prefix: "\(prefix)\(index).", body) }
    attention?.forEachParameter(prefix: "attention.", body)
    combine?.forEachParameter(prefix: "combine.", body)
  }

  var readout: Readout { .tanh }

  func packed(_ precision: Precision) -> any PackedDecoder { PackedLuongDecoder(self, precision) }
}

private struct PackedLuongDecoder: PackedDecoder {
  private let luong: LuongDecoder
  let embedding: PackedMatrix
  private let recurrent: [PackedRecurrent]
  /// The layers' input weights; the first layer's is that of s̃_{t−1}, nil without input feeding.
  private let inputs: [PackedMatrix?]
  let attention: PackedAttention?
  private let combineContext: PackedMatrix?
  private let combineState: PackedMatrix?
  let precision: Precision

  init(_ decoder: LuongDecoder, _ precision: Precision) {
    func packed(_ weight: Matrix) -> PackedMatrix { PackedMatrix(weight.transposed, precision: precision) }
    luong = decoder
    self.precision = precision
    embedding = packed(decoder.embeddingColumns)
    recurrent = decoder.layers.map { PackedRecurrent(forward: $0.cell, $0.recurrent, precision) }
    inputs = decoder.layers.indices.map { index in
      index > 0
        ? packed(Matrix(decoder.layers[index].input))
        : decoder.inputFeeding ? packed(decoder.otherColumns) : nil
    }
    let hidden = decoder.hidden
    attention = decoder.attention.map { PackedAttention($0, precision) }
    combineContext = decoder.combine.map { packed(Matrix($0.weight).columns(0..<hidden)) }
    combineState = decoder.combine.map { packed(Matrix($0.weight).columns(hidden..<2 * hidden)) }
  }

  var decoder: any RecurrentDecoder { luong }

  func start(_ finals: [RecurrentState]) -> DecoderState { DecoderState(step: 0, layers: finals, feed: nil) }

  func step(
    _ tape: DecoderTape, _ range: Range<Int>, previous: DecoderState, memory: AttentionMemory?, sources: Int,
    dropout: Dropout?
  ) {
    for (index, layer) in luong.layers.enumerated() {
      let rows = tape.layers[index].rows(range)
      if index == 0 {
        if let feed = previous.feed { rows.gates.setProduct(feed, inputs[0]!, accumulating: true) }
      } else {
        let input = tape.inputs[index - 1].rows(range)
        if let dropout {
          input.copy(from: tape.outputs[index - 1].rows(range))
          dropout.apply(input, from: range.lowerBound, at: .decoder, layer: index)
        }
        rows.gates.setProduct(input, inputs[index]!, bias: layer.bias)
      }
      layer.cell.forward(
        rows, initial: previous.layers[index], recurrent: recurrent[index], bias: layer.recurrentBias,
        counts: [Int32(range.count)])
      if index > 0, luong.residual {
        tape.outputs[index].rows(range).setSum(rows.h, tape.outputs[index - 1].rows(range))
      }
    }
    guard let attention, let memory else { return }
    let (top, attended) = (tape.top.rows(range), tape.attention!.rows(range))
    attention.attend(
      attended, from: top, step: previous.step, memory: memory, sources: sources, dropout: dropout)
    let attentional = tape.readout.rows(range)
    attentional.setProduct(attended.context, combineContext!)
    attentional.setProduct(
      top, combineState!, bias: luong.combine!.bias, activation: .tanh, accumulating: true)
  }

  func finish(_ tape: DecoderTape) {}
}

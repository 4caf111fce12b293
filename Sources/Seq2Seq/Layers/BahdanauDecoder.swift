import Attention

/// The decoder of Bahdanau, Cho, Bengio 2015 (appendix A.1.2, A.2.2), with the paper's readout or with a tanh layer for it:
///
///     s_0 = tanh(W_s ←h_1 + b_s)                                c_0 of an LSTM is 0
///     α_t = softmax(v_aᵀ tanh(W_a s_{t−1} + U_a h + b_a))       c_t = Σ_i α_ti h_i
///     s_t = cell([embed(y_{t−1}) ; c_t], s_{t−1})
///     s̃_t = tanh(W_c [s_t ; c_t ; embed(y_{t−1})] + b_c)                                    `.tanh`
///     s̃_t = max over pairs of t̃_t = W_c [s_{t−1} ; c_t ; embed(y_{t−1})] + b_c              `.maxout`, with
///
/// U_o, C_o and V_o of the paper side by side in W_c. Attention asks with the state before the cell, so that s_t depends on the source
/// through c_t as well; the readout feeds no step and is made for all of them at once. ←h_1 is the last state of the encoder's backward
/// direction, in its top layer.
struct BahdanauDecoder: RecurrentDecoder {
  var embedding: Tensor
  /// Its input weight is [·, E + width of h].
  var layer: RecurrentLayer
  /// Concat or normed concat, with a bias.
  var scoring: AttentionLayer
  /// W_c [H, H + width of h + E] and b_c.
  var combine: Linear
  /// W_s [H, H] and b_s.
  var initial: Linear
  let readout: Readout

  init(_ configuration: ModelConfiguration, generator: inout SeededGenerator) {
    let c = configuration
    let (hidden, width) = (c.hidden, c.stateWidth)
    embedding = generator.uniform([c.targetVocabulary, c.embedding], bound: 0.1)
    layer = RecurrentLayer(
      cell: c.cell, inputs: c.embedding + width, hidden: hidden, generator: &generator)
    scoring = AttentionLayer(c, score: c.score ?? .concat, biased: true, generator: &generator)
    combine = Linear(inputs: hidden + width + c.embedding, outputs: hidden, generator: &generator)
    initial = Linear(inputs: c.directionWidth, outputs: hidden, generator: &generator)
    readout = c.readout
  }

  init(
    embedding: Tensor, layer: RecurrentLayer, scoring: AttentionLayer, combine: Linear, initial: Linear,
    readout: Readout
  ) {
    self.embedding = embedding
    self.layer = layer
    self.scoring = scoring
    self.combine = combine
    self.initial = initial
    self.readout = readout
  }

  mutating func forEachParameter(
    prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
  ) {
    body("target.embedding", &embedding)
    layer.forEachParameter(prefix: prefix + "0.", body)
    scoring.forEachParameter(prefix: "attention.", body)
    combine.forEachParameter(prefix: "combine.", body)
    initial.forEachParameter(prefix: "start.", body)
  }

  var layers: [RecurrentLayer] { [layer] }
  var attention: AttentionLayer? { scoring }
  var inputFeeding: Bool { false }
  var residual: Bool { false }

  /// ←h_1 among the last states of the encoder's layers, [rows, H].
  func firstBackward(_ finals: [RecurrentState]) -> Matrix {
    let top = finals.last!.h
    return top.columns(top.columns - initial.weight.shape[1]..<top.columns)
  }

  func packed(_ precision: Precision) -> any PackedDecoder { PackedBahdanauDecoder(self, precision) }

  /// The columns of W_c that meet the state, c_t and the embedding.
  var combineColumns: (state: Matrix, context: Matrix, embedding: Matrix) {
    let weight = Matrix(combine.weight)
    let context = hidden..<weight.columns - embedding.shape[1]
    return (
      weight.columns(0..<hidden), weight.columns(context), weight.columns(context.upperBound..<weight.columns)
    )
  }
}

private struct PackedBahdanauDecoder: PackedDecoder {
  private let bahdanau: BahdanauDecoder
  let embedding: PackedMatrix
  private let recurrent: PackedRecurrent
  private let context: PackedMatrix
  private let scoring: PackedAttention
  private let initial: PackedMatrix
  private let combineState: PackedMatrix
  private let combineContext: PackedMatrix
  private let combineEmbedding: PackedMatrix
  let precision: Precision

  init(_ decoder: BahdanauDecoder, _ precision: Precision) {
    func packed(_ weight: Matrix) -> PackedMatrix { PackedMatrix(weight.transposed, precision: precision) }
    bahdanau = decoder
    self.precision = precision
    embedding = packed(decoder.embeddingColumns)
    recurrent = PackedRecurrent(forward: decoder.layer.cell, decoder.layer.recurrent, precision)
    context = packed(decoder.otherColumns)
    scoring = PackedAttention(decoder.scoring, precision)
    initial = packed(Matrix(decoder.initial.weight))
    let combine = decoder.combineColumns
    combineState = packed(combine.state)
    combineContext = packed(combine.context)
    combineEmbedding = packed(combine.embedding)
  }

  var decoder: any RecurrentDecoder { bahdanau }
  var attention: PackedAttention? { scoring }

  func start(_ finals: [RecurrentState]) -> DecoderState {
    let first = bahdanau.firstBackward(finals)
    let state = RecurrentState(cell: bahdanau.layer.cell, rows: first.rows, hidden: bahdanau.hidden)
    state.h.setProduct(first, initial, bias: bahdanau.initial.bias, activation: .tanh)
    return DecoderState(step: 0, layers: [state], feed: nil)
  }

  func step(
    _ tape: DecoderTape, _ range: Range<Int>, previous: DecoderState, memory: AttentionMemory?, sources: Int,
    dropout: Dropout?
  ) {
    let (cell, attended) = (tape.layers[0].rows(range), tape.attention!.rows(range))
    let state = previous.layers[0]
    scoring.attend(
      attended, from: state.h, step: previous.step, memory: memory!, sources: sources, dropout: dropout)
    tape.maxout?.previous.rows(range).copy(from: state.h)
    cell.gates.setProduct(attended.context, context, accumulating: true)
    bahdanau.layer.cell.forward(
      cell, initial: state, recurrent: recurrent, bias: bahdanau.layer.recurrentBias,
      counts: [Int32(range.count)])
  }

  func finish(_ tape: DecoderTape) {
    let sums = tape.maxout?.sums ?? tape.readout
    tape.embedded.multiply(into: sums, combineEmbedding, bias: bahdanau.combine.bias)
    sums.setProduct(tape.maxout?.previous ?? tape.top, combineState, accumulating: true)
    sums.setProduct(
      tape.attention!.context, combineContext, activation: tape.maxout == nil ? .tanh : .none,
      accumulating: true)
    if tape.maxout != nil { tape.readout.setMaxout(of: sums) }
  }
}

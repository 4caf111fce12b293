import Attention

/// The decoder of Luong, Pham, Manning 2015 (§3):
///
///     s_t = cell([embed(y_{t−1}) ; s̃_{t−1}], s_{t−1})        s̃_{t−1} only with input feeding (§3.3)
///     α_t = softmax(score(s_t, h))      c_t = Σ_i α_ti h_i
///     s̃_t = tanh(W_c [c_t ; s_t] + b_c)
///
/// Without attention it is the decoder of Sutskever et al. 2014: s̃_t = s_t.
struct LuongDecoder: Parameterized {
  var embedding: Tensor
  var layers: [RecurrentLayer]
  var attention: AttentionLayer?
  /// W_c [H, 2H] and b_c, with attention alone.
  var combine: Linear?
  let inputFeeding: Bool

  init(_ configuration: ModelConfiguration, generator: inout SeededGenerator) {
    let c = configuration
    inputFeeding = c.inputFeeding
    embedding = generator.uniform([c.targetVocabulary, c.embedding], bound: 0.1)
    layers = (0..<c.layers).map { index in
      let inputs = index > 0 ? c.hidden : c.inputFeeding ? c.embedding + c.hidden : c.embedding
      return RecurrentLayer(cell: c.cell, inputs: inputs, hidden: c.hidden, generator: &generator)
    }
    attention = c.score.map { AttentionLayer(score: $0, hidden: c.hidden, generator: &generator) }
    combine =
      c.score == nil ? nil : Linear(inputs: 2 * c.hidden, outputs: c.hidden, generator: &generator)
  }

  init(
    embedding: Tensor, layers: [RecurrentLayer], attention: AttentionLayer?, combine: Linear?,
    inputFeeding: Bool
  ) {
    self.embedding = embedding
    self.layers = layers
    self.attention = attention
    self.combine = combine
    self.inputFeeding = inputFeeding
  }

  mutating func forEachParameter(
    prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
  ) {
    body("target.embedding", &embedding)
    for index in layers.indices { layers[index].forEachParameter(prefix: "\(prefix)\(index).", body) }
    attention?.forEachParameter(prefix: "attention.", body)
    combine?.forEachParameter(prefix: "combine.", body)
  }

  var hidden: Int { layers[0].hidden }
  private var embeddingWidth: Int { embedding.shape[1] }

  /// The columns of the first layer's input weight that meet the embedding.
  var embeddingColumns: Matrix { Matrix(layers[0].input).columns(0..<embeddingWidth) }
  /// Those that meet s̃_{t−1}.
  var feedColumns: Matrix { Matrix(layers[0].input).columns(embeddingWidth..<layers[0].input.shape[1]) }
}

/// What one decoder step hands to the next, a row each for every running hypothesis.
struct DecoderState {
  var layers: [RecurrentState]
  /// s̃_{t−1}, with input feeding; nil at the first step, where it is zero.
  var feed: Matrix?

  func prefix(_ count: Int) -> DecoderState {
    DecoderState(layers: layers.map { $0.prefix(count) }, feed: feed?.rows(0..<count))
  }

  func gathered(_ index: [Int32]) -> DecoderState {
    DecoderState(
      layers: layers.map { $0.gathered(index) },
      feed: feed.map {
        let rows = Matrix(rows: index.count, columns: $0.columns)
        rows.setRows(of: $0, at: index)
        return rows
      })
  }
}

/// What a decoder computes over some rows: in training all steps of a batch in packed order, in decoding one step.
struct DecoderTape {
  let layers: [RecurrentTape]
  /// What entered the layers above the first (their own copy only where dropout acts).
  let inputs: [Matrix]
  /// With the concat score, the projected queries.
  let queries: Matrix?
  let context: Matrix?
  let alignment: Matrix?
  /// What the attention's backward needs of its softmax, [rows, 2].
  let statistics: Matrix?
  /// s̃, [rows, H]: with attention a matrix of its own, else the top layer's states.
  let attentional: Matrix

  init(_ decoder: LuongDecoder, rows: Int, positions: Int, dropout: Bool) {
    let hidden = decoder.hidden
    let layers = decoder.layers.map { RecurrentTape(cell: $0.cell, rows: rows, hidden: hidden) }
    self.layers = layers
    inputs = layers.dropLast().map { dropout ? Matrix(rows: rows, columns: hidden) : $0.h }
    queries = decoder.attention?.query == nil ? nil : Matrix(rows: rows, columns: hidden)
    context = decoder.attention == nil ? nil : Matrix(rows: rows, columns: hidden)
    alignment = decoder.attention == nil ? nil : Matrix(rows: rows, columns: positions)
    statistics = decoder.attention == nil ? nil : Matrix(rows: rows, columns: 2)
    attentional = decoder.attention == nil ? layers.last!.h : Matrix(rows: rows, columns: hidden)
  }

  /// The state after the step that fills these rows.
  func state(_ decoder: LuongDecoder, _ range: Range<Int>) -> DecoderState {
    DecoderState(
      layers: zip(decoder.layers, layers).map { $1.state($0.cell, range) },
      feed: decoder.inputFeeding ? attentional.rows(range) : nil)
  }
}

/// A decoder with its weights packed for many steps.
struct PackedDecoder {
  let decoder: LuongDecoder
  private let embedded: PackedMatrix
  private let recurrent: [PackedMatrix]
  /// The layers' input weights; the first layer's is that of s̃_{t−1}, nil without input feeding.
  private let inputs: [PackedMatrix?]
  private let query: PackedMatrix?
  private let combineContext: PackedMatrix?
  private let combineState: PackedMatrix?

  init(_ decoder: LuongDecoder, precision: Precision = .float32) {
    func packed(_ weight: Matrix, groups: Int = 1) -> PackedMatrix {
      PackedMatrix(weight.transposed, groups: groups, precision: precision)
    }
    self.decoder = decoder
    embedded = packed(decoder.embeddingColumns)
    recurrent = decoder.layers.map { packed(Matrix($0.recurrent), groups: $0.cell.gates) }
    inputs = decoder.layers.indices.map { index in
      index > 0
        ? packed(Matrix(decoder.layers[index].input))
        : decoder.inputFeeding ? packed(decoder.feedColumns) : nil
    }
    let hidden = decoder.hidden
    query = decoder.attention?.query.map { packed(Matrix($0)) }
    combineContext = decoder.combine.map { packed(Matrix($0.weight).columns(0..<hidden)) }
    combineState = decoder.combine.map { packed(Matrix($0.weight).columns(hidden..<2 * hidden)) }
  }

  /// The part of the first layer's gates that comes from the embedded tokens, for any number of rows at once:
  /// `gates = embed(ids) W_eᵀ + b`. Returns the embeddings.
  @discardableResult
  func embed(_ ids: [Int32], into tape: DecoderTape, dropout: Dropout?) -> Matrix {
    let x = Matrix(rows: ids.count, columns: decoder.embedding.shape[1])
    x.setRows(of: Matrix(decoder.embedding), at: ids)
    dropout?.apply(x, at: .targetEmbedding)
    tape.layers[0].gates.setProduct(x, embedded, bias: decoder.layers[0].bias)
    return x
  }

  /// One step: fills the rows of the tape, whose first gates ``embed(_:into:dropout:)`` has begun, from the state before.
  /// The rows belong to the first `sources` sources of the memory, the same number to each.
  func step(
    _ tape: DecoderTape, _ range: Range<Int>, previous: DecoderState, memory: AttentionMemory?, sources: Int,
    dropout: Dropout?
  ) {
    let hidden = decoder.hidden
    for (index, layer) in decoder.layers.enumerated() {
      let rows = tape.layers[index].rows(range)
      if index == 0 {
        if let feed = previous.feed { rows.gates.setProduct(feed, inputs[0]!, accumulating: true) }
      } else {
        let input = tape.inputs[index - 1].rows(range)
        if let dropout {
          input.copy(from: tape.layers[index - 1].h.rows(range))
          dropout.apply(input, at: .decoder, layer: index, offset: range.lowerBound * hidden)
        }
        rows.gates.setProduct(input, inputs[index]!, bias: layer.bias)
      }
      layer.cell.forward(
        rows, initial: previous.layers[index], recurrent: recurrent[index], bias: layer.recurrentBias,
        counts: [Int32(range.count)])
    }
    guard let attention = decoder.attention, let memory else { return }
    let top = tape.layers.last!.h.rows(range)
    let queries = tape.queries?.rows(range) ?? top
    if let query { queries.setProduct(top, query) }
    let context = tape.context!.rows(range)
    attend(
      context: context, alignment: tape.alignment!.rows(range), statistics: tape.statistics!.rows(range),
      queries: queries, score: attention.kernelScore, memory: memory, sources: sources)
    let attentional = tape.attentional.rows(range)
    attentional.setProduct(context, combineContext!)
    attentional.setProduct(
      top, combineState!, bias: decoder.combine!.bias, activation: .tanh, accumulating: true)
  }
}

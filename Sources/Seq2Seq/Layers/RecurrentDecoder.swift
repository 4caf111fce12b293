import Attention

/// A decoder: from the states of a source and the tokens so far it makes a readout for every step, from which the model's
/// output layer predicts the next token.
///
/// A pass over some rows is the same everywhere: ``PackedDecoder/embed(_:)`` for all of them,
/// ``PackedDecoder/step(_:_:previous:memory:sources:dropout:)`` for the rows of each step in turn, and
/// ``PackedDecoder/finish(_:)`` for all again. In training that is a batch of whole sentences, in decoding one step.
protocol RecurrentDecoder: Parameterized {
  /// [V, E].
  var embedding: Tensor { get set }
  /// Its cells. The first one's input weight meets the embedding in its first columns.
  var layers: [RecurrentLayer] { get }
  /// Nil for the plain decoder.
  var attention: AttentionLayer? { get }
  /// Whether a step reads the readout of the one before.
  var inputFeeding: Bool { get }
  /// Whether a layer above the first adds what entered it to its states (Wu et al. 2016, §3.1).
  var residual: Bool { get }
  var readout: Readout { get }

  func packed(_ precision: Precision) -> any PackedDecoder
  /// Inverts ``PackedDecoder/forward(_:_:dropout:)``, from the gradient of the readouts, which it may overwrite.
  func backward(_ dreadout: Matrix, _ pass: DecoderPass) -> DecoderGradient
}

extension RecurrentDecoder {
  var hidden: Int { layers[0].hidden }

  /// The columns of the first layer's input weight that meet the embedding.
  var embeddingColumns: Matrix { Matrix(layers[0].input).columns(0..<embedding.shape[1]) }
  /// Those that meet what follows the embedding.
  var otherColumns: Matrix { Matrix(layers[0].input).columns(embedding.shape[1]..<layers[0].input.shape[1]) }
}

extension ModelConfiguration {
  func makeDecoder(generator: inout SeededGenerator) -> any RecurrentDecoder {
    switch decoder {
    case .luong: LuongDecoder(self, generator: &generator)
    case .bahdanau: BahdanauDecoder(self, generator: &generator)
    }
  }
}

/// A decoder with its weights packed for many steps.
protocol PackedDecoder: Sendable {
  var decoder: any RecurrentDecoder { get }
  /// W_eᵀ of ``RecurrentDecoder/embeddingColumns``.
  var embedding: PackedMatrix { get }
  var attention: PackedAttention? { get }
  var precision: Precision { get }

  /// The state before the first step, a row a source, from the last states of the encoder's layers.
  func start(_ finals: [RecurrentState]) -> DecoderState

  /// One step: fills the rows of the tape, whose first gates ``embed(_:)`` has begun, from the state before.
  /// The rows belong to the first `sources` sources of the memory, the same number to each.
  func step(
    _ tape: DecoderTape, _ range: Range<Int>, previous: DecoderState, memory: AttentionMemory?, sources: Int,
    dropout: Dropout?)

  /// What no later step waits for, for all rows of the tape at once.
  func finish(_ tape: DecoderTape)
}

extension PackedDecoder {
  /// The part of the first layer's gates that comes from the embeddings: `gates = embed(ids) W_eᵀ + b`.
  func embed(_ tape: DecoderTape) {
    tape.embedded.multiply(into: tape.layers[0].gates, embedding, bias: decoder.layers[0].bias)
  }
}

/// What one decoder step hands to the next, a row each for every running hypothesis.
struct DecoderState {
  /// The number of steps before, t.
  let step: Int
  var layers: [RecurrentState]
  /// The readout, with input feeding; nil at the first step, where it is zero.
  var feed: Matrix?

  func prefix(_ count: Int) -> DecoderState {
    DecoderState(step: step, layers: layers.map { $0.prefix(count) }, feed: feed?.rows(0..<count))
  }

  func gathered(_ index: [Int32]) -> DecoderState {
    DecoderState(step: step, layers: layers.map { $0.gathered(index) }, feed: feed?.gathered(index))
  }
}

/// What a decoder computes over some rows: in training all steps of a batch in packed order, in decoding one step.
struct DecoderTape {
  private let cell: RecurrentCell
  private let inputFeeding: Bool
  /// The embeddings of the tokens that are fed, [rows, E].
  let embedded: LayerInput
  let layers: [RecurrentTape]
  /// What the layers return, [rows, H]: their states, and above the first with residual connections a sum of its own.
  let outputs: [Matrix]
  /// What the cells of the layers above the first read: the output below (its own copy only where dropout acts).
  let inputs: [Matrix]
  let attention: AttentionTape?
  /// With a maxout readout what it is made from.
  let maxout: MaxoutTape?
  /// [rows, H], or H/2 by maxout: with attention a matrix of its own, else the top layer's output.
  let readout: Matrix

  init(_ decoder: any RecurrentDecoder, _ ids: [Int32], memory: AttentionMemory?, dropout: Dropout?) {
    let (rows, hidden) = (ids.count, decoder.hidden)
    let layers = decoder.layers.map { RecurrentTape(cell: $0.cell, rows: rows, hidden: hidden) }
    cell = decoder.layers[0].cell
    inputFeeding = decoder.inputFeeding
    embedded = LayerInput(embedding: decoder.embedding, ids, dropout: dropout, at: .targetEmbedding)
    self.layers = layers
    outputs = layers.indices.map { index in
      decoder.residual && index > 0 ? Matrix(rows: rows, columns: hidden) : layers[index].h
    }
    inputs = outputs.dropLast().map { dropout == nil ? $0 : Matrix(rows: rows, columns: hidden) }
    attention = decoder.attention.flatMap { layer in
      memory.map { AttentionTape(layer, rows: rows, hidden: hidden, memory: $0) }
    }
    maxout = decoder.readout == .maxout ? MaxoutTape(rows: rows, hidden: hidden) : nil
    let width = decoder.readout.width(hidden: hidden)
    readout = attention == nil ? outputs.last! : Matrix(rows: rows, columns: width)
  }

  /// A tape for as many other tokens, or fewer, without dropout, in the memory of one that nothing reads any more.
  init(_ decoder: any RecurrentDecoder, _ ids: [Int32], reusing tape: DecoderTape) {
    precondition(ids.count <= tape.readout.rows)
    let rows = 0..<ids.count
    (cell, inputFeeding) = (tape.cell, tape.inputFeeding)
    embedded = LayerInput(embedding: decoder.embedding, ids, dropout: nil, at: .targetEmbedding)
    layers = tape.layers.map { $0.rows(rows) }
    outputs = tape.outputs.map { $0.rows(rows) }
    inputs = tape.inputs.map { $0.rows(rows) }
    attention = tape.attention?.rows(rows)
    maxout = tape.maxout?.rows(rows)
    readout = tape.readout.rows(rows)
  }

  /// What the top layer returns, [rows, H]: s.
  var top: Matrix { outputs.last! }

  /// The state before a step, after the one that filled these rows.
  func state(_ range: Range<Int>, before step: Int) -> DecoderState {
    DecoderState(
      step: step, layers: layers.map { $0.state(cell, range) }, feed: inputFeeding ? readout.rows(range) : nil
    )
  }
}

/// What a maxout readout is made from, [rows, H] each.
struct MaxoutTape {
  /// The state before each step: s_{t−1}.
  let previous: Matrix
  /// t̃, of which each two neighbours leave the larger.
  let sums: Matrix

  init(rows: Int, hidden: Int) {
    previous = Matrix(rows: rows, columns: hidden)
    sums = Matrix(rows: rows, columns: hidden)
  }

  private init(previous: Matrix, sums: Matrix) { (self.previous, self.sums) = (previous, sums) }

  func rows(_ range: Range<Int>) -> MaxoutTape {
    MaxoutTape(previous: previous.rows(range), sums: sums.rows(range))
  }
}

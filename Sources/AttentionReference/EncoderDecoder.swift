/// A parameter by its shape and its row-major values.
public struct ReferenceArray<T: Reference.Scalar>: Sendable {
  public var shape: [Int]
  public var values: [T]

  @inlinable
  public init(shape: [Int], values: [T]) {
    self.shape = shape
    self.values = values
  }
}

extension Reference {
  /// What ``encoderDecoder(_:configuration:sources:targets:start:end:dropout:)`` returns.
  public struct EncoderDecoderResult<T: Scalar>: Sendable {
    /// The mean of −log p over all predicted tokens in nats, ends included; 0 without a sentence.
    public var meanCrossEntropy: T
    /// How many tokens were predicted: Σ (target length + 1).
    public var tokenCount: Int
    /// α of each sentence and step over that sentence's source, before dropout; each step's is empty without attention.
    public var alignments: [[[T]]]

    @inlinable
    init() {
      meanCrossEntropy = 0
      tokenCount = 0
      alignments = []
    }
  }

  /// A recurrent encoder-decoder under teacher forcing: recurrent layers over the source, whose states h the decoder turns,
  /// step by step, into a readout s̃ (LuongModel.swift, BahdanauModel.swift), and
  ///
  ///     ŷ[t] = softmax(W_y s̃[t] + b_y)
  ///
  /// One sentence after the other, so that no padding exists.
  ///
  /// - Parameters:
  ///   - parameters: By the names and shapes that ``ReferenceModelConfiguration/parameters(sourceVocabulary:targetVocabulary:)``
  ///     lists; the vocabularies are the embeddings' first sizes.
  ///   - sources: Token ids, a sentence each.
  ///   - targets: Token ids without start and end: the decoder reads [start] + y and is asked for y + [end].
  ///   - dropout: What falls in training; nil for nothing.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func encoderDecoder<T: Scalar>(
    _ parameters: [String: ReferenceArray<T>], configuration: ReferenceModelConfiguration,
    sources: [[Int]], targets: [[Int]], start: Int, end: Int, dropout: ReferenceDropout<T>? = nil
  ) throws -> EncoderDecoderResult<T> {
    try require(targets, "targets", sources.count)
    if let dropout { try require(dropout.sentences, "dropout.sentences", sources.count) }
    var model = try ReferenceModel(parameters, configuration, dropout: dropout?.weights ?? [:])
    var loss: T = 0
    var result = EncoderDecoderResult<T>()
    for (index, (source, target)) in zip(sources, targets).enumerated() {
      model.dropout = dropout?.sentences[index]
      let encoded = try model.encode(source)
      let (readouts, alignment) = try model.decode([start] + target, encoded)
      let entropy = try model.crossEntropy(readouts, targets: target + [end])
      loss += entropy.loss
      result.tokenCount += entropy.count
      result.alignments.append(alignment)
    }
    if result.tokenCount > 0 { result.meanCrossEntropy = loss / T(result.tokenCount) }
    return result
  }
}

/// The parameters under their checked shapes, and the model's parts for one sentence.
@usableFromInline
struct ReferenceModel<T: Reference.Scalar> {
  @usableFromInline let configuration: ReferenceModelConfiguration
  @usableFromInline let sourceVocabulary, targetVocabulary: Int
  @usableFromInline let values: [String: [T]]
  /// What falls in the sentence.
  @usableFromInline var dropout: ReferenceDropout<T>.Sentence?

  /// What the top layer returns, [source length, stateWidth], and each layer's final (h, c), both directions joined as [→ ; ←].
  @usableFromInline
  struct Encoded {
    @usableFromInline var states: [T]
    @usableFromInline var final: [Reference.State<T>]

    @inlinable
    init(states: [T]) {
      self.states = states
      final = []
    }
  }

  @inlinable
  init(
    _ parameters: [String: ReferenceArray<T>], _ configuration: ReferenceModelConfiguration,
    dropout: [String: [T]]
  ) throws {
    self.configuration = configuration
    sourceVocabulary = parameters["source.embedding"]?.shape.first ?? 0
    targetVocabulary = parameters["target.embedding"]?.shape.first ?? 0
    var values: [String: [T]] = [:]
    for parameter in try configuration.parameters(
      sourceVocabulary: sourceVocabulary, targetVocabulary: targetVocabulary)
    {
      let (name, shape) = (parameter.name, parameter.shape)
      guard let array = parameters[name], array.shape == shape else {
        throw ReferenceError.parameter(name: name, expected: shape, found: parameters[name]?.shape)
      }
      try Reference.require(array.values, name, shape: shape)
      values[name] = array.values
    }
    for (name, factors) in dropout {
      let weight = values[name] ?? []
      try Reference.require(factors, "dropout.\(name)", weight.count)
      values[name] = zip(weight, factors).map(*)
    }
    self.values = values
  }

  /// A parameter of the configuration's list, which `init` has found to be there.
  @inlinable
  func value(_ name: String) -> [T] {
    guard let array = values[name] else { preconditionFailure("'\(name)' is not among the parameters") }
    return array
  }

  // MARK: Encoder

  @inlinable
  func encode(_ source: [Int]) throws -> Encoded {
    let ids = configuration.reversedSource ? source.reversed() : source
    let embedded = try Reference.embedding(
      value("source.embedding"), ids: ids, vocabulary: sourceVocabulary, width: configuration.embedding)
    var encoded = Encoded(
      states: try dropout?.source.applied(to: embedded, rows: ids.count, ids: ids) ?? embedded)
    for layer in 0..<configuration.layers {
      let x = try entering(layer, encoded.states, dropout?.encoder, rows: ids.count)
      let results = try configuration.encoderDirections.map { direction in
        try run(
          "encoder.\(layer).\(direction)", x, time: source.count,
          hidden: configuration.directionWidth, reversed: direction == "backward", from: nil)
      }
      encoded.states = output(
        layer, joinRows(results.map(\.outputs), count: source.count), entered: encoded.states)
      encoded.final.append(
        Reference.State(hidden: results.flatMap(\.finalHidden), cell: results.flatMap(\.finalCell)))
    }
    if configuration.reversedSource {
      let width = configuration.stateWidth
      encoded.states = source.indices.reversed().flatMap { Reference.row(encoded.states, $0, width) }
    }
    return encoded
  }

  /// [a ; b ; …] row by row.
  @inlinable
  func joinRows(_ arrays: [[T]], count: Int) -> [T] {
    (0..<count).flatMap { t in arrays.flatMap { Reference.row($0, t, $0.count / count) } }
  }

  /// What the cells of layer `index` read of the rows that enter it, the first of which is that of step `first`.
  @inlinable
  func entering(
    _ index: Int, _ x: [T], _ dropout: [ReferenceDropout<T>.Rows]?, rows: Int, from first: Int = 0
  ) throws -> [T] {
    guard index > 0, let dropout else { return x }
    try Reference.require(dropout, "dropout", configuration.layers - 1)
    return try dropout[index - 1].applied(to: x, rows: rows, from: first)
  }

  /// What layer `index` returns for the states h: with residual connections y = h + x above the first layer, else h.
  @inlinable
  func output(_ index: Int, _ h: [T], entered x: [T]) -> [T] {
    configuration.residual && index > 0 ? zip(h, x).map(+) : h
  }

  /// Layer `prefix` over one sequence x [time, inputWidth].
  @inlinable
  func run(
    _ prefix: String, _ x: [T], time: Int, hidden: Int, reversed: Bool = false,
    from state: Reference.State<T>?
  ) throws -> Reference.RecurrentResult<T> {
    let isLSTM = configuration.cell == .lstm
    let weights = Reference.RecurrentWeights(
      cell: configuration.cell, input: value("\(prefix).input"), recurrent: value("\(prefix).recurrent"),
      bias: value("\(prefix).bias"),
      recurrentBias: configuration.cell == .gru ? value("\(prefix).recurrentBias") : [])
    let inputWidth = weights.input.count / weights.bias.count
    return try Reference.recurrent(
      Reference.RecurrentInput(
        x: x, reversed: reversed, initialHidden: state?.hidden, initialCell: isLSTM ? state?.cell : nil,
        batch: 1, time: time, inputWidth: inputWidth, hidden: hidden),
      weights)
  }

  // MARK: Decoder

  /// s̃ of every step, [inputs.count, readoutWidth], and α of every step.
  @inlinable
  func decode(_ inputs: [Int], _ encoded: Encoded) throws -> (readouts: [T], alignment: [[T]]) {
    if configuration.score != .none, let dropout {
      try Reference.require(dropout.attention, "dropout.attention", inputs.count)
    }
    switch configuration.decoder {
    case .luong: return try decodeLuong(inputs, encoded)
    case .bahdanau: return try decodeBahdanau(inputs, encoded)
    }
  }

  /// embed(y) [embedding] of the token that a step is fed.
  @inlinable
  func embed(_ token: Int, step: Int) throws -> [T] {
    let x = try Reference.embedding(
      value("target.embedding"), ids: [token], vocabulary: targetVocabulary, width: configuration.embedding)
    return try dropout?.target.applied(to: x, rows: 1, from: step, ids: [token]) ?? x
  }

  /// Decoder layer `index` over one step.
  @inlinable
  func step(_ index: Int, _ x: [T], from state: Reference.State<T>) throws -> Reference.State<T> {
    let result = try run("decoder.\(index)", x, time: 1, hidden: configuration.hidden, from: state)
    return Reference.State(hidden: result.finalHidden, cell: result.finalCell)
  }

  /// c [stateWidth] and α of one step's state over the states of a source.
  @inlinable
  func attend(_ state: [T], _ memory: [T], step: Int) throws -> Reference.AttentionResult<T> {
    let (hidden, width) = (configuration.hidden, configuration.stateWidth)
    let length = memory.count / width
    var input = Reference.AttentionInput(
      queries: state, keys: memory, values: memory,
      batch: 1, queryLength: 1, keyLength: length, hidden: hidden, valueWidth: width)
    input.shaping.window = try window(state, step: step, length: length)
    input.shaping.dropout = dropout?.attention[step]
    let score: Reference.Score<T>
    switch configuration.score {
    case .none: preconditionFailure("there is no attention without a score")
    case .dot: score = .dot(scale: 1)
    case .scaledDot: score = .dot(scale: 1 / T.sqrt(T(hidden)))
    case .cosine: score = .cosine(temperature: T(configuration.temperature))
    case .general: score = .general(weight: value("attention.key"), keyWidth: width)
    case .concat, .normedConcat:
      input.queries = try linear(state, "attention.query", rows: 1)
      input.keys = try linear(memory, "attention.key", rows: length)
      let (v, bias) = (value("attention.v"), values["attention.bias"])
      score =
        configuration.score == .concat
        ? .additive(v: v, bias: bias) : .normedAdditive(v: v, gain: value("attention.gain")[0], bias: bias)
    case .location:
      input.keys = []
      score = .location(weight: value("attention.location"))
    }
    return try Reference.attention(input, score: score)
  }

  @inlinable
  func window(_ state: [T], step: Int, length: Int) throws -> Reference.AttentionWindow<T> {
    switch configuration.window {
    case nil: return .global
    case .monotonic(let radius)?:
      return Reference.AttentionWindow(left: radius, right: radius, offsets: [step])
    case .predictive(let radius)?:
      let centres = try Reference.positions(
        state, weight: value("attention.position.weight"), v: value("attention.position.v"),
        lengths: [length], steps: 1, hidden: configuration.hidden)
      return .predictive(centres: centres, radius: radius)
    }
  }

  /// activation(x Wᵀ + b), with W [hidden, width of x].
  @inlinable
  func linear(
    _ x: [T], _ weight: String, bias: String? = nil, activation: Reference.Activation = .none, rows: Int
  ) throws -> [T] {
    let (weight, hidden) = (value(weight), configuration.hidden)
    return try Reference.matrixProduct(
      x, weight,
      Reference.ProductShape(m: rows, n: hidden, k: weight.count / hidden, transposeB: true),
      bias: bias.map(value), activation: activation)
  }

  /// −log p of every target under softmax(W_y s̃ + b_y). A negative target is a mistake here, not a row to skip.
  @inlinable
  func crossEntropy(_ states: [T], targets: [Int]) throws -> Reference.CrossEntropyResult<T> {
    try Reference.requireIndices(targets, "targets", minimum: 0, count: targetVocabulary)
    return try Reference.crossEntropy(
      x: dropout?.output.applied(to: states, rows: targets.count) ?? states,
      weight: value(configuration.tied ? "target.embedding" : "output.weight"),
      bias: value("output.bias"), targets: targets,
      hidden: configuration.readoutWidth, vocabulary: targetVocabulary)
  }
}

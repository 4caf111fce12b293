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
  /// What ``luongModel(_:configuration:sources:targets:start:end:)`` returns.
  public struct LuongModelResult<T: Scalar>: Sendable {
    /// The mean of −log p over all predicted tokens in nats, ends included; 0 without a sentence.
    public var meanCrossEntropy: T
    /// How many tokens were predicted: Σ (target length + 1).
    public var tokenCount: Int
    /// α of each sentence and step over that sentence's source; each step's is empty without attention.
    public var alignments: [[[T]]]

    @inlinable
    init() {
      meanCrossEntropy = 0
      tokenCount = 0
      alignments = []
    }
  }

  /// The model of Luong, Pham, Manning 2015 under teacher forcing ("Luong"), or without attention the plain
  /// encoder-decoder of Sutskever, Vinyals, Le 2014:
  ///
  ///     s[t]  = cell([embed(y[t−1]) ; s̃[t−1]], s[t−1])      s̃[t−1] only with input feeding; s̃ is 0 at first
  ///     α[t]  = softmax over i of score(s[t], h[i])        c[t] = Σᵢ α[t, i] h[i]
  ///     s̃[t]  = tanh(W_c [c[t] ; s[t]] + b_c)              s̃ = s without attention
  ///     ŷ[t]  = softmax(W_y s̃[t] + b_y)
  ///
  /// One sentence after the other, so that no padding exists. Each decoder layer starts from the final state of the
  /// encoder's layer beside it, both directions joined as [→ ; ←].
  ///
  /// - Parameters:
  ///   - parameters: By the names and shapes that ``ReferenceModelConfiguration/parameters(sourceVocabulary:targetVocabulary:)``
  ///     lists; the vocabularies are the embeddings' first sizes.
  ///   - sources: Token ids, a sentence each.
  ///   - targets: Token ids without start and end: the decoder reads [start] + y and is asked for y + [end].
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func luongModel<T: Scalar>(
    _ parameters: [String: ReferenceArray<T>], configuration: ReferenceModelConfiguration,
    sources: [[Int]], targets: [[Int]], start: Int, end: Int
  ) throws -> LuongModelResult<T> {
    try require(targets, "targets", sources.count)
    let model = try LuongModel(parameters, configuration)
    var loss: T = 0
    var result = LuongModelResult<T>()
    for (source, target) in zip(sources, targets) {
      let encoded = try model.encode(source)
      let (states, alignment) = try model.decode([start] + target, encoded)
      let entropy = try model.crossEntropy(states, targets: target + [end])
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
struct LuongModel<T: Reference.Scalar> {
  @usableFromInline let configuration: ReferenceModelConfiguration
  @usableFromInline let sourceVocabulary, targetVocabulary: Int
  @usableFromInline let values: [String: [T]]

  /// h [source length, hidden], and each layer's final (h, c).
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
  init(_ parameters: [String: ReferenceArray<T>], _ configuration: ReferenceModelConfiguration) throws {
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
    var encoded = Encoded(
      states: try Reference.embedding(
        value("source.embedding"), ids: source, vocabulary: sourceVocabulary, width: configuration.embedding))
    for layer in 0..<configuration.layers {
      let results = try configuration.encoderDirections.map { direction in
        try run(
          "encoder.\(layer).\(direction)", encoded.states, time: source.count,
          hidden: configuration.hidden / configuration.encoderDirections.count,
          reversed: direction == "backward", from: nil)
      }
      encoded.states = joinRows(results.map(\.outputs), count: source.count)
      encoded.final.append(
        Reference.State(hidden: results.flatMap(\.finalHidden), cell: results.flatMap(\.finalCell)))
    }
    return encoded
  }

  /// [a ; b ; …] row by row.
  @inlinable
  func joinRows(_ arrays: [[T]], count: Int) -> [T] {
    (0..<count).flatMap { t in arrays.flatMap { Reference.row($0, t, $0.count / count) } }
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

  /// s̃ of every step, [inputs.count, hidden], and α of every step.
  @inlinable
  func decode(_ inputs: [Int], _ encoded: Encoded) throws -> (states: [T], alignment: [[T]]) {
    let hidden = configuration.hidden
    let table = value("target.embedding")
    var layers = encoded.final
    var attentional = [T](repeating: 0, count: hidden)
    var states: [T] = []
    var alignment: [[T]] = []
    for token in inputs {
      var x = try Reference.embedding(
        table, ids: [token], vocabulary: targetVocabulary, width: configuration.embedding)
      if configuration.inputFeeding { x += attentional }
      for layer in 0..<configuration.layers {
        let result = try run("decoder.\(layer)", x, time: 1, hidden: hidden, from: layers[layer])
        layers[layer] = Reference.State(hidden: result.finalHidden, cell: result.finalCell)
        x = result.finalHidden
      }
      let weights: [T]
      (attentional, weights) = try attend(x, encoded.states)
      states += attentional
      alignment.append(weights)
    }
    return (states, alignment)
  }

  /// s̃ = tanh(W_c [c ; s] + b_c) and α; s and nothing without attention.
  @inlinable
  func attend(_ state: [T], _ memory: [T]) throws -> (attentional: [T], alignment: [T]) {
    let hidden = configuration.hidden
    let length = memory.count / hidden
    var input = Reference.AttentionInput(
      queries: state, keys: memory, values: memory,
      batch: 1, queryLength: 1, keyLength: length, hidden: hidden, valueWidth: hidden)
    let score: Reference.Score<T>
    switch configuration.score {
    case .none: return (state, [])
    case .dot: score = .dot(scale: 1)
    case .general: score = .general(weight: value("attention.key"), keyWidth: hidden)
    case .concat:
      input.queries = try project(state, by: "attention.query", rows: 1)
      input.keys = try project(memory, by: "attention.key", rows: length)
      score = .additive(v: value("attention.v"))
    }
    let attended = try Reference.attention(input, score: score)
    let attentional = try Reference.matrixProduct(
      attended.context + state, value("combine.weight"),
      Reference.ProductShape(m: 1, n: hidden, k: 2 * hidden, transposeB: true),
      bias: value("combine.bias"), activation: .tanh)
    return (attentional, attended.alignment)
  }

  /// x Wᵀ, with W [hidden, hidden].
  @inlinable
  func project(_ x: [T], by name: String, rows: Int) throws -> [T] {
    let hidden = configuration.hidden
    return try Reference.matrixProduct(
      x, value(name), Reference.ProductShape(m: rows, n: hidden, k: hidden, transposeB: true))
  }

  // MARK: Output

  /// −log p of every target under softmax(W_y s̃ + b_y). A negative target is a mistake here, not a row to skip.
  @inlinable
  func crossEntropy(_ states: [T], targets: [Int]) throws -> Reference.CrossEntropyResult<T> {
    try Reference.requireIndices(targets, "targets", minimum: 0, count: targetVocabulary)
    return try Reference.crossEntropy(
      x: states, weight: value("output.weight"), bias: value("output.bias"), targets: targets,
      hidden: configuration.hidden, vocabulary: targetVocabulary)
  }
}

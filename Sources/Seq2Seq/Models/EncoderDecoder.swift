import Attention

/// A recurrent encoder-decoder on token ids: Luong's model or Bahdanau's with attention, or the plain one without.
public struct EncoderDecoder: Parameterized {
  public let configuration: ModelConfiguration
  var encoder: RecurrentEncoder
  var decoder: any RecurrentDecoder
  var output: OutputLayer

  /// A model with random weights, which the seed decides.
  ///
  /// - Throws: ``ModelError/configuration(option:expected:found:)``.
  public init(_ configuration: ModelConfiguration, seed: UInt64) throws(ModelError) {
    var generator = SeededGenerator(seed: seed)
    try self.init(configuration, generator: &generator)
    if let range = configuration.initialRange {
      forEachParameter(prefix: "") { $1 = generator.uniform($1.shape, bound: range) }
    }
    if configuration.orthogonal { startOrthogonal(&generator) }
  }

  /// A model whose layers have their own ranges.
  private init(
    _ configuration: ModelConfiguration, generator: inout SeededGenerator
  ) throws(ModelError) {
    do { try KernelRuntime.ready() } catch { throw .kernels("\(error)") }
    try configuration.validate()
    self.configuration = configuration
    encoder = RecurrentEncoder(configuration, generator: &generator)
    decoder = configuration.makeDecoder(generator: &generator)
    output = OutputLayer(configuration, generator: &generator)
  }

  /// A model with the given weights, by name.
  ///
  /// - Throws: ``ModelError/weights(parameter:problem:)`` unless these are exactly the configuration's parameters.
  public init(_ configuration: ModelConfiguration, weights: [String: Tensor]) throws(ModelError) {
    // Before any memory is asked for: a configuration that is not this file's could want far more than there is.
    let output = configuration.tied ? "target.embedding" : "output.weight"
    guard weights[output]?.shape == [configuration.targetVocabulary, configuration.readoutWidth] else {
      let shape = "[\(configuration.targetVocabulary), \(configuration.readoutWidth)]"
      throw .weights(
        parameter: output,
        problem: weights[output].map { "has the shape \($0.shape); expected \(shape)" } ?? "is missing")
    }
    var generator = SeededGenerator(seed: 0)
    try self.init(configuration, generator: &generator)
    var left = weights
    var problem: ModelError?
    forEachParameter(prefix: "") { name, parameter in
      guard let tensor = left.removeValue(forKey: name) else {
        problem = problem ?? .weights(parameter: name, problem: "is missing")
        return
      }
      guard tensor.shape == parameter.shape else {
        let expected = "has the shape \(tensor.shape); expected \(parameter.shape)"
        problem = problem ?? .weights(parameter: name, problem: expected)
        return
      }
      parameter = tensor
    }
    if let problem { throw problem }
    if let name = left.keys.min() {
      throw .weights(parameter: name, problem: "belongs to no layer of this model")
    }
  }

  private init(
    _ configuration: ModelConfiguration, encoder: RecurrentEncoder, decoder: any RecurrentDecoder,
    output: OutputLayer
  ) {
    self.configuration = configuration
    self.encoder = encoder
    self.decoder = decoder
    self.output = output
  }

  /// The same model with an embedding of the source that has these of its rows, one after the other.
  package func embedding(_ ids: [Int32]) -> EncoderDecoder {
    let rows = Matrix(rows: ids.count, columns: configuration.embedding)
    rows.setRows(of: Matrix(encoder.embedding), at: ids)
    var (configuration, encoder) = (configuration, encoder)
    configuration.sourceVocabulary = ids.count
    encoder.embedding = rows.tensor([ids.count, configuration.embedding])
    return EncoderDecoder(configuration, encoder: encoder, decoder: decoder, output: output)
  }

  /// W_y, [V, width of the readout].
  var outputWeight: Tensor { output.weight ?? decoder.embedding }

  public mutating func forEachParameter(
    prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void
  ) {
    encoder.forEachParameter(prefix: prefix + "encoder.", body)
    decoder.forEachParameter(prefix: prefix + "decoder.", body)
    output.forEachParameter(prefix: prefix + "output.", body)
  }
}

/// Pairs of token ids that go through the model together, longest target first.
public struct Batch: Sendable {
  /// Ids of every source, without start and end.
  public let sources: [[Int32]]
  /// Ids of every target, without start and end.
  public let targets: [[Int32]]

  /// What the decoder is fed: a start and the targets, which scheduled sampling replaces in part.
  var inputs: [[Int32]]

  /// For every place in the batch, the place its pair had in what the batch was made from.
  public let order: [Int]

  /// - Parameter pairs: in any order; equal target lengths keep theirs.
  public init(_ pairs: [(source: [Int32], target: [Int32])]) {
    order = pairs.indices.sorted { (pairs[$1].target.count, $0) < (pairs[$0].target.count, $1) }
    sources = order.map { pairs[$0].source }
    targets = order.map { pairs[$0].target }
    inputs = targets.map { [Int32(Vocabulary.start)] + $0 }
    outputs = targets.map { $0 + [Int32(Vocabulary.end)] }
  }

  /// The tokens that the loss counts: those of the targets and an end for each.
  public var tokens: Int { targets.reduce(0) { $0 + $1.count + 1 } }

  /// What the decoder is asked for: the targets and an end. A negative one is not asked for.
  var outputs: [[Int32]]
}

// MARK: - Loss

extension EncoderDecoder {
  private struct Pass {
    let encoder: RecurrentEncoder.Pass
    let decoder: DecoderPass
  }

  private func check(_ batch: Batch) throws(ModelError) {
    try Self.check(batch.sources, vocabulary: configuration.sourceVocabulary)
    try Self.check(batch.targets, vocabulary: configuration.targetVocabulary)
    guard configuration.score == .location else { return }
    let longest = batch.sources.lazy.map(\.count).max() ?? 0
    guard longest <= configuration.maximumLength else {
      throw .tooLong(tokens: longest, limit: configuration.maximumLength)
    }
  }

  func check(source: [Int32]) throws(ModelError) {
    try Self.check([source], vocabulary: configuration.sourceVocabulary)
  }

  private static func check(_ sentences: [[Int32]], vocabulary: Int) throws(ModelError) {
    for sentence in sentences {
      if let id = sentence.first(where: { $0 < 0 || $0 >= vocabulary }) {
        throw .id(Int(id), vocabulary: vocabulary)
      }
    }
  }

  private func forward(_ batch: Batch, dropout: Dropout?, _ precision: Precision) -> Pass {
    let encoded = PackedEncoder(encoder, precision).forward(batch.sources, dropout: dropout)
    return Pass(
      encoder: encoded, decoder: decoder.packed(precision).forward(batch.inputs, encoded, dropout: dropout))
  }

  /// A target that was given, as the model sees it.
  public struct ForcedScore: Sendable {
    /// The log-probabilities of the target's tokens and of the end, in nats.
    public let logProbabilities: [Float]
    /// The attention's weights, [target + 1, source]; nil without attention.
    public let alignment: [[Float]]?

    /// The log-probability of the whole target.
    public var total: Float { Float(sum) }

    /// In double: a long target's sum would otherwise lose the fourth decimal.
    private var sum: Double { logProbabilities.reduce(0) { $0 + Double($1) } }

    /// What a search ranks the target by.
    public func score(_ penalties: Penalties) -> Float {
      Float(penalties.score(sum, steps: logProbabilities.count, alignment: alignment ?? []))
    }
  }

  /// The log-probabilities and alignments of given targets, in the batch's order.
  ///
  /// - Throws: ``ModelError/id(_:vocabulary:)``; with the location score ``ModelError/tooLong(tokens:limit:)``.
  public func scores(_ batch: Batch) throws(ModelError) -> [ForcedScore] {
    try check(batch)
    let pass = forward(batch, dropout: nil, .float32)
    let plan = pass.decoder.plan
    let loss = projectedCrossEntropy(
      pass.decoder.tape.readout, weight: outputWeight, bias: output.bias,
      targets: plan.packed(batch.outputs))
    return batch.targets.indices.map { sentence in
      let rows = (0..<plan.lengths[sentence]).map { plan.row(step: $0, sentence: sentence) }
      let alignment = pass.decoder.tape.attention.map { attention in
        rows.map { attention.alignment.elements(row: $0, count: batch.sources[sentence].count) }
      }
      return ForcedScore(logProbabilities: rows.map { -loss[$0] }, alignment: alignment)
    }
  }

  /// The mean cross entropy of a batch, in nats a token, and its gradient.
  ///
  /// - Parameters:
  ///   - dropoutSeed: decides what dropout drops; nil trains without dropout
  ///   - labelSmoothing: the share of a target's probability, 0 to 1, that is spread over the vocabulary
  ///   - precision: what encoder, attention and decoder round both factors of their weights' products to, forward and
  ///     backward: `float32`, which keeps them, or `bfloat16`. States, sums, the attention itself, the loss with the output
  ///     layer and the gradients are `Float` in both.
  /// - Throws: ``ModelError/id(_:vocabulary:)``, ``ModelError/configuration(option:expected:found:)``; with the location score
  ///   ``ModelError/tooLong(tokens:limit:)``.
  public func lossAndGradient(
    _ batch: Batch, dropoutSeed: UInt64? = nil, labelSmoothing: Float = 0, precision: Precision = .float32
  ) throws(ModelError) -> (loss: Float, gradient: EncoderDecoder) {
    guard labelSmoothing >= 0 && labelSmoothing <= 1 else {
      throw .configuration(option: "labelSmoothing", expected: "0 to 1", found: "\(labelSmoothing)")
    }
    guard precision != .int8 else {
      throw .configuration(option: "precision", expected: "float32 or bfloat16", found: "\(precision)")
    }
    try check(batch)
    guard let dropoutSeed else { return gradients(batch, nil, labelSmoothing, precision) }
    let dropout = Dropout(configuration, seed: dropoutSeed)
    let connect = DropConnect(configuration, seed: dropoutSeed)
    var network = self
    connect?.apply(to: &network)
    var (loss, gradient) = network.gradients(batch, dropout, labelSmoothing, precision)
    connect?.apply(to: &gradient)
    return (loss, gradient)
  }

  private func gradients(_ batch: Batch, _ dropout: Dropout?, _ labelSmoothing: Float, _ precision: Precision)
    -> (loss: Float, gradient: EncoderDecoder)
  {
    let pass = forward(batch, dropout: dropout, precision)
    let plan = pass.decoder.plan
    let readout = dropout.copy(of: pass.decoder.tape.readout, plan, at: .output)
    let head = projectedCrossEntropyGradients(
      readout, weight: outputWeight, bias: output.bias, targets: plan.packed(batch.outputs),
      scale: 1 / Float(batch.tokens), smoothing: labelSmoothing)
    dropout?.apply(head.dx, plan, at: .output)
    let decoded = decoder.backward(head.dx, pass.decoder)
    let encoderGradient = encoder.backward(decoded.states, finals: decoded.finals, pass.encoder)
    let loss = head.loss.reduce(0.0) { $0 + Double($1) } / Double(batch.tokens)
    var decoderGradient = decoded.decoder
    if configuration.tied { decoderGradient.embedding.add(head.weight) }
    let gradient = EncoderDecoder(
      configuration, encoder: encoderGradient, decoder: decoderGradient,
      output: OutputLayer(weight: configuration.tied ? nil : head.weight, bias: head.bias))
    return (Float(loss), gradient)
  }
}

import Attention

/// A recurrent encoder-decoder on token ids: Luong's model with attention, or the plain one without.
public struct EncoderDecoder: Parameterized {
  public let configuration: ModelConfiguration
  var encoder: RecurrentEncoder
  var decoder: LuongDecoder
  var output: Linear

  /// A model with random weights, which the seed decides.
  ///
  /// - Throws: ``ModelError/configuration(option:expected:found:)``.
  public init(_ configuration: ModelConfiguration, seed: UInt64) throws(ModelError) {
    do { try KernelRuntime.ready() } catch { throw .kernels("\(error)") }
    try configuration.validate()
    var generator = SeededGenerator(seed: seed)
    self.configuration = configuration
    encoder = RecurrentEncoder(configuration, generator: &generator)
    decoder = LuongDecoder(configuration, generator: &generator)
    output = Linear(
      inputs: configuration.hidden, outputs: configuration.targetVocabulary, generator: &generator)
  }

  /// A model with the given weights, by name.
  ///
  /// - Throws: ``ModelError/weights(parameter:problem:)`` unless these are exactly the configuration's parameters.
  public init(_ configuration: ModelConfiguration, weights: [String: Tensor]) throws(ModelError) {
    // Before any memory is asked for: a configuration that is not this file's could want far more than there is.
    let output = "output.weight"
    guard weights[output]?.shape == [configuration.targetVocabulary, configuration.hidden] else {
      let shape = "[\(configuration.targetVocabulary), \(configuration.hidden)]"
      throw .weights(
        parameter: output,
        problem: weights[output].map { "has the shape \($0.shape); expected \(shape)" } ?? "is missing")
    }
    try self.init(configuration, seed: 0)
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
    _ configuration: ModelConfiguration, encoder: RecurrentEncoder, decoder: LuongDecoder, output: Linear
  ) {
    self.configuration = configuration
    self.encoder = encoder
    self.decoder = decoder
    self.output = output
  }

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

  /// For every place in the batch, the place its pair had in what the batch was made from.
  public let order: [Int]

  /// - Parameter pairs: in any order; equal target lengths keep theirs.
  public init(_ pairs: [(source: [Int32], target: [Int32])]) {
    order = pairs.indices.sorted { (pairs[$1].target.count, $0) < (pairs[$0].target.count, $1) }
    sources = order.map { pairs[$0].source }
    targets = order.map { pairs[$0].target }
  }

  /// The tokens that the loss counts: those of the targets and an end for each.
  public var tokens: Int { targets.reduce(0) { $0 + $1.count + 1 } }

  var inputs: [[Int32]] { targets.map { [Int32(Vocabulary.start)] + $0 } }
  var outputs: [[Int32]] { targets.map { $0 + [Int32(Vocabulary.end)] } }
}

/// Source sentences as the decoder reads them.
struct EncodedSources {
  let memory: AttentionMemory?
  let initial: [RecurrentState]
}

// MARK: - Loss

extension EncoderDecoder {
  private struct Pass {
    let encoder: RecurrentEncoder.Pass
    let decoder: LuongDecoder.Pass
  }

  private func check(_ batch: Batch) throws(ModelError) {
    try Self.check(batch.sources, vocabulary: configuration.sourceVocabulary)
    try Self.check(batch.targets, vocabulary: configuration.targetVocabulary)
  }

  private static func check(_ sentences: [[Int32]], vocabulary: Int) throws(ModelError) {
    for sentence in sentences {
      if let id = sentence.first(where: { $0 < 0 || $0 >= vocabulary }) {
        throw .id(Int(id), vocabulary: vocabulary)
      }
    }
  }

  private func forward(_ batch: Batch, dropout: Dropout?) -> Pass {
    let encoded = encoder.forward(batch.sources, dropout: dropout)
    let decoded = decoder.forward(
      batch.inputs, initial: encoded.finals, memory: memory(encoded), dropout: dropout)
    return Pass(encoder: encoded, decoder: decoded)
  }

  private func memory(_ encoded: RecurrentEncoder.Pass, precision: Precision = .float32) -> AttentionMemory? {
    guard let attention = decoder.attention else { return nil }
    let plan = encoded.plan
    let states = Matrix(rows: plan.lengths.count * plan.steps, columns: configuration.hidden)
    states.setRows(of: encoded.output, at: plan.paddedRows)
    return attention.memory(
      states, lengths: plan.lengths.map(Int32.init), positions: plan.steps, precision: precision)
  }

  func encode(_ sources: [[Int32]], precision: Precision) -> EncodedSources {
    let pass = encoder.forward(sources, dropout: nil, precision: precision)
    return EncodedSources(memory: memory(pass, precision: precision), initial: pass.finals)
  }

  /// A target that was given, as the model sees it.
  public struct ForcedScore: Sendable {
    /// The log-probabilities of the target's tokens and of the end, in nats.
    public let logProbabilities: [Float]
    /// The attention's weights, [target + 1, source]; nil without attention.
    public let alignment: [[Float]]?

    /// The log-probability of the whole target.
    public var total: Float { logProbabilities.reduce(0, +) }
  }

  /// The log-probabilities and alignments of given targets, in the batch's order.
  ///
  /// - Throws: ``ModelError/id(_:vocabulary:)``.
  public func scores(_ batch: Batch) throws(ModelError) -> [ForcedScore] {
    try check(batch)
    let pass = forward(batch, dropout: nil)
    let plan = pass.decoder.plan
    let loss = projectedCrossEntropy(
      pass.decoder.tape.attentional, weight: output.weight, bias: output.bias,
      targets: plan.packed(batch.outputs))
    return batch.targets.indices.map { sentence in
      let rows = (0..<plan.lengths[sentence]).map { plan.row(step: $0, sentence: sentence) }
      let alignment = pass.decoder.tape.alignment.map { alignment in
        rows.map { alignment.elements(row: $0, count: batch.sources[sentence].count) }
      }
      return ForcedScore(logProbabilities: rows.map { -loss[$0] }, alignment: alignment)
    }
  }

  /// The mean cross entropy of a batch, in nats a token, and its gradient.
  ///
  /// - Parameter dropoutSeed: decides what dropout drops; nil trains without dropout
  /// - Throws: ``ModelError/id(_:vocabulary:)``.
  public func lossAndGradient(_ batch: Batch, dropoutSeed: UInt64? = nil) throws(ModelError)
    -> (loss: Float, gradient: EncoderDecoder)
  {
    try check(batch)
    let dropout = dropoutSeed.flatMap {
      configuration.dropout > 0 ? Dropout(rate: configuration.dropout, seed: $0) : nil
    }
    let pass = forward(batch, dropout: dropout)
    let attentional = dropout.copy(of: pass.decoder.tape.attentional, at: .output)
    let head = projectedCrossEntropyGradients(
      attentional, weight: output.weight, bias: output.bias, targets: pass.decoder.plan.packed(batch.outputs),
      scale: 1 / Float(batch.tokens))
    dropout?.apply(head.dx, at: .output)
    let (decoderGradient, dstates, dinitial) = decoder.backward(head.dx, pass.decoder)
    let encoderGradient = encoder.backward(
      encoderOutputGradient(dstates, pass.encoder), finals: dinitial, pass.encoder)
    let loss = head.loss.reduce(0.0) { $0 + Double($1) } / Double(batch.tokens)
    let gradient = EncoderDecoder(
      configuration, encoder: encoderGradient, decoder: decoderGradient,
      output: Linear(weight: head.weight, bias: head.bias))
    return (Float(loss), gradient)
  }

  /// The attention's gradient of the padded states, as rows in the encoder's order; zero without attention.
  private func encoderOutputGradient(_ dstates: Matrix?, _ pass: RecurrentEncoder.Pass) -> Matrix {
    guard let dstates else {
      return Matrix(rows: pass.plan.rows, columns: configuration.hidden, zeros: true)
    }
    let doutput = Matrix(rows: pass.plan.rows, columns: configuration.hidden)
    doutput.setRows(of: dstates, at: pass.plan.places)
    return doutput
  }
}

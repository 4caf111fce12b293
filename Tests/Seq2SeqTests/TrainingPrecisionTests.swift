import Attention
import Seq2Seq
import TestSupport
import Testing

@Suite("Training with rounded weights") struct TrainingPrecisionTests {
  private func elements(_ gradient: EncoderDecoder) -> [Double] {
    gradient.parameters.flatMap { $0.tensor.elements.map(Double.init) }
  }

  /// Each product changes what goes through it by at most 2 · 2⁻⁹ of its size where nothing cancels, and a gradient went
  /// through a few dozen of them: the steps, forward and backward, of at most three layers. That the whole learns; that
  /// every product is rounded is for the tests below to see.
  @Test(arguments: SmallModel.all)
  func theGradientIsNearThatOfFloats(_ small: SmallModel) throws {
    let model = try small.model(dropout: 0.2)
    func step(_ precision: Precision) throws -> (loss: Float, gradient: EncoderDecoder) {
      try model.lossAndGradient(
        SmallModel.batch, dropoutSeed: 3, labelSmoothing: 0.1, precision: precision)
    }
    let (found, expected) = (try step(.bfloat16), try step(.float32))
    #expect(abs(found.loss - expected.loss) <= 0x1p-4 * expected.loss)
    let pairs = zip(elements(found.gradient), elements(expected.gradient))
    let distance = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    let size = elements(expected.gradient).reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(distance <= 0x1p-3 * size)
  }

  /// Encoder, decoder and attention round every weight, forward and backward: with weights that are rounded already nothing changes,
  /// to the bit. The rows of the location score are the attention's own keys, in Float.
  @Test(arguments: SmallModel.all)
  func everyWeightIsRounded(_ small: SmallModel) throws {
    let model = try small.model()
    var weights = Dictionary(uniqueKeysWithValues: model.parameters)
    for (name, tensor) in weights
    where tensor.shape.count == 2
      && !["embedding", "location"].contains(where: name.hasSuffix) && !name.hasPrefix("output")
    {
      weights[name] = try tensor.roundedToBFloat16()
    }
    let rounded = try EncoderDecoder(model.configuration, weights: weights)
    let found = try model.lossAndGradient(SmallModel.batch, precision: .bfloat16)
    let expected = try rounded.lossAndGradient(SmallModel.batch, precision: .bfloat16)
    #expect(found.loss == expected.loss)
    for (found, expected) in zip(found.gradient.parameters, expected.gradient.parameters) {
      #expect(found.tensor == expected.tensor, "\(found.name)")
    }
  }

  /// A model some of whose weights are zero.
  private func model(_ small: SmallModel, zero: (_ name: String, _ index: Int) -> Bool) throws
    -> EncoderDecoder
  {
    let model = try small.model()
    var weights: [String: Tensor] = [:]
    for (name, tensor) in model.parameters {
      weights[name] = try Tensor(
        tensor.elements.enumerated().map { zero(name, $0.offset) ? 0 : $0.element }, shape: tensor.shape)
    }
    return try EncoderDecoder(model.configuration, weights: weights)
  }

  private func gradient(_ model: EncoderDecoder, source: [Int32]) throws -> [String: Tensor] {
    let batch = Batch([(source: source, target: [])])
    return Dictionary(
      uniqueKeysWithValues: try model.lossAndGradient(batch, precision: .bfloat16).gradient.parameters)
  }

  /// What has a single row to add up is the product of two bfloat16, which have 8 bits each: of its own 24 the last 8 are 0.
  private func expectProducts(
    _ gradient: [String: Tensor], _ names: (String) -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (name, tensor) in gradient where tensor.shape.count == 2 && names(name) {
      let elements = tensor.elements
      #expect(
        elements.allSatisfy { $0.bitPattern & 0xff == 0 } && elements.contains { $0 != 0 },
        "\(name)", sourceLocation: sourceLocation)
    }
  }

  /// Of one token each, source and target, there is one row of everything. A single key has no say in its weight, and a
  /// first state is zero. A maxout readout does not read the last state.
  @Test(arguments: SmallModel.all)
  func weightsGradientsHaveRoundedFactors(_ small: SmallModel) throws {
    expectProducts(try gradient(small.model(), source: [5])) { name in
      !["embedding", "key", "query", "location"].contains { name.hasSuffix($0) } && !name.hasPrefix("output")
        && !(name.hasPrefix("encoder") && name.hasSuffix("recurrent"))
        && !(name.hasPrefix("decoder") && small.configuration.readout == .maxout)
    }
  }

  /// Of two tokens one, whose embedding is zero, leaves no trace: where it is read first the state before the second is zero, and
  /// its key too; where it is read last it reads the state of the first, and adds nothing to the gradient of the input. Both are
  /// looked at, but for the narrowest predicted window, which may hold one alone.
  @Test(
    arguments: SmallModel.all.filter {
      !$0.configuration.bidirectional && $0.configuration.layers == 1
        && $0.configuration.window != .predictive(radius: 1)
    })
  func encodersGradientsHaveRoundedFactors(_ small: SmallModel) throws {
    let model = try model(small) { $0 == "source.embedding" && $1 / small.configuration.embedding == 3 }
    func read(_ tokens: [Int32]) throws -> [String: Tensor] {
      try gradient(model, source: small.configuration.reversedSource ? tokens.reversed() : tokens)
    }
    expectProducts(try read([3, 5])) {
      // The rows of the location score are the attention's own keys, in Float.
      $0.hasPrefix("attention") && !$0.hasSuffix("location") || $0.hasSuffix("forward.input")
    }
    expectProducts(try read([5, 3])) { $0.hasPrefix("encoder") }
  }

  /// A plain cell whose inputs are all zero has a state of zero, where tanh′ is 1: the backward is a chain of products dy W, and
  /// dy, the gradient of a layer's bias, is known to the bit.
  private struct Chain {
    typealias Term = (layer: String, matrix: String, column: Int)
    let name: String
    let weights, gradient: [String: Tensor]

    /// Some elements are those of Σ dy W, from a column of each W on, plus `added`; dy and W are rounded.
    func expect(_ elements: [Float], _ terms: [Term], added: [Float]? = nil) throws {
      var truth = (added ?? elements.map { _ in 0 }).map(Double.init)
      var (magnitudes, factors) = (truth.map(abs), truth.map { _ in 0.0 })
      var count = terms.count
      for term in terms {
        let dy = try gradient["\(term.layer).bias"]!.roundedToBFloat16().elements
        let weight = try weights["\(term.layer).\(term.matrix)"]!.roundedToBFloat16()
        count += dy.count
        for column in elements.indices {
          for (row, dy) in dy.enumerated() {
            let (a, b) = (Double(dy), Double(weight[row, term.column + column]))
            truth[column] += a * b
            magnitudes[column] += abs(a * b)
            factors[column] += abs(a) + abs(b)
          }
        }
      }
      let comparison = Trial("backward in bfloat16", set: try KernelRuntime.instructionSet, shape: name)
        .compare(
          terms.map { "\($0)" }.joined(separator: " + "), elements, truth,
          .flushed(terms: count, magnitudes: magnitudes, factors: factors))
      #expect(comparison.passed && truth.contains { $0 != 0 }, "\(comparison)")
    }

    func bias(_ layers: String...) -> [Float] { layers.flatMap { gradient["\($0).bias"]!.elements } }
    /// The gradient of a token's embedding.
    func embedding(_ table: String, of token: Int) -> [Float] {
      let table = gradient["\(table).embedding"]!
      return (0..<table.shape[1]).map { table[token, $0] }
    }
  }

  private func chain(_ small: SmallModel, source: [Int32]) throws -> Chain {
    let model = try model(small) { name, _ in name.hasSuffix("embedding") }
    return Chain(
      name: small.testDescription, weights: Dictionary(uniqueKeysWithValues: model.parameters),
      gradient: try gradient(model, source: source))
  }

  /// Tied, the output would have no weights either; under global attention a single source has all of it.
  private static let plainCells = SmallModel.all.filter {
    $0.configuration.cell == .rnn && !$0.configuration.residual && !$0.configuration.tied
      && $0.configuration.window == nil
  }

  @Test(arguments: plainCells.filter { $0.configuration.decoder == .luong && $0.configuration.score != nil })
  func luongsChain(_ small: SmallModel) throws {
    let (chain, c) = (try chain(small, source: [5]), small.configuration)
    let directions = c.bidirectional ? ["forward", "backward"] : ["forward"]
    for layer in 0..<c.layers {
      let (isTop, above) = (layer == c.layers - 1, layer + 1)
      let decoder = chain.bias("decoder.\(layer)")
      try chain.expect(decoder, [isTop ? ("combine", "weight", c.hidden) : ("decoder.\(above)", "input", 0)])
      let read: [Chain.Term] =
        isTop ? [("combine", "weight", 0)] : directions.map { ("encoder.\(above).\($0)", "input", 0) }
      try chain.expect(
        directions.flatMap { chain.bias("encoder.\(layer).\($0)") },
        [("decoder.\(layer)", "recurrent", 0)] + read)
    }
    try chain.expect(
      chain.embedding("source", of: 5), directions.map { ("encoder.0.\($0)", "input", 0) })
    try chain.expect(chain.embedding("target", of: Vocabulary.start), [("decoder.0", "input", 0)])
  }

  @Test(arguments: plainCells.filter { $0.configuration.decoder == .bahdanau })
  func bahdanausChain(_ small: SmallModel) throws {
    let (chain, c) = (try chain(small, source: [5]), small.configuration)
    let (h, e, top) = (c.hidden, c.embedding, "encoder.\(c.layers - 1)")
    // The readout reads the state after the cell, or by maxout the one before, which leaves nothing to the cell.
    let readsAfter = c.readout == .tanh
    func cell(_ matrix: String, _ column: Int) -> [Chain.Term] {
      readsAfter ? [("decoder.0", matrix, column)] : []
    }
    if readsAfter { try chain.expect(chain.bias("decoder.0"), [("combine", "weight", 0)]) }
    try chain.expect(chain.bias("start"), readsAfter ? cell("recurrent", 0) : [("combine", "weight", 0)])
    try chain.expect(chain.bias("\(top).forward"), [("combine", "weight", h)] + cell("input", e))
    try chain.expect(
      chain.bias("\(top).backward"),
      [("combine", "weight", 2 * h)] + cell("input", e + h) + [("start", "weight", 0)])
    try chain.expect(
      chain.embedding("source", of: 5),
      [("encoder.0.forward", "input", 0), ("encoder.0.backward", "input", 0)])
    try chain.expect(
      chain.embedding("target", of: Vocabulary.start), [("combine", "weight", 3 * h)] + cell("input", 0))
  }

  /// The gradient of the last step's bias is that of a single step; the first one's comes through the recurrent matrix.
  @Test func encodersSteps() throws {
    let small = try #require(
      Self.plainCells.first { $0.configuration.score == nil && !$0.configuration.bidirectional })
    let (one, two) = (try chain(small, source: [5]), try chain(small, source: [5, 5]))
    try one.expect(
      two.bias("encoder.0.forward"), [("encoder.0.forward", "recurrent", 0)],
      added: one.bias("encoder.0.forward"))
  }

  @Test func int8DoesNotTrain() throws {
    #expect(
      throws: ModelError.configuration(option: "precision", expected: "float32 or bfloat16", found: "int8")
    ) { try SmallModel.all[0].model().lossAndGradient(SmallModel.batch, precision: .int8) }
  }
}

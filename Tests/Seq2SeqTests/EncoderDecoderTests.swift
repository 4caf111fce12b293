import Attention
import AttentionReference
import Seq2Seq
import TestSupport
import Testing

@Suite("The encoder-decoder against its naive twin in double")
struct EncoderDecoderTests {
  private let batch = SmallModel.batch

  /// What the model, whose weights may be others, makes of the batch.
  private func reference(
    _ small: SmallModel, _ weights: [String: ReferenceArray<Double>], _ dropout: ReferenceDropout<Double>?
  ) throws -> Reference.EncoderDecoderResult<Double> {
    try Reference.encoderDecoder(
      weights, configuration: small.reference, sources: batch.sources.map { $0.map(Int.init) },
      targets: batch.targets.map { $0.map(Int.init) }, start: Vocabulary.start, end: Vocabulary.end,
      dropout: dropout)
  }

  private func doubles(_ model: EncoderDecoder) -> [String: ReferenceArray<Double>] {
    var result: [String: ReferenceArray<Double>] = [:]
    for (name, tensor) in model.parameters {
      result[name] = ReferenceArray(shape: tensor.shape, values: tensor.elements.map(Double.init))
    }
    return result
  }

  @Test("loss", arguments: SmallModel.all, Dropping.allCases)
  func loss(small: SmallModel, dropping: Dropping) throws {
    let model = try small.model(dropping: dropping)
    let dropout = try dropping.seed.map { try ReferenceDropout(of: model, batch, seed: $0) }
    let expected = try reference(small, doubles(model), dropout)
    let (loss, _) = try model.lossAndGradient(batch, dropoutSeed: dropping.seed)
    #expect(abs(Double(loss) - expected.meanCrossEntropy) < ModelTolerance.loss)
    if dropping != .nothing { #expect(try model.lossAndGradient(batch).loss != loss) }
  }

  @Test("alignment", arguments: SmallModel.all)
  func alignment(small: SmallModel) throws {
    let model = try small.model()
    let expected = try reference(small, doubles(model), nil)
    for (score, expected) in zip(try model.scores(batch), expected.alignments) {
      guard small.configuration.score != nil else {
        #expect(score.alignment == nil)
        continue
      }
      let alignment = try #require(score.alignment)
      #expect(alignment.count == expected.count)
      for (row, expectedRow) in zip(alignment, expected) {
        #expect(row.count == expectedRow.count)
        for (a, b) in zip(row, expectedRow) { #expect(abs(Double(a) - b) < ModelTolerance.alignment) }
      }
    }
  }

  @Test("a share of smoothing that is none is an error")
  func impossibleSmoothing() throws {
    let model = try SmallModel.all[0].model()
    for share in [-0.1, 1.1, Float.nan] {
      #expect(
        throws: ModelError.configuration(option: "labelSmoothing", expected: "0 to 1", found: "\(share)")
      ) { try model.lossAndGradient(SmallModel.batch, labelSmoothing: share) }
    }
  }

  /// The gradient of a smoothed loss is the plain one's, but for ε (onehot − 1 / V) of every target in its logits: the
  /// bias of the output adds these up.
  @Test("label smoothing", arguments: SmallModel.all)
  func labelSmoothing(small: SmallModel) throws {
    let model = try small.model()
    let (loss, plain) = try model.lossAndGradient(SmallModel.batch)
    let (smoothedLoss, smoothed) = try model.lossAndGradient(SmallModel.batch, labelSmoothing: 0.3)
    #expect(smoothedLoss != loss)
    let targets = SmallModel.batch.targets.flatMap { $0 + [Int32(Vocabulary.end)] }
    func bias(_ gradient: EncoderDecoder) throws -> [Float] {
      try #require(gradient.parameters.first { $0.name == "output.bias" }).tensor.elements
    }
    for (token, (plain, smoothed)) in zip(try bias(plain), try bias(smoothed)).enumerated() {
      let share = Float(targets.filter { $0 == token }.count) / Float(targets.count)
      let expected = plain + 0.3 * (share - 1 / Float(model.configuration.targetVocabulary))
      // Sums of some ten probabilities, below 1.
      #expect(abs(smoothed - expected) < 2e-6)
    }
  }

  /// Dropout is a fixed function for a fixed seed, and the twin drops the same.
  @Test("gradients against central differences", arguments: SmallModel.all, Dropping.allCases)
  func gradients(small: SmallModel, dropping: Dropping) throws {
    let model = try small.model(dropping: dropping)
    let dropout = try dropping.seed.map { try ReferenceDropout(of: model, batch, seed: $0) }
    let (_, gradient) = try model.lossAndGradient(batch, dropoutSeed: dropping.seed)
    var weights = doubles(model)
    var generator = SeededGenerator(seed: 11)
    // So small for maxout that no pair changes sides; rounding then takes 1e-9 of the difference.
    let step = small.configuration.readout == .maxout ? 1e-6 : 1e-5
    for (name, tensor) in gradient.parameters {
      let scale = tensor.elements.reduce(0) { max($0, abs($1)) }
      for _ in 0..<(dropping == .nothing ? 6 : 2) {
        let index = generator.integer(below: tensor.count)
        let kept = weights[name]!.values[index]
        weights[name]!.values[index] = kept + step
        let above = try reference(small, weights, dropout).meanCrossEntropy
        weights[name]!.values[index] = kept - step
        let below = try reference(small, weights, dropout).meanCrossEntropy
        weights[name]!.values[index] = kept
        let expected = (above - below) / (2 * step)
        let error = abs(Double(tensor.elements[index]) - expected)
        #expect(
          error < ModelTolerance.difference(scale: scale),
          "\(name)[\(index)]: \(tensor.elements[index]), \(expected)")
      }
    }
  }

  /// Cells whose weights are 0 stay at 0: their layers return what entered them, whatever is dropped on its way into the cells, as
  /// if they were not there.
  @Test("residual connections pass on what entered, undropped", arguments: SmallModel.residual)
  func residualConnections(small: SmallModel) throws {
    var weights = weights(try small.model())
    // Bahdanau's decoder starts from the top cells' state, not from what their layer returns.
    for (name, tensor) in weights
    where name.contains(".1.") || name.contains(".2.") || name == "start.weight" {
      weights[name] = Tensor(zeros: tensor.shape)
    }
    let stacked = try EncoderDecoder(small.model(dropout: 0.3).configuration, weights: weights)
    var configuration = stacked.configuration
    (configuration.layers, configuration.residual) = (1, false)
    let single = try EncoderDecoder(
      configuration, weights: weights.filter { !$0.key.contains(".1.") && !$0.key.contains(".2.") })
    let found = try stacked.lossAndGradient(SmallModel.batch, dropoutSeed: 77)
    let expected = try single.lossAndGradient(SmallModel.batch, dropoutSeed: 77)
    #expect(found.loss == expected.loss)
    let gradients = self.weights(found.gradient)
    for (name, tensor) in expected.gradient.parameters where name != "start.weight" {
      #expect(gradients[name] == tensor, "\(name)")
    }
  }

  @Test("the same weights with and without residual connections differ", arguments: SmallModel.residual)
  func withoutResidualConnections(small: SmallModel) throws {
    let model = try small.model()
    var configuration = model.configuration
    configuration.residual = false
    let without = try EncoderDecoder(configuration, weights: weights(model))
    let losses = try [model, without].map { try $0.lossAndGradient(SmallModel.batch).loss }
    #expect(losses[0] != losses[1])
  }

  private func weights(_ model: EncoderDecoder) -> [String: Tensor] {
    Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.tensor) })
  }

  /// Tokens that never occur, and that the output gives no chance, change nothing but where products with embeddings are made: once
  /// a token as long as there are fewer than rows, else once a row; where dropout tells a token's rows apart, always once a row.
  @Test(
    "products with embeddings, made by token or by row, are the same", arguments: SmallModel.all,
    [(0, false), (0.3, false), (0.4, true)] as [(dropout: Float, variational: Bool)])
  func embeddingsByToken(small: SmallModel, _ drops: (dropout: Float, variational: Bool)) throws {
    let few = try small.model(dropout: drops.dropout) { $0.variational = drops.variational }
    let many = 40
    var weights = weights(few)
    for name in ["source.embedding", "target.embedding", "output.weight", "output.bias"] {
      guard let tensor = weights[name] else { continue }  // tied
      let shape = [many] + tensor.shape.dropFirst()
      let unused = shape.reduce(1, *) - tensor.count
      let value: Float = name == "output.bias" ? -1e30 : 0
      let wide = try Tensor(tensor.elements + repeatElement(value, count: unused), shape: shape)
      weights[name] = wide
    }
    let large = try EncoderDecoder(few.configuration.sized(source: many, target: many), weights: weights)
    let found = try few.lossAndGradient(SmallModel.batch, dropoutSeed: 77)
    let byRow = try large.lossAndGradient(SmallModel.batch, dropoutSeed: 77)
    #expect(found.loss == byRow.loss)
    let gradients = self.weights(byRow.gradient)
    for (name, tensor) in found.gradient.parameters {
      let scale = tensor.elements.reduce(0) { max($0, abs($1)) }
      // Sums of up to 14 rows, whose terms are at most some times as large.
      for (a, b) in zip(tensor.elements, gradients[name]!.elements) {
        #expect(abs(a - b) <= 0x1p-18 * scale, "\(name)")
      }
    }
  }

  @Test("a batch whose sources are all empty has a loss and finite gradients")
  func emptySources() throws {
    for small in SmallModel.all {
      let (loss, gradient) = try small.model().lossAndGradient(Batch([([], [3, 4]), ([], [5])]))
      #expect(loss.isFinite && loss > 0, "\(small.testDescription)")
      for (name, tensor) in gradient.parameters {
        let isFinite = tensor.elements.allSatisfy { $0.isFinite }
        #expect(isFinite, "\(small.testDescription) \(name)")
      }
    }
  }

  @Test("weights that do not belong to the configuration are refused by name")
  func wrongWeights() throws {
    let model = try SmallModel.all[0].model()
    var weights = weights(model)
    #expect(
      try EncoderDecoder(model.configuration, weights: weights).parameters.map(\.tensor)
        == model.parameters.map(\.tensor))
    var fewer = weights
    fewer["output.bias"] = nil
    #expect(throws: ModelError.weights(parameter: "output.bias", problem: "is missing")) {
      try EncoderDecoder(model.configuration, weights: fewer)
    }
    weights["stranger"] = Tensor(zeros: [1])
    #expect(throws: ModelError.weights(parameter: "stranger", problem: "belongs to no layer of this model")) {
      try EncoderDecoder(model.configuration, weights: weights)
    }
  }

  @Test("a source that the location score has no weights for is refused")
  func tooLongForItsPositions() throws {
    let small = try #require(SmallModel.all.first { $0.configuration.score == .location })
    let model = try small.model()
    let batch = Batch([(source: [Int32](repeating: 3, count: 8), target: [3])])
    #expect(throws: ModelError.tooLong(tokens: 8, limit: 7)) { try model.scores(batch) }
    #expect(throws: ModelError.tooLong(tokens: 8, limit: 7)) { try model.lossAndGradient(batch) }
    let longest = Batch([(source: [Int32](repeating: 3, count: 7), target: [3])])
    #expect(try model.lossAndGradient(longest).loss.isFinite)
  }
}

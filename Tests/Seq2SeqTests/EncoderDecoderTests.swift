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

  /// The gradient of a smoothed loss is the plain one's, but for ε (onehot − 1 / V) of every target in its logits: the
  /// bias of the output adds these up.
  @Test("a share of smoothing that is none is an error")
  func impossibleSmoothing() throws {
    let model = try SmallModel.all[0].model()
    for share in [-0.1, 1.1, Float.nan] {
      #expect(
        throws: ModelError.configuration(option: "labelSmoothing", expected: "0 to 1", found: "\(share)")
      ) { try model.lossAndGradient(SmallModel.batch, labelSmoothing: share) }
    }
  }

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

  /// Sources of one token: a step's only weight, 1, becomes 0 or 1 / (1 − rate), so that a sentence's loss is one of as many as there
  /// are choices, and every choice falls.
  @Test("attention dropout falls on each step's weights by itself, and on nothing that is looked at")
  func attentionDropout() throws {
    let small = try #require(SmallModel.all.first { $0.configuration.score == .dot })
    let model = try small.model { $0.attentionDropout = 0.5 }
    let batch = Batch([(source: [5], target: [3, 4])])
    let losses = try (0..<200).map { try model.lossAndGradient(batch, dropoutSeed: UInt64($0)).loss }
    #expect(Set(losses).count == 8)
    #expect(try model.scores(batch)[0].alignment == [[1], [1], [1]])
    let plain = try small.model().lossAndGradient(batch)
    #expect(try model.lossAndGradient(batch).loss == plain.loss)
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

  @Test("parameters start in the range that is asked for, and fill it", arguments: [0.01, 2] as [Float])
  func initialRange(range: Float) throws {
    for c in [ModelConfiguration.luong(), .bahdanau(), .plain(cell: .gru)] {
      let sized = try c.with { $0.initialRange = range }.sized(source: 50, target: 50)
      let model = try EncoderDecoder(sized, seed: 1)
      for (name, tensor) in model.parameters {
        // The largest of at least 50 draws lies below half of the range once in 2⁵⁰ times.
        let largest = tensor.elements.reduce(0) { max($0, abs($1)) }
        #expect(largest <= range && largest > range / 2, "\(name)")
        #expect(abs(tensor.elements.reduce(0, +)) < 5 * range * Float(tensor.count).squareRoot(), "\(name)")
      }
      #expect(try EncoderDecoder(sized, seed: 1).parameters.map(\.tensor) == model.parameters.map(\.tensor))
    }
  }

  @Test("recurrent matrices start orthogonal, other weights narrow and normal")
  func orthogonalStart() throws {
    let shape = ModelConfiguration.bahdanau(cell: .gruResetBefore, embedding: 30, hidden: 24)
    let sized = try shape.with { $0.orthogonal = true }.sized(source: 50, target: 50)
    let parameters = try EncoderDecoder(sized, seed: 1).parameters
    for (name, tensor) in parameters {
      let kind = name.split(separator: ".").last!
      if kind == "recurrent" {
        for gate in 0..<3 {
          let block = (0..<24).map { row in (0..<24).map { tensor[gate * 24 + row, $0] } }
          for (i, x) in block.enumerated() {
            for (j, y) in block.enumerated() {
              let product = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
              #expect(abs(product - (i == j ? 1 : 0)) < 1e-4, "\(name), rows \(i) and \(j)")
            }
          }
        }
      } else if kind == "bias" || kind == "v" {
        #expect(tensor.elements.allSatisfy { $0 == 0 }, "\(name)")
      } else {
        let narrow: Float = ["query", "key"].contains(kind) ? 0.001 : 0.01
        let count = Float(tensor.count)
        let mean = tensor.elements.reduce(0, +) / count
        let deviation = (tensor.elements.reduce(0) { $0 + $1 * $1 } / count).squareRoot()
        // Standard errors: of the mean deviation/√n, of the deviation deviation/√2n; five of them.
        #expect(abs(mean) < 5 * narrow / count.squareRoot(), "\(name)")
        #expect(abs(deviation - narrow) < 5 * narrow / (2 * count).squareRoot(), "\(name)")
      }
    }
    #expect(try EncoderDecoder(sized, seed: 1).parameters.map(\.tensor) == parameters.map(\.tensor))
  }

  @Test("an orthogonal start keeps what the normed score needs, and forget gates open")
  func orthogonalStartOfOtherModels() throws {
    let shape = ModelConfiguration.luong(score: .normedConcat, cell: .lstm, embedding: 10, hidden: 16)
    let sized = try shape.with { ($0.orthogonal, $0.window) = (true, .predictive(radius: 3)) }
      .sized(source: 9, target: 9)
    let parameters = Dictionary(
      uniqueKeysWithValues: try EncoderDecoder(sized, seed: 1).parameters.map {
        ($0.name, $0.tensor.elements)
      })
    let gain = try #require(parameters.first { $0.key.hasSuffix("gain") }?.value)
    #expect(gain == [0.25])
    let v = try #require(parameters["attention.v"])
    #expect(v.contains { abs($0) > 0.01 })
    let bias = try #require(parameters["decoder.0.bias"])
    #expect(bias == (0..<64).map { 16..<32 ~= $0 ? 1 : 0 })
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

  @Test("configurations that cannot be are refused")
  func wrongConfigurations() {
    let wrong: [(inout ModelConfiguration) -> Void] = [
      { $0.hidden = 0 }, { $0.hidden = 7 }, { $0.layers = 0 }, { $0.embedding = -1 }, { $0.dropout = 1 },
      { $0.dropout = .nan }, { $0.recurrentDropout = 1 },
      { $0.initialRange = 0 }, { $0.initialRange = .infinity },
      { ($0.initialRange, $0.orthogonal) = (0.1, true) }, { $0.variational = true },
      { $0.maximumLength = 0 }, { $0.score = nil }, { $0.hidden = 65_536 },
      { $0.residual = true }, { $0.readout = .maxout },
      { $0.tied = true },
      { $0.window = .monotonic(radius: 0) }, { $0.window = .predictive(radius: -3) },
      { ($0.score, $0.window) = (.location, .monotonic(radius: 3)) }, { $0.scoreTemperature = 0.5 },
      { ($0.score, $0.scoreTemperature) = (.cosine, 0) },
      { ($0.score, $0.scoreTemperature) = (.cosine, .nan) },
      { ($0.score, $0.scoreTemperature) = (.cosine, 0x1p-140) },
      { ($0.score, $0.hidden, $0.maximumLength) = (.location, 2048, 1_000_000) },
      { $0.attentionDropout = 1 }, { $0.attentionDropout = -0.1 }, { $0.attentionDropout = .nan },
      { ($0.score, $0.inputFeeding, $0.attentionDropout) = (nil, false, 0.1) },
      { ($0.score, $0.inputFeeding, $0.window) = (nil, false, .monotonic(radius: 3)) },
    ]
    for change in wrong {
      var configuration = ModelConfiguration.luong()
      change(&configuration)
      #expect(throws: ModelError.self) { try configuration.sized(source: 5, target: 5) }
    }
    let wrongOfBahdanau: [(option: String, (inout ModelConfiguration) -> Void)] = [
      ("score", { $0.score = .dot }), ("score", { $0.score = nil }),
      ("bidirectional", { $0.bidirectional = false }), ("inputFeeding", { $0.inputFeeding = true }),
      ("hidden", { $0.hidden = 20_000 }),
      (
        "hidden",
        {
          $0.readout = .maxout
          $0.hidden = 7
        }
      ),
    ]
    for (option, change) in wrongOfBahdanau {
      var configuration = ModelConfiguration.bahdanau()
      change(&configuration)
      let error = #expect(throws: ModelError.self) { try configuration.sized(source: 5, target: 5) }
      guard case .configuration(option, _, _)? = error else {
        Issue.record("\(option): \(error.map { "\($0)" } ?? "no error")")
        continue
      }
    }
  }
}

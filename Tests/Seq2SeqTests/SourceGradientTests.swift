import AttentionReference
import Seq2Seq
import TestSupport
import Testing

@Suite("The gradient that finds its way to a source")
struct SourceGradientTests {
  private static let models = SmallModel.reversed + SmallModel.tied + SmallModel.windows
  /// The same tokens stand in several places.
  private static let source: [Int32] = [8, 3, 8, 8, 4]
  private static let target: [Int32] = [7, 4, 4]

  /// Those of all tokens and the end add up to that of the sentence's loss.
  @Test("the sum against central differences of the embedding at every place", arguments: models)
  func sum(small: SmallModel) throws {
    let model = try small.model()
    let gradients = try model.sourceGradients(source: Self.source, target: Self.target)
    #expect(gradients.map(\.count) == [5, 5, 5, 5])
    var weights: [String: ReferenceArray<Double>] = [:]
    for (name, tensor) in model.embedding(Self.source).parameters {
      weights[name] = ReferenceArray(shape: tensor.shape, values: tensor.elements.map(Double.init))
    }
    func loss(_ rows: [Double]) throws -> Double {
      weights["source.embedding"]!.values = rows
      let result = try Reference.encoderDecoder(
        weights, configuration: small.reference, sources: [[0, 1, 2, 3, 4]],
        targets: [Self.target.map(Int.init)], start: Vocabulary.start, end: Vocabulary.end)
      return result.meanCrossEntropy * Double(result.tokenCount)
    }
    let rows = weights["source.embedding"]!.values
    let width = small.configuration.embedding
    let sums = rows.indices.map { index in
      gradients.reduce(Float(0)) { $0 + $1[index / width][index % width] }
    }
    let scale = sums.reduce(0) { max($0, abs($1)) }
    let step = small.configuration.readout == .maxout ? 1e-6 : 1e-5
    for index in rows.indices {
      var moved = rows
      moved[index] += step
      let above = try loss(moved)
      moved[index] -= 2 * step
      let expected = (above - (try loss(moved))) / (2 * step)
      // A sum of four losses.
      #expect(abs(Double(sums[index]) - expected) < 4 * ModelTolerance.difference(scale: scale))
    }
  }

  /// The directional derivative along the gradient itself: f(x + hg) − f(x − hg) = 2h |g|².
  @Test("each token's gradient is that of its own log-probability", arguments: models)
  func ofEachToken(small: SmallModel) throws {
    // The loss jumps where a key enters or leaves a predicted window.
    guard small.configuration.window != .predictive(radius: 1) else { return }
    let model = try small.model { $0.initialRange = 0.4 }
    let gradients = try model.sourceGradients(source: Self.source, target: Self.target)
    let (name, batch) = ("source.embedding", Batch([(source: [0, 1, 2, 3, 4], target: Self.target)]))
    for (token, gradient) in gradients.enumerated() {
      let flat = gradient.flatMap { $0 }
      let squared = flat.reduce(0.0) { $0 + Double($1) * Double($1) }
      func loss(at step: Float) throws -> Double {
        var moved = model.embedding(Self.source)
        moved.forEachParameter(prefix: "") { found, parameter in
          guard found == name else { return }
          parameter.withUnsafeMutablePointer { elements in
            for index in flat.indices { elements[index] += step * flat[index] }
          }
        }
        return -Double(try moved.scores(batch)[0].logProbabilities[token])
      }
      // So short a step that maxout's pairs keep their sides; it changes the loss by 2e-4, of which rounding takes a hundredth.
      let step = 1e-4 / squared
      let change = try loss(at: Float(step)) - loss(at: Float(-step))
      #expect(abs(change / (2 * step * squared) - 1) < 0.05, "token \(token): \(change)")
    }
  }

  /// So many copies of the target that they go through the model in two batches, which round otherwise.
  @Test func longTargetsInParts() throws {
    let model = try SmallModel.all[0].model()
    let target = (0..<90).map { Int32(3 + $0 % 5) }
    let gradients = try model.sourceGradients(source: Self.source, target: target)
    #expect(gradients.count == 91 && gradients.allSatisfy { $0.count == 5 })
    // What comes later changes no token's gradient.
    for count in [3, 60, 80] {
      let shorter = try model.sourceGradients(source: Self.source, target: Array(target[..<count]))
      for (one, other) in zip(shorter[count - 1].joined(), gradients[count - 1].joined()) {
        #expect(abs(one - other) <= 1e-5 * (1 + abs(one)))
      }
    }
  }

  @Test func unknownIdsAreRefused() throws {
    let model = try SmallModel.all[0].model()
    for id: Int32 in [9, -1] {
      #expect(throws: ModelError.id(Int(id), vocabulary: 9)) {
        try model.sourceGradients(source: [1, id], target: [3])
      }
    }
    #expect(throws: ModelError.id(8, vocabulary: 8)) {
      try model.sourceGradients(source: [1], target: [8])
    }
    #expect(try model.sourceGradients(source: [], target: [3]) == [[], []])
  }

  private func gradient(_ sentences: [[Double]]..., parts: Int) -> SourceGradient {
    var result = SourceGradient(parts: parts)
    for sentence in sentences { result.add(sentence) }
    return result
  }

  @Test func ratiosByHand() {
    // Places 0, 2 and 4 of five: the means of 2, 3 and 2 tokens over the mean of all.
    let sentence: [[Double]] = [[4, 2, 1, 1, 2], [0, 3, 6, 3, 3], [10, 0, 0, 0, 0]]
    #expect(gradient(sentence, parts: 3).ratios == [1.5, 4.0 / 3, 0])
    // Parts of half a token, and of one and a half: 1.5, and ½ · 4/3, over 1.5.
    #expect(gradient(sentence, parts: 6).ratios == [1.5, 1.5, 4.0 / 3, 4.0 / 3, 0, 0])
    let halves = gradient(sentence, parts: 2).ratios
    #expect(abs(halves[0] - (1.5 + 2.0 / 3) / 1.5) < 1e-12 && abs(halves[1] - 2.0 / 3 / 1.5) < 1e-12)
    // A single token of a target lies in the middle; a single one of the source is everybody's place.
    #expect(gradient([[0, 0, 0, 5, 5]], parts: 1).ratios == [5.0 / 3 / 2])
    #expect(gradient([[7], [3]], parts: 2).ratios == [1, 1])
    // However large they are, sentences count the same.
    let both = gradient([[0, 0, 100, 0, 0]], [[1, 1, 1, 1, 1]], parts: 1)
    #expect(both.sentences == 2 && abs(both.ratios[0] - (5.0 / 3 + 1) / 2) < 1e-12)
  }

  @Test func sizesByHand() {
    // The means of three tokens of the target at five places of the source.
    let sentence: [[Double]] = [[4, 2, 1, 1, 2], [0, 3, 6, 3, 3], [11, 1, 2, 5, 1]]
    #expect(gradient(sentence, parts: 5).sizes == [5, 2, 3, 3, 2])
    #expect(gradient(sentence, parts: 1).sizes == [3])
    #expect(gradient(sentence, [[1, 0, 1, 2, 0]], parts: 5).sizes == [3, 1, 2, 2.5, 1])
    // One place fills all parts.
    #expect(gradient([[7], [3]], parts: 2).sizes == [5, 5])
  }

  /// Without attention less of the gradient comes through the more steps there are; with it the last place is no nearer than the first.
  @Test func aPlainEncoderLosesTheGradientOnItsWay() throws {
    func untrained(_ configuration: ModelConfiguration) throws -> SourceGradient {
      var configuration = configuration
      configuration.bidirectional = false
      let model = try trainer(configuration, pairs: 40).model
      var result = SourceGradient(parts: 5)
      let gradients = try model.network.sourceGradients(
        source: (0..<20).map { Int32(4 + $0 % 3) }, target: [4, 5, 6])
      result.add(gradients.map { $0.map { $0.reduce(0.0) { $0 + Double($1 * $1) }.squareRoot() } })
      return result
    }
    let plain = try untrained(.plain(embedding: 8, hidden: 12)).sizes
    let luong = try untrained(.luong(embedding: 8, hidden: 12)).sizes
    #expect(zip(plain, plain.dropFirst()).allSatisfy { $0 < $1 } && plain[4] > 8 * plain[0])
    #expect(luong[4] < 3 * luong[0])
  }

  @Test func sentencesWithoutGradient() {
    let found = gradient([], [[]], [[1], []], [[.nan, 1]], [[2, 2]], [[.infinity]], parts: 2)
    #expect(found == gradient([[2, 2]], parts: 2) && found.sentences == 1)
    // That nothing arrives is a size, though no ratio.
    let nothing = gradient([[0, 0], [4, 4]], [[1, 3]], parts: 2)
    #expect(nothing.sentences == 2 && nothing.sizes == [1.5, 2.5])
    #expect(nothing.ratios == gradient([[1, 3]], parts: 2).ratios)
    #expect(gradient([[0, 0]], parts: 2).ratios.isEmpty && gradient([[0, 0]], parts: 2).sizes == [0, 0])
    #expect(gradient(parts: 3).ratios.isEmpty && gradient(parts: 3).sizes == [0, 0, 0])
  }

  @Test("a model's is that of its examples' first targets")
  func ofAModel() throws {
    let model = try trainer(pairs: 40).model
    let examples = reversals(20, seed: 3).examples
    var expected = SourceGradient(parts: 4)
    for example in examples {
      let gradients = try model.network.sourceGradients(
        source: model.sourceVocabulary.encode(example.source).map(Int32.init),
        target: model.targetVocabulary.encode(example.targets[0]).map(Int32.init))
      expected.add(
        gradients.dropLast().map { places in
          places.map { place in
            place.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
          }
        })
    }
    #expect(expected.sentences == examples.count && expected.ratios.allSatisfy { $0 > 0 })
    var calls: [Int] = []
    let found = try model.sourceGradient(examples, parts: 4) {
      calls.append($0)
      return true
    }
    #expect(found == expected && calls == Array(1...examples.count))
    #expect(try model.sourceGradient(examples, parts: 4) { $0 < 3 }.sentences == 3)
  }
}

import AttentionReference
import Testing

@Suite struct EncoderDecoderTests {
  typealias Configuration = ReferenceModelConfiguration

  @Test(arguments: ModelSample.every)
  func aBatchIsItsSentences(_ configuration: Configuration) throws {
    let parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    let together = try ModelSample.run(configuration, parameters)
    var loss = 0.0
    for (n, (source, target)) in zip(ModelSample.sources, ModelSample.targets).enumerated() {
      let alone = try ModelSample.run(configuration, parameters, sources: [source], targets: [target])
      #expect(alone.alignments == [together.alignments[n]])
      #expect(alone.tokenCount == target.count + 1)
      loss += alone.meanCrossEntropy * Double(alone.tokenCount)
    }
    expectEqual([together.meanCrossEntropy], [loss / 8])
  }

  @Test(arguments: ModelSample.every)
  func everyParameterCounts(_ configuration: Configuration) throws {
    let parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    let before = try ModelSample.run(configuration, parameters).meanCrossEntropy
    for name in parameters.keys {
      var moved = parameters
      moved[name]?.values = parameters[name]?.values.map { $0 + 0.01 * $0 * $0 } ?? []
      #expect(try ModelSample.run(configuration, moved).meanCrossEntropy != before, "\(name)")
    }
  }

  /// Cells whose weights are 0 stay at 0: their layers return what entered them, as if they were not there.
  @Test(arguments: ModelSample.residual)
  func residualConnectionsPassOnWhatEntered(_ configuration: Configuration) throws {
    var parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    // Bahdanau's decoder starts from the top cells' state, not from what their layer returns.
    for (name, array) in parameters
    where name.contains(".1.") || name.contains(".2.") || name == "start.weight" {
      parameters[name] = ReferenceArray(shape: array.shape, values: array.values.map { _ in 0 })
    }
    var single = configuration
    (single.layers, single.residual) = (1, false)
    let (found, expected) = (
      try ModelSample.run(configuration, parameters), try ModelSample.run(single, parameters)
    )
    #expect(found.meanCrossEntropy == expected.meanCrossEntropy)
    #expect(found.alignments == expected.alignments)
  }

  @Test(arguments: ModelSample.reversed)
  func aReversedSourceIsTheSourceFromItsEnd(_ configuration: Configuration) throws {
    let parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    var straight = configuration
    straight.reversedSource = false
    let found = try ModelSample.run(configuration, parameters)
    let mirrored = try ModelSample.run(
      straight, parameters, sources: ModelSample.sources.map { $0.reversed() })
    expectEqual([found.meanCrossEntropy], [mirrored.meanCrossEntropy])
    for (steps, others) in zip(found.alignments, mirrored.alignments) {
      for (weights, other) in zip(steps, others) { expectEqual(weights, other.reversed()) }
    }
    #expect(try ModelSample.run(straight, parameters).meanCrossEntropy != found.meanCrossEntropy)
  }

  @Test(arguments: ModelSample.tied)
  func tiedEmbeddingsAreAnOutputOfTheSameWeights(_ configuration: Configuration) throws {
    var parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    let found = try ModelSample.run(configuration, parameters)
    var free = configuration
    free.tied = false
    parameters["output.weight"] = parameters["target.embedding"]
    #expect(try ModelSample.run(free, parameters).meanCrossEntropy == found.meanCrossEntropy)
  }

  @Test(arguments: ModelSample.every.filter { $0.score != .none })
  func anEmptySourceAttendsToNothing(_ configuration: Configuration) throws {
    let result = try ModelSample.run(
      configuration, ModelSample.parameters(configuration), sources: [[]], targets: [[2]])
    #expect(result.meanCrossEntropy.isFinite)
    #expect(result.alignments == [[[], []]])
  }

  @Test func noSentenceHasNoLoss() throws {
    let result = try ModelSample.run(
      ModelSample.every[0], ModelSample.parameters(ModelSample.every[0]), sources: [], targets: [])
    #expect(result.meanCrossEntropy == 0)
    #expect(result.tokenCount == 0)
  }

  // Chains of up to 4 steps through 2 layers of cells, each step's sums of at most 15 terms below 1 rounding up to
  // 15 · 16 u; what a step takes in does not grow, the cells being saturating. 8 · 240 u ≈ 1e-4.
  @Test(arguments: ModelSample.every)
  func floatIsCloseToDouble(_ configuration: Configuration) throws {
    let exact = try ModelSample.run(configuration, ModelSample.parameters(configuration))
    let found = try ModelSample.run(configuration, ModelSample.parameters(configuration, of: Float.self))
    expectClose([found.meanCrossEntropy], [exact.meanCrossEntropy], within: { _ in 8 * 240 * u }, "loss")
  }
}

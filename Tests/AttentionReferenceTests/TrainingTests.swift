import AttentionReference
import Foundation
import Testing

@Suite struct EmbeddingTests {
  @Test func gathersRowsAndScattersTheirGradients() throws {
    let y = try Reference.embedding([1.0, 2, 3, 4, 5, 6], ids: [2, 0, 2], vocabulary: 3, width: 2)
    #expect(y == [5, 6, 1, 2, 5, 6])
    let table = try Reference.embeddingBackward(
      [1.0, 2, 10, 20, 100, 200], ids: [2, 0, 2], vocabulary: 3, width: 2)
    #expect(table == [10, 20, 0, 0, 101, 202])
  }

  @Test func backwardMatchesDifferences() throws {
    let (table, dy) = (numbers(12, seed: 1), numbers(15, seed: 2))
    let ids = [3, 0, 3, 3, 1]
    let gradient = try Reference.embeddingBackward(dy, ids: ids, vocabulary: 4, width: 3)
    try expectGradient(gradient, at: table, weights: dy, "table") {
      try Reference.embedding($0, ids: ids, vocabulary: 4, width: 3)
    }
  }

  @Test(arguments: [-1, 3])
  func aTokenOutsideOfTheVocabularyIsNamed(_ id: Int) {
    let error = ReferenceError.outOfRange(argument: "ids", position: 1, value: id, expected: 0...2)
    #expect(throws: error) {
      try Reference.embedding(numbers(6, seed: 3), ids: [0, id], vocabulary: 3, width: 2)
    }
    #expect(throws: error) {
      try Reference.embeddingBackward(numbers(4, seed: 3), ids: [0, id], vocabulary: 3, width: 2)
    }
  }
}

@Suite struct CrossEntropyTests {
  @Test func byHand() throws {
    // Logits (0, ln 3): p = (1/4, 3/4).
    let result: Reference.CrossEntropyResult<Double> = try Reference.crossEntropy(
      x: [1], weight: [0, log(3)], bias: [0, 0], targets: [0], hidden: 1, vocabulary: 2, scale: 2)
    expectEqual([result.loss], [log(4)])
    expectEqual(result.bias, [2 * (0.25 - 1), 2 * 0.75])
    expectEqual(result.weight, [2 * (0.25 - 1), 2 * 0.75])
    expectEqual(result.x, [2 * 0.75 * log(3)])
  }

  @Test func labelSmoothingByHand() throws {
    // p = (1/4, 3/4); the labels are 1 − 0.2 + 0.1 and 0.1.
    let result: Reference.CrossEntropyResult<Double> = try Reference.crossEntropy(
      x: [1], weight: [0, log(3)], bias: [0, 0], targets: [0], hidden: 1, vocabulary: 2, smoothing: 0.2)
    expectEqual([result.loss], [0.9 * log(4) + 0.1 * log(4 / 3)])
    expectEqual(result.bias, [0.25 - 0.9, 0.75 - 0.1])
  }

  @Test func aSkippedRowIsUnread() throws {
    let (x, weight, bias) = (numbers(6, seed: 1), numbers(15, seed: 2), numbers(5, seed: 3))
    let kept = try Reference.crossEntropy(
      x: x, weight: weight, bias: bias, targets: [4, 0], hidden: 3, vocabulary: 5)
    let skipping = try Reference.crossEntropy(
      x: x[..<3] + [.nan, .nan, .nan] + x[3...], weight: weight, bias: bias, targets: [4, -1, 0], hidden: 3,
      vocabulary: 5)
    #expect(skipping.count == 2)
    #expect(skipping.losses == [kept.losses[0], 0, kept.losses[1]])
    #expect(skipping.x == kept.x[..<3] + [0, 0, 0] + kept.x[3...])
    #expect(skipping.weight == kept.weight)
    #expect(skipping.bias == kept.bias)
  }

  @Test func largeLogitsStayFinite() throws {
    let result: Reference.CrossEntropyResult<Float> = try Reference.crossEntropy(
      x: [1], weight: [1e30, -1e30], bias: [0, 0], targets: [1], hidden: 1, vocabulary: 2)
    #expect(result.loss == 2e30)
    #expect(result.bias == [1, -1])
  }

  @Test(arguments: [0, 0.3])
  func backwardMatchesDifferences(smoothing: Double) throws {
    let (x, weight, bias) = (numbers(12, seed: 4), numbers(15, seed: 5), numbers(5, seed: 6))
    let targets = [2, -1, 0, 4]
    let scale = 0.5
    func run(
      _ x: [Double], _ weight: [Double], _ bias: [Double]
    ) throws -> Reference.CrossEntropyResult<Double> {
      try Reference.crossEntropy(
        x: x, weight: weight, bias: bias, targets: targets, hidden: 3, vocabulary: 5, scale: scale,
        smoothing: smoothing)
    }
    let gradient = try run(x, weight, bias)
    try expectGradient(gradient.x, at: x, weights: [scale], "x") { [try run($0, weight, bias).loss] }
    try expectGradient(gradient.weight, at: weight, weights: [scale], "W") { [try run(x, $0, bias).loss] }
    try expectGradient(gradient.bias, at: bias, weights: [scale], "b") { [try run(x, weight, $0).loss] }
  }

  // A logit of H = 3 products below 1 and a bias is off by 4 (3 + 2) u; the difference to the log-sum twice that;
  // the sum of V = 5 exponentials and the loss itself, below 10, add (5 + 10) u.
  @Test func floatIsCloseToDouble() throws {
    let (x, weight, bias) = (numbers(12, seed: 4), numbers(15, seed: 5), numbers(5, seed: 6))
    let targets = [2, 1, 0, 4]
    let exact = try Reference.crossEntropy(
      x: x, weight: weight, bias: bias, targets: targets, hidden: 3, vocabulary: 5)
    let found = try Reference.crossEntropy(
      x: floats(x), weight: floats(weight), bias: floats(bias), targets: targets, hidden: 3, vocabulary: 5)
    expectClose(found.losses, exact.losses, within: { _ in (40 + 15) * u })
  }

  @Test func aTargetOutsideOfTheVocabularyIsNamed() {
    #expect(
      throws: ReferenceError.outOfRange(argument: "targets", position: 1, value: 2, expected: Int.min...1)
    ) {
      try Reference.crossEntropy(
        x: [0.0, 0], weight: [0, 0], bias: [0, 0], targets: [-1, 2], hidden: 1, vocabulary: 2)
    }
  }
}

@Suite struct OptimizerTests {
  @Test func twoStepsOfAdamByHand() throws {
    // A large ε tells "outside of the root" from inside.
    let settings = Reference.AdamSettings(learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 0.5)
    var (p, m, v) = ([3.0], [0.0], [0.0])
    try Reference.adam(&p, firstMoment: &m, secondMoment: &v, gradients: [2], step: 1, settings: settings)
    // m̂ = 2, v̂ = 4.
    let first = 3 - 0.1 * 2 / (2 + 0.5)
    expectClose(p, [first], within: { _ in 1e-14 })
    try Reference.adam(&p, firstMoment: &m, secondMoment: &v, gradients: [-4], step: 2, settings: settings)
    expectEqual(m, [0.9 * 0.2 - 0.4])
    expectEqual(v, [0.999 * 0.004 + 0.016])
    // 1 − β₂² = 0.001999 cancels three digits of β₂: some 1000 roundings of v̂.
    let second = first - 0.1 * (-0.22 / 0.19) / ((0.019996 / 0.001999).squareRoot() + 0.5)
    expectClose(p, [second], within: { _ in 1e-13 })
  }

  @Test func weightDecayByHand() throws {
    // Adam's own step does not see the decay: it moves p as if there were none, beside it.
    let settings = Reference.AdamSettings(learningRate: 0.1, epsilon: 0.5, weightDecay: 0.2)
    var (p, m, v) = ([3.0], [0.0], [0.0])
    try Reference.adam(&p, firstMoment: &m, secondMoment: &v, gradients: [2], step: 1, settings: settings)
    expectClose(p, [3 - 0.1 * 2 / (2 + 0.5) - 0.1 * 0.2 * 3], within: { _ in 1e-14 })
  }

  @Test func twoStepsOfMomentumByHand() throws {
    var (p, v) = ([3.0], [0.0])
    try Reference.gradientDescent(
      &p, velocity: &v, gradients: [2], learningRate: 0.1, momentum: 0.5, weightDecay: 0.2)
    let first = 3 - 0.1 * 2 - 0.1 * 0.2 * 3
    expectClose(p, [first], within: { _ in 1e-14 })
    try Reference.gradientDescent(
      &p, velocity: &v, gradients: [-4], learningRate: 0.1, momentum: 0.5, weightDecay: 0.2)
    expectEqual(v, [-3])
    expectClose(p, [first + 0.3 - 0.02 * first], within: { _ in 1e-14 })
  }

  @Test func twoStepsOfAdadeltaByHand() throws {
    var (p, squares, steps) = ([3.0], [0.0], [0.0])
    func step(_ g: Double) throws {
      try Reference.adadelta(
        &p, squares: &squares, steps: &steps, gradients: [g], learningRate: 2, decay: 0.5, epsilon: 0.25,
        weightDecay: 0.1)
    }
    // E[g²] = 2, Δ = √(0.25 / 2.25) · 2 = 2/3.
    try step(2)
    expectClose(squares + steps, [2, 2.0 / 9], within: { _ in 1e-15 })
    expectClose(p, [3 - 2 * (2.0 / 3 + 0.3)], within: { _ in 1e-14 })
    let first = p[0]
    // E[g²] = 9, Δ = √((2/9 + 1/4) / 9.25) · −4.
    try step(-4)
    let delta = -4 * ((17.0 / 36) / 9.25).squareRoot()
    expectClose(squares + steps, [9, 1.0 / 9 + delta * delta / 2], within: { _ in 1e-14 })
    expectClose(p, [first - 2 * (delta + 0.1 * first)], within: { _ in 1e-14 })
  }

  @Test func aStepBeforeTheFirstIsNamed() {
    var (p, m, v) = ([3.0], [0.0], [0.0])
    #expect(throws: ReferenceError.outOfRange(argument: "step", position: 0, value: 0, expected: 1...Int.max))
    {
      try Reference.adam(&p, firstMoment: &m, secondMoment: &v, gradients: [2], step: 0)
    }
    #expect(p == [3])
  }

  @Test func clippingScalesAllGradientsTogether() {
    var gradients = [[3.0], [0, 4]]
    #expect(Reference.globalNorm(gradients) == 5)
    #expect(Reference.clip(&gradients, toNorm: 10) == 5)
    #expect(gradients == [[3], [0, 4]])
    #expect(Reference.clip(&gradients, toNorm: 2.5) == 5)
    #expect(gradients == [[1.5], [0, 2]])
  }

  @Test func gradientsWithoutAFiniteNormStay() {
    var gradients = [[Double.infinity, 1]]
    #expect(Reference.clip(&gradients, toNorm: 1) == .infinity)
    #expect(gradients == [[.infinity, 1]])
  }
}

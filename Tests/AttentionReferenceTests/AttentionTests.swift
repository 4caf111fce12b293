import AttentionReference
import Foundation
import Testing

/// Attention by hand: small cases whose numbers a reader can follow.
@Suite struct AttentionTests {
  typealias Input = Reference.AttentionInput<Double>
  typealias Shaping = Reference.AttentionShaping<Double>
  typealias Score = Reference.Score<Double>

  /// One query of width 1 over keys of width 1, so that the dot score's scores are query · key.
  static func input(query: Double = 1, keys: [Double], values: [Double], _ shaping: Shaping = Shaping())
    -> Input
  {
    Input(
      queries: [query], keys: keys, values: values, batch: 1, queryLength: 1, keyLength: keys.count,
      hidden: 1,
      valueWidth: 1, shaping: shaping)
  }

  // MARK: Scores

  @Test func dot() throws {
    // Scores 2 · (0, ln 3 / 2) give the weights 1/4 and 3/4.
    let input = Input(
      queries: [1, 0], keys: [0, 7, log(3) / 2, -7], values: [4, 8], batch: 1, queryLength: 1, keyLength: 2,
      hidden: 2, valueWidth: 1)
    let result = try Reference.attention(input, score: .dot(scale: 2))
    expectEqual(result.alignment, [0.25, 0.75])
    expectEqual(result.context, [7])
    expectEqual(result.logSumExp, [log(4)])
  }

  @Test func everyScore() throws {
    func scores(_ score: Score, _ query: [Double], _ keys: [Double]) throws -> [Double] {
      let input = Input(
        queries: query, keys: keys, values: [0, 0], batch: 1, queryLength: 1, keyLength: 2,
        hidden: query.count,
        valueWidth: 1)
      return try Reference.attentionScores(input, score: score, at: .raw)
    }
    // 3·4 + 4·3 over 5 · 5; opposite directions; both over the temperature.
    expectEqual(try scores(.cosine(temperature: 0.5), [3, 4], [4, 3, -6, -8]), [48 / 25, -2])
    // W k = (1·1 + 2·5, 3·1 + 4·5) = (11, 23) and (−11, −23).
    expectEqual(try scores(.general(weight: [1, 2, 3, 4], keyWidth: 2), [2, -1], [1, 5, -1, -5]), [-1, 1])
    // 2 tanh(q + k) is 0 and 2 · 1/2; with b = −q the sums are k.
    expectEqual(try scores(.additive(v: [2]), [0.3], [-0.3, atanh(0.5) - 0.3]), [0, 1])
    expectEqual(try scores(.additive(v: [2], bias: [-0.3]), [0.3], [0, atanh(0.5)]), [0, 1])
    // v̂ = (0.6, 0.8), g = 10.
    expectEqual(
      try scores(.normedAdditive(v: [3, 4], gain: 10), [0, 0], [atanh(0.5), 0, 0, atanh(0.25)]), [3, 2])
    // Rows of W; the third has no key.
    expectEqual(try scores(.location(weight: [1, 2, 3, 4, 5, 6]), [10, 1], []), [12, 34])
  }

  @Test func generalIsDotOverProjectedKeys() throws {
    let sample = AttentionSample(.general, .everything)
    guard case .general(let weight, let keyWidth) = sample.score else { return }
    var projected = sample.input
    projected.keys = try Reference.matrixProduct(
      projected.keys, weight, Reference.ProductShape(m: 16, n: 3, k: keyWidth, transposeB: true))
    let expected = try Reference.attention(projected, score: .dot(scale: 1))
    #expect(try sample.result().context == expected.context)
    #expect(try sample.result().alignment == expected.alignment)
  }

  // MARK: From score to weight

  @Test func scoresByStage() throws {
    let shaping = Shaping(softcap: 2, bias: [1, 1, -.infinity], allowed: [true, false, true])
    let input = Self.input(query: 2, keys: [1, 2, 3], values: [0, 0, 0], shaping)
    func scores(_ stage: Reference.ScoreStage) throws -> [Double] {
      try Reference.attentionScores(input, score: .dot(scale: 0.5), at: stage)
    }
    expectEqual(try scores(.raw), [1, 2, 3])
    expectEqual(try scores(.capped), [2 * tanh(0.5), 2 * tanh(1), 2 * tanh(1.5)])
    expectEqual(try scores(.masked), [2 * tanh(0.5) + 1, -.infinity, -.infinity])
  }

  @Test func softcapComesBeforeBias() throws {
    // 1 · tanh(±1e3) = ±1, and a bias of 2 ln 3 on the other side: e⁻¹ · 9 against e, not e⁻¹⁰⁰⁰ against e¹⁰⁰⁰.
    let input = Self.input(
      keys: [-1e3, 1e3], values: [1, 0], Shaping(softcap: 1, bias: [2 * log(3), 0]))
    expectEqual(
      try Reference.attention(input, score: .dot(scale: 1)).context, [9 * exp(-1) / (9 * exp(-1) + exp(1))])
  }

  @Test func biasMultipliesWeights() throws {
    let input = Self.input(
      query: 0, keys: [0, 0, .nan], values: [10, 20, .nan], Shaping(bias: [0, log(4), -.infinity]))
    let result = try Reference.attention(input, score: .dot(scale: 1))
    expectEqual(result.alignment, [0.2, 0.8, 0])
    expectEqual(result.context, [18])
    expectEqual(result.logSumExp, [log(5)])
  }

  @Test func predictiveWindow() throws {
    // p = 1.25, D = 1: keys 1 and 2 of five, with the weights 1/4 and 3/4 times exp(−2 (i − p)²).
    let input = Self.input(
      keys: [9, 0, log(3), 9, 9], values: [1, 10, 100, 1, 1],
      Shaping(window: .predictive(centres: [1.25], radius: 1)))
    let result = try Reference.attention(input, score: .dot(scale: 1))
    let weights = [0.25 * exp(-2 * 0.0625), 0.75 * exp(-2 * 0.5625)]
    expectEqual(result.weights, [0, 0.25, 0.75, 0, 0])
    expectEqual(result.alignment, [0] + weights + [0, 0])
    expectEqual(result.context, [10 * weights[0] + 100 * weights[1]])
    expectEqual(result.logSumExp, [log(4)])
  }

  /// p + D is just below 2, where Float has no number.
  @Test func windowsDoNotRound() throws {
    let input = Reference.AttentionInput<Float>(
      queries: [0], keys: [0, 0, 0, 0], values: [1, 1, 1, 1], batch: 1, queryLength: 1, keyLength: 4,
      hidden: 1,
      valueWidth: 1, shaping: .init(window: .predictive(centres: [-1e-9], radius: 2)))
    #expect(try Reference.attention(input, score: .dot(scale: 1)).weights == [0.5, 0.5, 0, 0])
  }

  @Test func positionsByHand() throws {
    // sigmoid(ln 3) = 3/4 of a source of 8; tanh(atanh(0.5)) · 2 ln 3 = ln 3.
    expectEqual(
      try Reference.positions(
        [atanh(0.5), 0], weight: [1], v: [2 * log(3)], lengths: [8, 6], steps: 1, hidden: 1), [6, 3])
  }

  @Test func dropoutIsBehindTheAlignment() throws {
    let input = Self.input(
      keys: [0, log(3)], values: [.nan, 8], Shaping(dropout: [0, 2]))
    let result = try Reference.attention(input, score: .dot(scale: 1))
    expectEqual(result.alignment, [0.25, 0.75])
    expectEqual(result.context, [12])
    let gradient = try Reference.attentionBackward([1], result, input, score: .dot(scale: 1))
    // dα = (0, 2 · 8), Σ α dα = 12: ds = (1/4 · −12, 3/4 · 4).
    expectEqual(gradient.bias, [-3, 3])
    expectEqual(gradient.values, [0, 1.5])
  }

  /// exp(−1000) is 0: such a weight's value is not read, forward or backward.
  @Test func aWeightOfZeroIsMasked() throws {
    let input = Self.input(keys: [0, -1000], values: [5, .nan])
    let result = try Reference.attention(input, score: .dot(scale: 1))
    #expect(result.context == [5])
    let gradient = try Reference.attentionBackward([1], result, input, score: .dot(scale: 1))
    #expect(gradient.values == [1, 0] && gradient.keys == [0, 0] && gradient.queries == [0])
  }

  // MARK: Precision and mistakes

  // A score of H = 3 terms below 1 is off by δ ≤ 3 (3 + 4) u, its weight by a relative 2δ + (Tk + 9) u (the bound
  // of the softmax), a context of Tk weights on values below 1 by Tk u more.
  @Test(arguments: [AttentionSample.Kind.dot, .additive])
  func floatIsCloseToDouble(_ kind: AttentionSample.Kind) throws {
    let sample = AttentionSample(kind, .lengths)
    let input = sample.input
    let narrow = Reference.AttentionInput<Float>(
      queries: floats(input.queries), keys: floats(input.keys), values: floats(input.values),
      lengths: input.lengths, batch: 2, heads: 4, keyHeads: 2, queryLength: 3, keyLength: 4, hidden: 3,
      valueWidth: 2)
    let score: Reference.Score<Float> =
      kind == .dot ? .dot(scale: 1) : .additive(v: floats(numbers(3, seed: 8)))
    let exact = try sample.result()
    let found = try Reference.attention(narrow, score: score)
    expectClose(found.context, exact.context, within: { _ in (42 + 13 + 4) * u }, "context")
    expectClose(
      found.alignment, exact.alignment, within: { (42 + 13) * u * exact.alignment[$0] }, "alignment")
  }

  @Test func mistakesAreNamed() {
    let sample = AttentionSample(.dot, .everything).input
    func expect(
      _ error: ReferenceError, score: Score = .dot(scale: 1), _ change: (inout Input) -> Void = { _ in }
    ) {
      var input = sample
      change(&input)
      #expect(throws: error) { try Reference.attention(input, score: score) }
      #expect(throws: error) { try Reference.attentionScores(input, score: score, at: .raw) }
    }
    expect(.shape(argument: "v", expected: [3], count: 2), score: .additive(v: [0, 0]))
    expect(
      .shape(argument: "score bias", expected: [3], count: 1), score: .additive(v: [0, 0, 0], bias: [0]))
    expect(
      .shape(argument: "keys", expected: [2, 2, 4, 5], count: 48),
      score: .general(weight: numbers(15, seed: 1), keyWidth: 5))
    expect(
      .shape(argument: "weight", expected: [4, 3], count: 9), score: .location(weight: numbers(9, seed: 1)))
    expect(.configuration("'temperature' is 0.0; expected more than 0"), score: .cosine(temperature: 0))
    expect(.outOfRange(argument: "lengths", position: 1, value: -1, expected: 0...4)) {
      $0.lengths = [4, -1]
    }
    expect(.shape(argument: "bias", expected: [2, 4, 3, 4], count: 1)) { $0.shaping.bias = [0] }
    expect(.shape(argument: "allowed", expected: [2, 4, 3, 4], count: 1)) { $0.shaping.allowed = [true] }
    expect(.shape(argument: "dropout", expected: [2, 4, 3, 4], count: 1)) { $0.shaping.dropout = [1] }
    expect(.shape(argument: "offsets", expected: [2], count: 1)) { $0.shaping.window.offsets = [1] }
    expect(.shape(argument: "centres", expected: [2, 4, 3], count: 1)) { $0.shaping.window.centres = [1] }
    expect(.configuration("'softcap' is 0.0; expected more than 0")) { $0.shaping.softcap = 0 }
    expect(.configuration("'deviation' is 0.0; expected more than 0")) {
      $0.shaping.window = .predictive(centres: AttentionSample.centres, radius: 0)
    }
    expect(.configuration("heads is 4, keyHeads 3; expected a multiple, both at least 1")) { $0.keyHeads = 3 }
  }
}

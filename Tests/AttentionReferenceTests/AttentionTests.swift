import AttentionReference
import Foundation
import Testing

@Suite struct AttentionTests {
  typealias Input = Reference.AttentionInput<Double>
  typealias Score = Reference.Score<Double>

  enum Kind: CaseIterable { case dot, scaledDot, general, additive }

  // B 3, Tq 2, Tk 4, H 3, D 2; the general score's keys are 5 wide. One source is whole, one short, one empty.
  static let lengths = [4, 2, 0]

  static func score(_ kind: Kind) -> Score {
    switch kind {
    case .dot: .dot(scale: 1)
    case .scaledDot: .dot(scale: 0.5)
    case .general: .general(weight: numbers(15, seed: 9), keyWidth: 5)
    case .additive: .additive(v: numbers(3, seed: 8))
    }
  }

  static func input(_ kind: Kind, lengths: [Int]? = lengths) -> Input {
    Input(
      queries: numbers(3 * 2 * 3, seed: 1), keys: numbers(3 * 4 * (kind == .general ? 5 : 3), seed: 2),
      values: numbers(3 * 4 * 2, seed: 3), lengths: lengths,
      batch: 3, queryLength: 2, keyLength: 4, hidden: 3, valueWidth: 2)
  }

  static let contextGradient = numbers(3 * 2 * 2, seed: 4)

  // MARK: By hand

  @Test func dotByHand() throws {
    // Scores 2 · (0, ln 3 / 2) give the weights 1/4 and 3/4.
    let input = Input(
      queries: [1, 0], keys: [0, 7, log(3) / 2, -7], values: [4, 8], batch: 1, queryLength: 1, keyLength: 2,
      hidden: 2, valueWidth: 1)
    let result = try Reference.attention(input, score: .dot(scale: 2))
    expectEqual(result.alignment, [0.25, 0.75])
    expectEqual(result.context, [7])
  }

  @Test func additiveByHand() throws {
    // 2 tanh(q + k) is 0 and 2 · 1/2.
    let input = Input(
      queries: [0.3], keys: [-0.3, atanh(0.5) - 0.3], values: [0, 1], batch: 1, queryLength: 1, keyLength: 2,
      hidden: 1, valueWidth: 1)
    let result = try Reference.attention(input, score: .additive(v: [2]))
    expectEqual(result.context, [exp(1) / (1 + exp(1))])
  }

  @Test func generalIsDotOverProjectedKeys() throws {
    let general = Self.input(.general)
    guard case .general(let weight, let keyWidth) = Self.score(.general) else { return }
    var dot = general
    dot.keys = try Reference.matrixProduct(
      general.keys, weight, Reference.ProductShape(m: 12, n: 3, k: keyWidth, transposeB: true))
    let found = try Reference.attention(general, score: Self.score(.general))
    let expected = try Reference.attention(dot, score: .dot(scale: 1))
    #expect(found.context == expected.context)
    #expect(found.alignment == expected.alignment)
  }

  // MARK: Masks

  @Test(arguments: Kind.allCases)
  func maskedPlacesReachNothing(_ kind: Kind) throws {
    let clean = Self.input(kind)
    var dirty = clean
    let keyWidth = kind == .general ? 5 : 3
    for (b, length) in Self.lengths.enumerated() {
      for i in length..<4 {
        for j in 0..<keyWidth { dirty.keys[(4 * b + i) * keyWidth + j] = .nan }
        for j in 0..<2 { dirty.values[(4 * b + i) * 2 + j] = .infinity }
      }
    }
    let score = Self.score(kind)
    let expected = try Reference.attention(clean, score: score)
    let found = try Reference.attention(dirty, score: score)
    #expect(found.context == expected.context)
    #expect(found.alignment == expected.alignment)

    let dcontext = Self.contextGradient
    let expectedGradient = try Reference.attentionBackward(dcontext, expected, clean, score: score)
    let foundGradient = try Reference.attentionBackward(dcontext, found, dirty, score: score)
    #expect(foundGradient.queries == expectedGradient.queries)
    #expect(foundGradient.keys == expectedGradient.keys)
    #expect(foundGradient.values == expectedGradient.values)
    #expect(foundGradient.scoreParameter == expectedGradient.scoreParameter)
  }

  @Test(arguments: Kind.allCases)
  func anEmptySourceGivesZeros(_ kind: Kind) throws {
    var input = Self.input(kind)
    input.queries.replaceSubrange(12..<18, with: Array(repeating: .nan, count: 6))
    let result = try Reference.attention(input, score: Self.score(kind))
    #expect(result.context[8...].allSatisfy { $0 == 0 })
    #expect(result.alignment[16...].allSatisfy { $0 == 0 })
    #expect(result.context[..<8].allSatisfy { $0 != 0 })

    let gradient = try Reference.attentionBackward(
      Self.contextGradient, result, input, score: Self.score(kind))
    #expect(gradient.queries[12...].allSatisfy { $0 == 0 })
    #expect(gradient.values[16...].allSatisfy { $0 == 0 })
    #expect(gradient.scoreParameter.allSatisfy { $0.isFinite })
  }

  @Test(arguments: Kind.allCases)
  func weightsOfAReadSourceSumToOne(_ kind: Kind) throws {
    let alignment = try Reference.attention(Self.input(kind), score: Self.score(kind)).alignment
    for t in 0..<4 {
      let weights = alignment[4 * t..<4 * t + 4]
      expectEqual([weights.reduce(0, +)], [1])
      #expect(weights.dropFirst(Self.lengths[t / 2]).allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: Kind.allCases)
  func raggedIsEachSourceAlone(_ kind: Kind) throws {
    let input = Self.input(kind)
    let keyWidth = kind == .general ? 5 : 3
    let together = try Reference.attention(input, score: Self.score(kind))
    for (b, length) in Self.lengths.enumerated() {
      let alone = Input(
        queries: Array(input.queries[6 * b..<6 * b + 6]),
        keys: Array(input.keys[4 * keyWidth * b..<4 * keyWidth * b + length * keyWidth]),
        values: Array(input.values[8 * b..<8 * b + 2 * length]),
        batch: 1, queryLength: 2, keyLength: length, hidden: 3, valueWidth: 2)
      let context = try Reference.attention(alone, score: Self.score(kind)).context
      #expect(Array(together.context[4 * b..<4 * b + 4]) == context)
    }
  }

  // MARK: Gradients

  @Test(arguments: Kind.allCases, [AttentionTests.lengths, nil])
  func backwardMatchesDifferences(_ kind: Kind, _ lengths: [Int]?) throws {
    let input = Self.input(kind, lengths: lengths)
    let score = Self.score(kind)
    let gradient = try Reference.attentionBackward(
      Self.contextGradient, Reference.attention(input, score: score), input, score: score)
    for (name, field, analytic) in [
      ("queries", \Input.queries, gradient.queries), ("keys", \.keys, gradient.keys),
      ("values", \.values, gradient.values),
    ] {
      try expectGradient(analytic, at: input[keyPath: field], weights: Self.contextGradient, name) {
        var moved = input
        moved[keyPath: field] = $0
        return try Reference.attention(moved, score: score).context
      }
    }
    switch score {
    case .dot: #expect(gradient.scoreParameter.isEmpty)
    case .additive(let v):
      try expectGradient(gradient.scoreParameter, at: v, weights: Self.contextGradient, "v") {
        try Reference.attention(input, score: .additive(v: $0)).context
      }
    case .general(let weight, let keyWidth):
      try expectGradient(gradient.scoreParameter, at: weight, weights: Self.contextGradient, "W") {
        try Reference.attention(input, score: .general(weight: $0, keyWidth: keyWidth)).context
      }
    }
  }

  // A score of H = 3 terms below 1 is off by δ ≤ 3 (3 + 4) u, its weight by a relative 2δ + (Tk + 9) u (the bound
  // of the softmax), a context of Tk weights on values below 1 by Tk u more.
  @Test(arguments: [Kind.dot, .additive])
  func floatIsCloseToDouble(_ kind: Kind) throws {
    let input = Self.input(kind)
    let narrow = Reference.AttentionInput<Float>(
      queries: floats(input.queries), keys: floats(input.keys), values: floats(input.values),
      lengths: input.lengths, batch: 3, queryLength: 2, keyLength: 4, hidden: 3, valueWidth: 2)
    let score: Reference.Score<Float> =
      kind == .dot ? .dot(scale: 1) : .additive(v: floats(numbers(3, seed: 8)))
    let exact = try Reference.attention(input, score: Self.score(kind))
    let found = try Reference.attention(narrow, score: score)
    expectClose(found.context, exact.context, within: { _ in (42 + 13 + 4) * u }, "context")
    expectClose(
      found.alignment, exact.alignment, within: { (42 + 13) * u * exact.alignment[$0] }, "alignment")
  }

  @Test func wrongShapesAreNamed() {
    var input = Self.input(.dot)
    #expect(throws: ReferenceError.shape(argument: "v", expected: [3], count: 2)) {
      try Reference.attention(input, score: .additive(v: [0, 0]))
    }
    #expect(throws: ReferenceError.shape(argument: "keys", expected: [3, 4, 5], count: 36)) {
      try Reference.attention(input, score: Self.score(.general))
    }
    input.lengths = [4, -1, 0]
    #expect(throws: ReferenceError.outOfRange(argument: "lengths", position: 1, value: -1, expected: 0...4)) {
      try Reference.attention(input, score: .dot(scale: 1))
    }
  }
}

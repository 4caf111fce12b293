import AttentionReference
import Testing

/// Every gradient of attention against central differences: every score under every mask.
@Suite struct AttentionGradientTests {
  typealias Sample = AttentionSample
  typealias Score = Reference.Score<Double>

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func inputs(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let sample = Sample(kind, masking)
    let gradient = try sample.gradient()
    for (name, field, analytic) in [
      ("queries", \Sample.Input.queries, gradient.queries), ("keys", \.keys, gradient.keys),
      ("values", \.values, gradient.values),
    ] {
      try expectGradient(analytic, at: sample.input[keyPath: field], weights: sample.contextGradient, name) {
        var moved = sample.input
        moved[keyPath: field] = $0
        return try Reference.attention(moved, score: sample.score).context
      }
    }
  }

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func biasAndCentres(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let sample = Sample(kind, masking)
    let gradient = try sample.gradient()
    // A bias of −∞ has no differences; that its gradient is 0 is checked here, those of the others below.
    let bias = sample.input.shaping.bias ?? Array(repeating: 0, count: Sample.pairs)
    let finite = bias.indices.filter { bias[$0].isFinite }
    #expect(bias.indices.allSatisfy { bias[$0].isFinite || gradient.bias[$0] == 0 })
    try expectGradient(
      finite.map { gradient.bias[$0] }, at: finite.map { bias[$0] }, weights: sample.contextGradient, "bias"
    ) { numbers in
      var moved = sample.input
      moved.shaping.bias = bias
      for (i, number) in zip(finite, numbers) { moved.shaping.bias?[i] = number }
      return try Reference.attention(moved, score: sample.score).context
    }

    guard let centres = sample.input.shaping.window.centres else {
      #expect(gradient.centres.isEmpty)
      return
    }
    #expect(gradient.centres.contains { $0 != 0 })
    try expectGradient(gradient.centres, at: centres, weights: sample.contextGradient, "centres") {
      var moved = sample.input
      moved.shaping.window.centres = $0
      return try Reference.attention(moved, score: sample.score).context
    }
  }

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func parameters(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let sample = Sample(kind, masking)
    let gradient = try sample.gradient()
    func check(_ analytic: [Double], _ name: String, at x: [Double], _ score: ([Double]) -> Score) throws {
      try expectGradient(analytic, at: x, weights: sample.contextGradient, name) {
        try Reference.attention(sample.input, score: score($0)).context
      }
    }
    switch sample.score {
    case .dot, .cosine: #expect(gradient.scoreParameter.isEmpty)
    case .general(let weight, let keyWidth):
      try check(gradient.scoreParameter, "W", at: weight) { .general(weight: $0, keyWidth: keyWidth) }
    case .location(let weight):
      try check(gradient.scoreParameter, "W", at: weight) { .location(weight: $0) }
    case .additive(let v, let bias):
      try check(gradient.scoreParameter, "v", at: v) { .additive(v: $0, bias: bias) }
      guard let bias else { break }
      try check(gradient.scoreBias, "b", at: bias) { .additive(v: v, bias: $0) }
    case .normedAdditive(let v, let gain, let bias):
      try check(gradient.scoreParameter, "v", at: v) { .normedAdditive(v: $0, gain: gain, bias: bias) }
      try check([gradient.gain], "g", at: [gain]) { .normedAdditive(v: v, gain: $0[0], bias: bias) }
      guard let bias else { break }
      try check(gradient.scoreBias, "b", at: bias) { .normedAdditive(v: v, gain: gain, bias: $0) }
    }
  }

  /// A vector of zeros has no direction; its cosine is 0 and has the slope of x / 1e-8.
  @Test func cosineOfZeros() throws {
    var sample = Sample(.cosine, .none)
    for j in 0..<3 { sample.input.keys[j] = 0 }
    let scores = try Reference.attentionScores(sample.input, score: sample.score, at: .raw)
    #expect(scores[0] == 0 && scores[1] != 0)
    let gradient = try sample.gradient()
    #expect(gradient.keys[..<3].allSatisfy { $0.isFinite && abs($0) > 1e4 })
    #expect(gradient.keys[3...].allSatisfy { abs($0) < 100 })
  }

  /// p = S · sigmoid(vᵀ tanh(W s)), a source of length 0 among them.
  @Test func positions() throws {
    let (states, weight, v) = (numbers(3 * 2 * 3, seed: 1), numbers(4 * 3, seed: 2), numbers(4, seed: 3))
    let (lengths, dpositions) = ([5, 0, 9], numbers(6, seed: 4))
    func at(states: [Double] = states, weight: [Double] = weight, v: [Double] = v) throws -> [Double] {
      try Reference.positions(states, weight: weight, v: v, lengths: lengths, steps: 2, hidden: 3)
    }
    let gradient = try Reference.positionsBackward(
      dpositions, states, weight: weight, v: v, lengths: lengths, steps: 2, hidden: 3)
    try expectGradient(gradient.states, at: states, weights: dpositions, "states") { try at(states: $0) }
    try expectGradient(gradient.weight, at: weight, weights: dpositions, "W") { try at(weight: $0) }
    try expectGradient(gradient.v, at: v, weights: dpositions, "v") { try at(v: $0) }

    var dirty = states
    dirty[6] = .nan
    #expect(try at(states: dirty) == at())
    let found = try Reference.positionsBackward(
      dpositions, dirty, weight: weight, v: v, lengths: lengths, steps: 2, hidden: 3)
    #expect(found.states == gradient.states && found.weight == gradient.weight && found.v == gradient.v)
  }
}

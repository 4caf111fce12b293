import AttentionReference
import Foundation
import Testing

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

@Suite struct EncoderDecoderTests {
  typealias Configuration = ReferenceModelConfiguration

  static let sources = [[3, 4, 5], [6, 2], [1]]
  static let targets = [[2, 3], [4, 5, 1], []]

  /// Parameter p's element k is 0.8 sin(1 + 0.7 k + 1.3 p): numbers that another program can make too.
  static func parameters<T: Reference.Scalar>(
    _ configuration: Configuration, sourceVocabulary: Int = 7, targetVocabulary: Int = 6,
    of _: T.Type = Double.self,
    value: (Int, Int) -> Double = { p, k in 0.8 * sin(1 + 0.7 * Double(k) + 1.3 * Double(p)) }
  ) throws -> [String: ReferenceArray<T>] {
    let list = try configuration.parameters(
      sourceVocabulary: sourceVocabulary, targetVocabulary: targetVocabulary)
    return Dictionary(
      uniqueKeysWithValues: list.enumerated().map { p, parameter in
        let count = parameter.shape.reduce(1, *)
        return (
          parameter.name,
          ReferenceArray(shape: parameter.shape, values: (0..<count).map { T(value(p, $0)) })
        )
      })
  }

  static func run<T: Reference.Scalar>(
    _ configuration: Configuration, _ parameters: [String: ReferenceArray<T>],
    sources: [[Int]] = sources, targets: [[Int]] = targets, dropout: ReferenceDropout<T>? = nil
  ) throws -> Reference.EncoderDecoderResult<T> {
    try Reference.encoderDecoder(
      parameters, configuration: configuration, sources: sources, targets: targets, start: 0, end: 1,
      dropout: dropout)
  }

  static let every: [Configuration] =
    Reference.Cell.allCases.flatMap { cell in
      Configuration.Score.allCases.flatMap { score in
        [false, true].map { bidirectional in
          Configuration(
            cell: cell, layers: 2, bidirectional: bidirectional, score: score, inputFeeding: score != .none,
            hidden: 4, embedding: 3)
        }
      }
        + Configuration.Readout.allCases.map {
          .bahdanau(cell: cell, layers: 2, readout: $0, hidden: 4, embedding: 3)
        }
        + [normedBahdanau(cell)]
    } + residual + reversed + tied + windows

  static let tied: [Configuration] = [
    Configuration(cell: .lstm, layers: 2, score: .general, inputFeeding: true, hidden: 4, embedding: 4),
    Configuration(cell: .gru, score: .none, hidden: 3, embedding: 3),
    .bahdanau(cell: .gruResetBefore, hidden: 4, embedding: 4),
    .bahdanau(cell: .rnn, readout: .maxout, hidden: 4, embedding: 2),
  ].map {
    var configuration = $0
    configuration.tied = true
    return configuration
  }

  static let reversed: [Configuration] = Reference.Cell.allCases.flatMap { cell in
    [
      Configuration(cell: cell, layers: 2, score: .none, hidden: 4, embedding: 3),
      Configuration(
        cell: cell, bidirectional: true, score: .general, inputFeeding: true, hidden: 4, embedding: 3),
      .bahdanau(cell: cell, hidden: 4, embedding: 3),
    ].map {
      var configuration = $0
      configuration.reversedSource = true
      return configuration
    }
  }

  static func normedBahdanau(_ cell: Reference.Cell) -> Configuration {
    var result = Configuration.bahdanau(cell: cell, hidden: 4, embedding: 3)
    result.score = .normedConcat
    return result
  }

  /// The last of the sentences ends before the steps do: what a narrow window around their number holds is nothing then.
  static let windows: [Configuration] = [Reference.Cell.lstm, .gru].flatMap { cell in
    [Configuration.Window.monotonic(radius: 1), .predictive(radius: 1), .predictive(radius: 2)].flatMap {
      window in
      Configuration.Score.allCases.filter { $0 != .none && $0 != .location }.map { score in
        local(Configuration(cell: cell, score: score, inputFeeding: true, hidden: 4, embedding: 3), window)
      } + [local(.bahdanau(cell: cell, hidden: 4, embedding: 3), window)]
    }
  }

  static func local(_ configuration: Configuration, _ window: Configuration.Window) -> Configuration {
    var result = configuration
    result.window = window
    return result
  }

  /// Three layers, so that what one connection adds to enters another.
  static let residual: [Configuration] = Reference.Cell.allCases.flatMap { cell in
    [Configuration.Score.concat, .none].flatMap { score in
      [false, true].map { bidirectional in
        Configuration(
          cell: cell, layers: 3, residual: true, bidirectional: bidirectional, score: score,
          inputFeeding: score != .none, hidden: 4, embedding: 3)
      }
    } + [.bahdanau(cell: cell, layers: 3, residual: true, hidden: 4, embedding: 3)]
  }

  // MARK: Against PyTorch

  struct Expectation: Sendable {
    var configuration: Configuration
    var meanCrossEntropy: Double
    var lastAlignment: [Double]
  }

  static func fed(_ score: Configuration.Score, temperature: Double = 1) -> Configuration {
    var result = Configuration(cell: .lstm, score: score, inputFeeding: true, hidden: 4, embedding: 3)
    (result.temperature, result.positions) = (temperature, 5)
    return result
  }

  // torch.nn.LSTM and torch.nn.GRU of PyTorch 2.13 in double over the parameters above, attention in torch
  // operations, printed with 12 decimals; the alignment is that of the first sentence's last step.
  static let expectations = [
    Expectation(
      configuration: Configuration(cell: .lstm, score: .dot, inputFeeding: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.639761336374, lastAlignment: [0.336604309494, 0.334847621518, 0.328548068989]),
    Expectation(
      configuration: Configuration(
        cell: .gru, layers: 2, bidirectional: true, score: .concat, inputFeeding: true, hidden: 4,
        embedding: 3),
      meanCrossEntropy: 2.475435746911, lastAlignment: [0.343280147789, 0.331211743527, 0.325508108684]),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 2, bidirectional: true, score: .general, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.816706846049, lastAlignment: [0.320161677099, 0.335585149256, 0.344253173645]),
    Expectation(
      configuration: Configuration(
        cell: .gru, layers: 2, score: .general, inputFeeding: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.064859275446, lastAlignment: [0.353573140432, 0.330250721370, 0.316176138197]),
    Expectation(
      configuration: Configuration(cell: .gru, score: .none, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.690553386660, lastAlignment: []),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 2, bidirectional: true, score: .none, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.921561842079, lastAlignment: []),
    Expectation(
      configuration: .bahdanau(cell: .gru, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.729564472849, lastAlignment: [0.395972789564, 0.311575235760, 0.292451974676]),
    Expectation(
      configuration: .bahdanau(cell: .lstm, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.816107007833, lastAlignment: [0.400678549527, 0.307396343101, 0.291925107372]),
    Expectation(
      configuration: .bahdanau(cell: .gru, readout: .maxout, hidden: 4, embedding: 3),
      meanCrossEntropy: 3.122831554609, lastAlignment: [0.395972789564, 0.311575235760, 0.292451974676]),
    Expectation(
      configuration: .bahdanau(cell: .lstm, layers: 2, readout: .maxout, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.097127169255, lastAlignment: [0.310904042202, 0.323571376230, 0.365524581568]),
    Expectation(
      configuration: .bahdanau(cell: .gru, layers: 2, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.107532950919, lastAlignment: [0.364836128636, 0.303774325438, 0.331389545926]),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 3, residual: true, bidirectional: true, score: .general, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.422405025870, lastAlignment: [0.303780411843, 0.303865278187, 0.392354309970]),
    Expectation(
      configuration: Configuration(
        cell: .gru, layers: 3, residual: true, score: .concat, inputFeeding: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.240022607974, lastAlignment: [0.333274664494, 0.332592457267, 0.334132878239]),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 3, residual: true, bidirectional: true, score: .none, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.701427283983, lastAlignment: []),
    Expectation(
      configuration: .bahdanau(cell: .gru, layers: 3, residual: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.848829548685, lastAlignment: [0.398714723855, 0.278673073969, 0.322612202177]),
    Expectation(
      configuration: local(
        Configuration(cell: .lstm, score: .general, inputFeeding: true, hidden: 4, embedding: 3),
        .monotonic(radius: 1)),
      meanCrossEntropy: 2.701196733208, lastAlignment: [0, 0.506250585543, 0.493749414457]),
    Expectation(
      configuration: local(
        Configuration(cell: .lstm, score: .dot, inputFeeding: true, hidden: 4, embedding: 3),
        .predictive(radius: 1)),
      meanCrossEntropy: 2.419039215454, lastAlignment: [0, 0.247499789114, 0.363708524341]),
    Expectation(
      configuration: local(
        Configuration(cell: .lstm, score: .concat, hidden: 4, embedding: 3), .predictive(radius: 2)),
      meanCrossEntropy: 2.749816837323, lastAlignment: [0.111523888213, 0.321609994875, 0.288273703958]),
    Expectation(
      configuration: fed(.scaledDot),
      meanCrossEntropy: 2.639513922319, lastAlignment: [0.334946791576, 0.334103846905, 0.330949361519]),
    Expectation(
      configuration: fed(.cosine, temperature: 0.25),
      meanCrossEntropy: 2.633214398315, lastAlignment: [0.487823003625, 0.308901433677, 0.203275562698]),
    Expectation(
      configuration: local(fed(.cosine), .predictive(radius: 2)),
      meanCrossEntropy: 2.376460325640, lastAlignment: [0.047007635884, 0.297689267897, 0.446776140804]),
    Expectation(
      configuration: fed(.normedConcat),
      meanCrossEntropy: 1.681389809619, lastAlignment: [0.326421009584, 0.338357764445, 0.335221225971]),
    Expectation(
      configuration: fed(.location),
      meanCrossEntropy: 2.702724893937, lastAlignment: [0.354885701955, 0.267904660680, 0.377209637365]),
  ]

  // Printing rounds to 5e-13; the two programs differ by some hundred roundings of 1e-16 besides.
  @Test(arguments: expectations)
  func agreesWithPyTorch(_ expected: Expectation) throws {
    let result = try Self.run(expected.configuration, Self.parameters(expected.configuration))
    expectClose([result.meanCrossEntropy], [expected.meanCrossEntropy], within: { _ in 1e-12 }, "loss")
    let last = try #require(result.alignments.first?.last)
    expectClose(last, expected.lastAlignment, within: { _ in 1e-12 }, "alignment")
    #expect(result.tokenCount == 8)
  }

  // MARK: By hand

  @Test func oneUnitWithInputFeedingByHand() throws {
    let configuration = Configuration(cell: .lstm, score: .dot, inputFeeding: true, hidden: 1, embedding: 1)
    let found = try Self.run(
      configuration, Self.parameters(configuration, sourceVocabulary: 2, targetVocabulary: 3),
      sources: [[1, 0]], targets: [[2]])

    func w(_ p: Int, _ k: Int) -> Double { 0.8 * sin(1 + 0.7 * Double(k) + 1.3 * Double(p)) }
    // Gate g's input, recurrent and bias are the parameters p, p + 1 and p + 2.
    func lstm(_ p: Int, _ x: [Double], _ h: Double, _ c: Double) -> (h: Double, c: Double) {
      func sum(_ g: Int) -> Double {
        x.indices.reduce(w(p + 1, g) * h + w(p + 2, g)) { $0 + w(p, g * x.count + $1) * x[$1] }
      }
      let c = sigmoid(sum(1)) * c + sigmoid(sum(0)) * tanh(sum(2))
      return (sigmoid(sum(3)) * tanh(c), c)
    }
    let one = lstm(2, [w(0, 1)], 0, 0)
    let two = lstm(2, [w(0, 0)], one.h, one.c)
    var (state, attentional, loss) = (two, 0.0, 0.0)
    for (input, output) in [(0, 2), (2, 1)] {
      state = lstm(5, [w(1, input), attentional], state.h, state.c)
      let alpha = sigmoid(state.h * one.h - state.h * two.h)
      let context = alpha * one.h + (1 - alpha) * two.h
      attentional = tanh(w(8, 0) * context + w(8, 1) * state.h + w(9, 0))
      let logits = (0..<3).map { w(10, $0) * attentional + w(11, $0) }
      loss += log(logits.reduce(0) { $0 + exp($1) }) - logits[output]
      expectEqual(found.alignments[0][output == 2 ? 0 : 1], [alpha, 1 - alpha])
    }
    expectEqual([found.meanCrossEntropy], [loss / 2])
  }

  @Test func bahdanauWithOneUnitByHand() throws {
    let configuration = Configuration.bahdanau(cell: .gru, hidden: 1, embedding: 1)
    let found = try Self.run(
      configuration, Self.parameters(configuration, sourceVocabulary: 2, targetVocabulary: 3),
      sources: [[1, 0]], targets: [[2]])

    func w(_ p: Int, _ k: Int) -> Double { 0.8 * sin(1 + 0.7 * Double(k) + 1.3 * Double(p)) }
    // A cell's input, recurrent and two biases are the parameters p to p + 3.
    func gru(_ p: Int, _ x: [Double], _ h: Double) -> Double {
      func a(_ g: Int) -> Double {
        x.indices.reduce(w(p + 2, g)) { $0 + w(p, g * x.count + $1) * x[$1] }
      }
      func u(_ g: Int) -> Double { w(p + 1, g) * h + w(p + 3, g) }
      let (r, z) = (sigmoid(a(0) + u(0)), sigmoid(a(1) + u(1)))
      return (1 - z) * tanh(a(2) + r * u(2)) + z * h
    }
    let (first, second) = (w(0, 1), w(0, 0))
    let forward1 = gru(2, [first], 0)
    let backward2 = gru(6, [second], 0)
    let forward2 = gru(2, [second], forward1)
    let backward1 = gru(6, [first], backward2)
    let states = [[forward1, backward1], [forward2, backward2]]
    var (s, loss) = (tanh(w(20, 0) * backward1 + w(21, 0)), 0.0)
    for (step, (input, output)) in [(0, 2), (2, 1)].enumerated() {
      let x = w(1, input)
      let scores = states.map { h in
        w(17, 0) * tanh(w(16, 0) * s + w(14, 0) * h[0] + w(14, 1) * h[1] + w(15, 0))
      }
      let alpha = sigmoid(scores[0] - scores[1])
      let context = (0..<2).map { alpha * states[0][$0] + (1 - alpha) * states[1][$0] }
      s = gru(10, [x] + context, s)
      let read = [s] + context + [x]
      let readout = tanh(read.indices.reduce(w(19, 0)) { $0 + w(18, $1) * read[$1] })
      let logits = (0..<3).map { w(22, $0) * readout + w(23, $0) }
      loss += log(logits.reduce(0) { $0 + exp($1) }) - logits[output]
      expectEqual(found.alignments[0][step], [alpha, 1 - alpha])
    }
    expectEqual([found.meanCrossEntropy], [loss / 2])
  }

  @Test(arguments: every)
  func zeroParametersKnowNothing(_ configuration: Configuration) throws {
    let result = try Self.run(configuration, Self.parameters(configuration, value: { _, _ in 0 }))
    expectEqual([result.meanCrossEntropy], [log(6)])
    for (source, steps) in zip(Self.sources, result.alignments) {
      for (step, weights) in steps.enumerated() {
        expectEqual(weights, configuration.score == .none ? [] : ignorant(configuration, source.count, step))
      }
    }
  }

  /// The weights of a step that finds all keys alike, and predicts the middle of the source.
  private func ignorant(_ configuration: Configuration, _ length: Int, _ step: Int) -> [Double] {
    let positions = (0..<length).map(Double.init)
    var gaussian = positions.map { _ in 1.0 }
    var seen = positions.map { _ in true }
    switch configuration.window {
    case nil: break
    case .monotonic(let radius)?: seen = positions.map { abs($0 - Double(step)) <= Double(radius) }
    case .predictive(let radius)?:
      let distances = positions.map { $0 - Double(length) / 2 }
      seen = distances.map { abs($0) <= Double(radius) }
      gaussian = distances.map { exp(-2 * $0 * $0 / Double(radius * radius)) }
    }
    let count = Double(seen.count { $0 })
    return zip(seen, gaussian).map { $0 ? $1 / count : 0 }
  }

  // MARK: Properties

  @Test(arguments: every)
  func aBatchIsItsSentences(_ configuration: Configuration) throws {
    let parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    let together = try Self.run(configuration, parameters)
    var loss = 0.0
    for (n, (source, target)) in zip(Self.sources, Self.targets).enumerated() {
      let alone = try Self.run(configuration, parameters, sources: [source], targets: [target])
      #expect(alone.alignments == [together.alignments[n]])
      #expect(alone.tokenCount == target.count + 1)
      loss += alone.meanCrossEntropy * Double(alone.tokenCount)
    }
    expectEqual([together.meanCrossEntropy], [loss / 8])
  }

  @Test(arguments: every)
  func everyParameterCounts(_ configuration: Configuration) throws {
    let parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    let before = try Self.run(configuration, parameters).meanCrossEntropy
    for name in parameters.keys {
      var moved = parameters
      moved[name]?.values = parameters[name]?.values.map { $0 + 0.01 * $0 * $0 } ?? []
      #expect(try Self.run(configuration, moved).meanCrossEntropy != before, "\(name)")
    }
  }

  /// Cells whose weights are 0 stay at 0: their layers return what entered them, as if they were not there.
  @Test(arguments: residual)
  func residualConnectionsPassOnWhatEntered(_ configuration: Configuration) throws {
    var parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    // Bahdanau's decoder starts from the top cells' state, not from what their layer returns.
    for (name, array) in parameters
    where name.contains(".1.") || name.contains(".2.") || name == "start.weight" {
      parameters[name] = ReferenceArray(shape: array.shape, values: array.values.map { _ in 0 })
    }
    var single = configuration
    (single.layers, single.residual) = (1, false)
    let (found, expected) = (try Self.run(configuration, parameters), try Self.run(single, parameters))
    #expect(found.meanCrossEntropy == expected.meanCrossEntropy)
    #expect(found.alignments == expected.alignments)
  }

  @Test(arguments: reversed)
  func aReversedSourceIsTheSourceFromItsEnd(_ configuration: Configuration) throws {
    let parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    var straight = configuration
    straight.reversedSource = false
    let found = try Self.run(configuration, parameters)
    let mirrored = try Self.run(straight, parameters, sources: Self.sources.map { $0.reversed() })
    expectEqual([found.meanCrossEntropy], [mirrored.meanCrossEntropy])
    for (steps, others) in zip(found.alignments, mirrored.alignments) {
      for (weights, other) in zip(steps, others) { expectEqual(weights, other.reversed()) }
    }
    #expect(try Self.run(straight, parameters).meanCrossEntropy != found.meanCrossEntropy)
  }

  @Test(arguments: tied)
  func tiedEmbeddingsAreAnOutputOfTheSameWeights(_ configuration: Configuration) throws {
    var parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    let found = try Self.run(configuration, parameters)
    var free = configuration
    free.tied = false
    parameters["output.weight"] = parameters["target.embedding"]
    #expect(try Self.run(free, parameters).meanCrossEntropy == found.meanCrossEntropy)
  }

  @Test(arguments: every.filter { $0.score != .none })
  func anEmptySourceAttendsToNothing(_ configuration: Configuration) throws {
    let result = try Self.run(configuration, Self.parameters(configuration), sources: [[]], targets: [[2]])
    #expect(result.meanCrossEntropy.isFinite)
    #expect(result.alignments == [[[], []]])
  }

  @Test func noSentenceHasNoLoss() throws {
    let result = try Self.run(Self.every[0], Self.parameters(Self.every[0]), sources: [], targets: [])
    #expect(result.meanCrossEntropy == 0)
    #expect(result.tokenCount == 0)
  }

  // Chains of up to 4 steps through 2 layers of cells, each step's sums of at most 15 terms below 1 rounding up to
  // 15 · 16 u; what a step takes in does not grow, the cells being saturating. 8 · 240 u ≈ 1e-4.
  @Test(arguments: every)
  func floatIsCloseToDouble(_ configuration: Configuration) throws {
    let exact = try Self.run(configuration, Self.parameters(configuration))
    let found = try Self.run(configuration, Self.parameters(configuration, of: Float.self))
    expectClose([found.meanCrossEntropy], [exact.meanCrossEntropy], within: { _ in 8 * 240 * u }, "loss")
  }

  // MARK: Mistakes

  @Test func settingsThatMakeNoModelAreRefused() {
    let odd = Configuration(cell: .gru, bidirectional: true, score: .dot, hidden: 3, embedding: 2)
    let unfed = Configuration(cell: .gru, score: .none, inputFeeding: true, hidden: 4, embedding: 2)
    let flat = Configuration(cell: .gru, layers: -1, score: .dot, hidden: 4, embedding: 2)
    var oneWay = Configuration.bahdanau(cell: .gru, hidden: 4, embedding: 2)
    oneWay.bidirectional = false
    let unlooking = Self.local(
      Configuration(cell: .gru, score: .none, hidden: 4, embedding: 2), .monotonic(radius: 1))
    let unplaced = Self.local(
      Configuration(cell: .gru, score: .location, hidden: 4, embedding: 2), .predictive(radius: 1))
    var unscored = Configuration.bahdanau(cell: .gru, hidden: 4, embedding: 2)
    unscored.score = .dot
    let unpaired = Configuration.bahdanau(cell: .gru, readout: .maxout, hidden: 3, embedding: 2)
    var narrow = Configuration.bahdanau(cell: .gru, readout: .maxout, hidden: 4, embedding: 4)
    narrow.tied = true
    for configuration in [odd, unfed, flat, oneWay, unscored, unlooking, unplaced, unpaired, narrow] {
      #expect(throws: ReferenceError.self) {
        try configuration.parameters(sourceVocabulary: 3, targetVocabulary: 3)
      }
    }
  }

  @Test func missingAndMisshapenParametersAreNamed() throws {
    let configuration = Self.expectations[0].configuration
    var parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    parameters["combine.bias"] = ReferenceArray(shape: [5], values: [0, 0, 0, 0, 0])
    #expect(throws: ReferenceError.parameter(name: "combine.bias", expected: [4], found: [5])) {
      try Self.run(configuration, parameters)
    }
    parameters["combine.bias"] = nil
    #expect(throws: ReferenceError.parameter(name: "combine.bias", expected: [4], found: nil)) {
      try Self.run(configuration, parameters)
    }
  }

  @Test func tokensOutsideOfTheVocabularyAreNamed() throws {
    let configuration = Self.expectations[0].configuration
    let parameters: [String: ReferenceArray<Double>] = try Self.parameters(configuration)
    #expect(throws: ReferenceError.outOfRange(argument: "ids", position: 0, value: 7, expected: 0...6)) {
      try Self.run(configuration, parameters, sources: [[7]], targets: [[2]])
    }
    #expect(throws: ReferenceError.shape(argument: "targets", expected: [1], count: 0)) {
      try Self.run(configuration, parameters, sources: [[1]], targets: [])
    }
  }
}

import AttentionReference
import Foundation
import Testing

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

@Suite struct RecurrentTests {
  typealias Input = Reference.RecurrentInput<Double>
  typealias Weights = Reference.RecurrentWeights<Double>

  // B 4, T 3, I 2, H 3; lengths whole, short, empty, one.
  static let lengths = [3, 2, 0, 1]

  static func weights(_ cell: Reference.Cell) -> Weights {
    let rows = 3 * cell.gates
    return Weights(
      cell: cell, input: numbers(rows * 2, seed: 1), recurrent: numbers(rows * 3, seed: 2),
      bias: numbers(rows, seed: 3), recurrentBias: cell == .gru ? numbers(rows, seed: 4) : [])
  }

  static func input(_ cell: Reference.Cell, reversed: Bool, lengths: [Int]? = lengths) -> Input {
    Input(
      x: numbers(4 * 3 * 2, seed: 5), lengths: lengths, reversed: reversed,
      initialHidden: numbers(12, seed: 6), initialCell: cell == .lstm ? numbers(12, seed: 7) : nil,
      batch: 4, time: 3, inputWidth: 2, hidden: 3)
  }

  static let outputGradient = numbers(4 * 3 * 3, seed: 8)
  static let finalHiddenGradient = numbers(12, seed: 9)
  static let finalCellGradient = numbers(12, seed: 10)

  static func backward(
    _ result: Reference.RecurrentResult<Double>, _ input: Input, _ weights: Weights,
    outputGradient: [Double] = outputGradient
  ) throws -> Reference.RecurrentGradient<Double> {
    try Reference.recurrentBackward(
      outputGradient, finalHiddenGradient: finalHiddenGradient,
      finalCellGradient: weights.cell == .lstm ? finalCellGradient : nil, result, input, weights)
  }

  // MARK: By hand

  @Test func oneStepOfTheLSTM() throws {
    let weights = Weights(
      cell: .lstm, input: [0.1, 0.2, 0.3, 0.4], recurrent: [0.5, 0.6, 0.7, 0.8], bias: [1, 2, 3, 4])
    let input = Input(
      x: [2], initialHidden: [-0.5], initialCell: [0.25], batch: 1, time: 1, inputWidth: 1, hidden: 1)
    let result = try Reference.recurrent(input, weights)
    let c = sigmoid(2 + 0.4 - 0.3) * 0.25 + sigmoid(1 + 0.2 - 0.25) * tanh(3 + 0.6 - 0.35)
    expectEqual(result.finalCell, [c])
    expectEqual(result.finalHidden, [sigmoid(4 + 0.8 - 0.4) * tanh(c)])
    #expect(result.outputs == result.finalHidden)
  }

  @Test func oneStepOfTheGRU() throws {
    let weights = Weights(
      cell: .gru, input: [0.1, 0.2, 0.3], recurrent: [0.4, 0.5, 0.6], bias: [0.7, 0.8, 0.9],
      recurrentBias: [-1, -2, -3])
    let input = Input(x: [2], initialHidden: [-0.5], batch: 1, time: 1, inputWidth: 1, hidden: 1)
    let r = sigmoid(0.2 + 0.7 - 0.2 - 1)
    let z = sigmoid(0.4 + 0.8 - 0.25 - 2)
    let n = tanh(0.6 + 0.9 + r * (-0.3 - 3))
    expectEqual(try Reference.recurrent(input, weights).finalHidden, [(1 - z) * n + z * -0.5])
  }

  @Test func oneStepOfTheGRUThatResetsBefore() throws {
    // Two units, so that Uₙ mixes what was reset; the gates are open to a half: W and U_rz are zero.
    let zeros = [Double](repeating: 0, count: 8)
    let weights = Weights(
      cell: .gruResetBefore, input: [0, 0, 0, 0, 0.1, 0.2], recurrent: zeros + [0.3, 0.4, 0.5, 0.6],
      bias: [0, 0, 0, 0, 0.7, 0.8])
    let input = Input(x: [2], initialHidden: [-0.5, 0.25], batch: 1, time: 1, inputWidth: 1, hidden: 2)
    let n = [tanh(0.2 + 0.7 - 0.075 + 0.05), tanh(0.4 + 0.8 - 0.125 + 0.075)]
    expectEqual(
      try Reference.recurrent(input, weights).finalHidden, [0.5 * n[0] - 0.25, 0.5 * n[1] + 0.125])
  }

  @Test func oneStepOfThePlainCell() throws {
    let weights = Weights(cell: .rnn, input: [0.1], recurrent: [0.4], bias: [0.7])
    let input = Input(x: [2], initialHidden: [-0.5], batch: 1, time: 1, inputWidth: 1, hidden: 1)
    expectEqual(try Reference.recurrent(input, weights).finalHidden, [tanh(0.2 + 0.7 - 0.2)])
  }

  // MARK: Ragged batches

  @Test(arguments: Reference.Cell.allCases, [false, true])
  func stepsBeyondALengthTouchNothing(_ cell: Reference.Cell, reversed: Bool) throws {
    let (weights, clean) = (Self.weights(cell), Self.input(cell, reversed: reversed))
    var dirty = clean
    var dirtyGradient = Self.outputGradient
    for (b, length) in Self.lengths.enumerated() {
      for t in length..<3 {
        for j in 0..<2 { dirty.x[(3 * b + t) * 2 + j] = .nan }
        for j in 0..<3 { dirtyGradient[(3 * b + t) * 3 + j] = .nan }
      }
    }
    let expected = try Reference.recurrent(clean, weights)
    let found = try Reference.recurrent(dirty, weights)
    #expect(found.outputs == expected.outputs)
    #expect(found.finalHidden == expected.finalHidden)
    #expect(found.finalCell == expected.finalCell)
    for (b, length) in Self.lengths.enumerated() {
      let outputs = found.outputs[9 * b..<9 * b + 9]
      #expect(outputs.prefix(3 * length).allSatisfy { $0 != 0 })
      #expect(outputs.dropFirst(3 * length).allSatisfy { $0 == 0 })
    }
    #expect(Array(found.finalHidden[6..<9]) == Array(numbers(12, seed: 6)[6..<9]), "length 0 keeps h₀")

    let expectedGradient = try Self.backward(expected, clean, weights)
    let foundGradient = try Self.backward(found, dirty, weights, outputGradient: dirtyGradient)
    #expect(foundGradient.x == expectedGradient.x)
    #expect(foundGradient.initialHidden == expectedGradient.initialHidden)
    #expect(foundGradient.weights.input == expectedGradient.weights.input)
    #expect(foundGradient.weights.recurrent == expectedGradient.weights.recurrent)
  }

  @Test(arguments: Reference.Cell.allCases, [false, true])
  func raggedIsEachSentenceAlone(_ cell: Reference.Cell, reversed: Bool) throws {
    let (weights, input) = (Self.weights(cell), Self.input(cell, reversed: reversed))
    let together = try Reference.recurrent(input, weights)
    for (b, length) in Self.lengths.enumerated() {
      let alone = Input(
        x: Array(input.x[6 * b..<6 * b + 2 * length]), reversed: reversed,
        initialHidden: input.initialHidden.map { Array($0[3 * b..<3 * b + 3]) },
        initialCell: input.initialCell.map { Array($0[3 * b..<3 * b + 3]) },
        batch: 1, time: length, inputWidth: 2, hidden: 3)
      let result = try Reference.recurrent(alone, weights)
      #expect(Array(together.outputs[9 * b..<9 * b + 3 * length]) == result.outputs)
      #expect(Array(together.finalHidden[3 * b..<3 * b + 3]) == result.finalHidden)
      #expect(Array(together.finalCell[3 * b..<3 * b + 3]) == result.finalCell)
    }
  }

  @Test(arguments: Reference.Cell.allCases)
  func reversedIsTheForwardRunOfTheReversedSentence(_ cell: Reference.Cell) throws {
    let weights = Self.weights(cell)
    let x = numbers(6, seed: 11)
    let mirrored = [x[4], x[5], x[2], x[3], x[0], x[1]]
    let backward = try Reference.recurrent(
      Input(x: x, reversed: true, batch: 1, time: 3, inputWidth: 2, hidden: 3), weights)
    let forward = try Reference.recurrent(
      Input(x: mirrored, batch: 1, time: 3, inputWidth: 2, hidden: 3), weights)
    #expect(backward.finalHidden == forward.finalHidden)
    #expect(Array(backward.outputs[0..<3]) == Array(forward.outputs[6..<9]))
    #expect(backward.outputs != forward.outputs)
  }

  @Test(arguments: Reference.Cell.allCases)
  func anAbsentInitialStateIsZero(_ cell: Reference.Cell) throws {
    var absent = Self.input(cell, reversed: false)
    absent.initialHidden = nil
    absent.initialCell = nil
    var zero = absent
    zero.initialHidden = Array(repeating: 0, count: 12)
    if cell == .lstm { zero.initialCell = zero.initialHidden }
    let weights = Self.weights(cell)
    #expect(try Reference.recurrent(absent, weights).outputs == Reference.recurrent(zero, weights).outputs)
  }

  // MARK: Gradients

  @Test(arguments: Reference.Cell.allCases, [false, true])
  func backwardMatchesDifferences(_ cell: Reference.Cell, reversed: Bool) throws {
    let (weights, input) = (Self.weights(cell), Self.input(cell, reversed: reversed))
    let gradient = try Self.backward(Reference.recurrent(input, weights), input, weights)
    let upstream =
      Self.outputGradient + Self.finalHiddenGradient + (cell == .lstm ? Self.finalCellGradient : [])
    func outputs(_ input: Input, _ weights: Weights) throws -> [Double] {
      let result = try Reference.recurrent(input, weights)
      return result.outputs + result.finalHidden + (cell == .lstm ? result.finalCell : [])
    }
    try expectGradient(gradient.x, at: input.x, weights: upstream, "x") {
      var moved = input
      moved.x = $0
      return try outputs(moved, weights)
    }
    try expectGradient(gradient.initialHidden, at: input.initialHidden ?? [], weights: upstream, "h₀") {
      var moved = input
      moved.initialHidden = $0
      return try outputs(moved, weights)
    }
    if cell == .lstm {
      try expectGradient(gradient.initialCell, at: input.initialCell ?? [], weights: upstream, "c₀") {
        var moved = input
        moved.initialCell = $0
        return try outputs(moved, weights)
      }
    }
    for (name, field) in [
      ("W", \Weights.input), ("U", \.recurrent), ("b", \.bias), ("c", \.recurrentBias),
    ] {
      let analytic = gradient.weights[keyPath: field]
      try expectGradient(analytic, at: weights[keyPath: field], weights: upstream, name) {
        var moved = weights
        moved[keyPath: field] = $0
        return try outputs(input, moved)
      }
    }
  }

  // A gate's sum has I + H + 2 = 7 terms below 1, hence an error up to 7 · 8 u; gate, product and sum of a step add
  // about as much again to the state. The next step takes an error e in by up to H slopes below 1: 3 steps
  // grow it at most to (1 + 3 + 9) of one step's.
  @Test(arguments: Reference.Cell.allCases)
  func floatIsCloseToDouble(_ cell: Reference.Cell) throws {
    let (weights, input) = (Self.weights(cell), Self.input(cell, reversed: false))
    let narrowWeights = Reference.RecurrentWeights<Float>(
      cell: cell, input: floats(weights.input), recurrent: floats(weights.recurrent),
      bias: floats(weights.bias), recurrentBias: floats(weights.recurrentBias))
    let narrowInput = Reference.RecurrentInput<Float>(
      x: floats(input.x), lengths: input.lengths, initialHidden: input.initialHidden.map(floats),
      initialCell: input.initialCell.map(floats), batch: 4, time: 3, inputWidth: 2, hidden: 3)
    let exact = try Reference.recurrent(input, weights)
    let found = try Reference.recurrent(narrowInput, narrowWeights)
    expectClose(found.outputs, exact.outputs, within: { _ in 13 * 2 * 56 * u }, "outputs")
    expectClose(found.finalHidden, exact.finalHidden, within: { _ in 13 * 2 * 56 * u }, "final h")
  }

  @Test func wrongShapesAreNamed() {
    var weights = Self.weights(.gru)
    weights.recurrentBias = []
    #expect(throws: ReferenceError.shape(argument: "recurrentBias", expected: [3, 3], count: 0)) {
      try Reference.recurrent(Self.input(.gru, reversed: false), weights)
    }
    #expect(throws: ReferenceError.shape(argument: "initialCell", expected: [0, 3], count: 12)) {
      try Reference.recurrent(Self.input(.lstm, reversed: false), Self.weights(.gru))
    }
  }
}

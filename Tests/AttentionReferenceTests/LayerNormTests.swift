import AttentionReference
import Foundation
import Testing

@Suite struct LayerNormTests {
  @Test func byHand() throws {
    // Mean 2, variance 8 / 3: deviations of −2, 0 and 2 over √(8 / 3 + 4 / 3) = 2.
    let y = try Reference.layerNorm(
      [0, 2, 4], rows: 1, columns: 3, gain: [1, 5, 3], bias: [0, 7, 10], epsilon: 4.0 / 3)
    expectEqual(y, [-1, 7, 13])
  }

  @Test func shiftAndScaleOfARowDoNotMatter() throws {
    let x = numbers(12, seed: 1)
    func normal(_ x: [Double]) throws -> [Double] {
      try Reference.layerNorm(
        x, rows: 3, columns: 4, gain: [1, 2, 3, 4], bias: [4, 3, 2, 1], epsilon: 1e-30)
    }
    // Powers of two: the moved rows are exact, so only their means round.
    expectClose(
      try normal(x.map { 8 * $0 + 16 }), try normal(x), within: { _ in 1e-13 }, "shifted and scaled")
  }

  @Test func equalElementsGiveTheBias() throws {
    let y = try Reference.layerNorm(
      [3, 3, 3, 3], rows: 2, columns: 2, gain: [1, 1], bias: [0.5, -2], epsilon: 1e-5)
    expectEqual(y, [0.5, -2, 0.5, -2])
  }

  @Test func backwardMatchesDifferences() throws {
    let (rows, columns) = (4, 5)
    let (x, dy) = (numbers(20, seed: 2), numbers(20, seed: 3))
    let (gain, bias) = (numbers(5, seed: 4), numbers(5, seed: 5))
    func forward(_ x: [Double], _ gain: [Double], _ bias: [Double]) throws -> [Double] {
      try Reference.layerNorm(
        x, rows: rows, columns: columns, gain: gain, bias: bias, epsilon: 0.01)
    }
    let gradient = try Reference.layerNormBackward(
      dy, x: x, rows: rows, columns: columns, gain: gain, epsilon: 0.01)
    try expectGradient(gradient.x, at: x, weights: dy, "x") { try forward($0, gain, bias) }
    try expectGradient(gradient.gain, at: gain, weights: dy, "gain") { try forward(x, $0, bias) }
    try expectGradient(gradient.bias, at: bias, weights: dy, "bias") { try forward(x, gain, $0) }
  }

  @Test func emptySizes() throws {
    #expect(
      try Reference.layerNorm([Double](), rows: 3, columns: 0, gain: [], bias: [], epsilon: 1).isEmpty)
    let gradient = try Reference.layerNormBackward(
      [Double](), x: [], rows: 0, columns: 2, gain: [1, 1], epsilon: 1)
    #expect(gradient.x.isEmpty && gradient.gain == [0, 0] && gradient.bias == [0, 0])
  }

  @Test func wrongShapesAreNamed() {
    #expect(throws: ReferenceError.shape(argument: "gain", expected: [3], count: 2)) {
      try Reference.layerNorm(
        numbers(6, seed: 6), rows: 2, columns: 3, gain: [1, 1], bias: [0, 0, 0], epsilon: 1)
    }
    #expect(throws: ReferenceError.shape(argument: "x", expected: [2, 3], count: 5)) {
      try Reference.layerNormBackward(
        numbers(6, seed: 7), x: numbers(5, seed: 8), rows: 2, columns: 3, gain: [1, 1, 1], epsilon: 1)
    }
  }
}

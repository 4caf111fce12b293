import AttentionReference
import Foundation
import Testing

@Suite struct SoftmaxTests {
  let lengths = [5, 1, 0, 3]

  @Test func byHand() throws {
    // e^0 : e^ln 3 = 1 : 3.
    expectEqual(try Reference.softmax([0, log(3)], rows: 1, columns: 2), [0.25, 0.75])
    expectEqual(try Reference.logSoftmax([0, log(3)], rows: 1, columns: 2), [log(0.25), log(0.75)])
  }

  @Test func largeLogitsNeitherOverflowNorLoseTheirDifference() throws {
    expectEqual(try Reference.softmax([1e4, 1e4 + 1024, 1e4], rows: 1, columns: 3), [0, 1, 0])
    expectEqual(try Reference.logSoftmax([-1e4, -1e4 - 1024], rows: 1, columns: 2), [0, -1024])
    let inFloat: [Float] = try Reference.softmax([3e38, 3e38], rows: 1, columns: 2)
    #expect(inFloat == [0.5, 0.5])
  }

  @Test func maskedPlacesAreExactAndUnread() throws {
    var x = numbers(20, seed: 1)
    for (n, length) in lengths.enumerated() {
      for j in length..<5 { x[5 * n + j] = [.nan, .infinity][j % 2] }
    }
    let y = try Reference.softmax(x, rows: 4, columns: 5, lengths: lengths)
    let logY = try Reference.logSoftmax(x, rows: 4, columns: 5, lengths: lengths)
    for (n, length) in lengths.enumerated() {
      let alone = Array(x[5 * n..<5 * n + length])
      let padding = 5 - length
      #expect(
        Array(y[5 * n..<5 * n + 5])
          == (try Reference.softmax(alone, rows: 1, columns: length)) + Array(repeating: 0, count: padding))
      #expect(
        Array(logY[5 * n..<5 * n + 5])
          == (try Reference.logSoftmax(alone, rows: 1, columns: length))
          + Array(repeating: -.infinity, count: padding))
    }
  }

  @Test func backwardMatchesDifferences() throws {
    let (x, dy) = (numbers(20, seed: 2), numbers(20, seed: 3))
    let lengths = lengths
    func forward(_ x: [Double]) throws -> [Double] {
      try Reference.softmax(x, rows: 4, columns: 5, lengths: lengths)
    }
    let dx = try Reference.softmaxBackward(dy, output: forward(x), rows: 4, columns: 5, lengths: lengths)
    try expectGradient(dx, at: x, weights: dy, "x", outputs: forward)
  }

  @Test func logBackwardMatchesDifferences() throws {
    let (x, dy) = (numbers(20, seed: 4), numbers(20, seed: 5))
    let lengths = lengths
    func forward(_ x: [Double]) throws -> [Double] {
      try Reference.logSoftmax(x, rows: 4, columns: 5, lengths: lengths)
    }
    let dx = try Reference.logSoftmaxBackward(dy, output: forward(x), rows: 4, columns: 5, lengths: lengths)
    // −∞ beyond a length is a constant: it leaves the differences.
    try expectGradient(dx, at: x, weights: dy, "x") { try forward($0).map { $0.isInfinite ? 0 : $0 } }
  }

  @Test func maskedGradientsAreUnread() throws {
    let y = try Reference.softmax([1.0, 2, 3], rows: 1, columns: 3, lengths: [2])
    let logY = try Reference.logSoftmax([1.0, 2, 3], rows: 1, columns: 3, lengths: [2])
    let dy = [1, 2, Double.nan]
    let dx = try Reference.softmaxBackward(dy, output: y, rows: 1, columns: 3, lengths: [2])
    let dLogX = try Reference.logSoftmaxBackward(dy, output: logY, rows: 1, columns: 3, lengths: [2])
    expectEqual(dx, [-y[0] * y[1], y[0] * y[1], 0])
    expectEqual(dLogX, [1 - 3 * y[0], 2 - 3 * y[1], 0])
  }

  // y's relative error: u |x − max| ≤ 2 u from the difference under the exponential, about 2 u from the exponential,
  // (columns − 1) u and one exponential's again from the sum, u from the division.
  @Test func floatIsWithinTheBoundOfASum() throws {
    let x = numbers(3 * 67, seed: 6)
    let exact = try Reference.softmax(x, rows: 3, columns: 67)
    let found = try Reference.softmax(floats(x), rows: 3, columns: 67)
    expectClose(found, exact, within: { (67 + 9) * u * exact[$0] })
  }

  @Test func wrongLengthsAreNamed() {
    #expect(throws: ReferenceError.outOfRange(argument: "lengths", position: 1, value: 4, expected: 0...3)) {
      try Reference.softmax(numbers(6, seed: 7), rows: 2, columns: 3, lengths: [3, 4])
    }
    #expect(throws: ReferenceError.shape(argument: "lengths", expected: [2], count: 1)) {
      try Reference.logSoftmax(numbers(6, seed: 7), rows: 2, columns: 3, lengths: [3])
    }
  }
}

import AttentionReference
import Testing

@Suite struct MaxoutTests {
  @Test func byHand() throws {
    #expect(try Reference.maxout([1.0, 3, -2, -5, 4, 4]) == [3, -2, 4])
    #expect(try Reference.maxoutBackward([7.0, 8, 9], x: [1, 3, -2, -5, 4, 4]) == [0, 7, 8, 0, 9, 0])
    #expect(try Reference.maxout([Double]()).isEmpty)
  }

  @Test func backwardMatchesDifferences() throws {
    let (x, dy) = (numbers(40, seed: 1), numbers(20, seed: 2))
    let gradient = try Reference.maxoutBackward(dy, x: x)
    try expectGradient(gradient, at: x, weights: dy, "x") { try Reference.maxout($0) }
  }

  @Test func whatHasNoNeighbourIsRefused() {
    #expect(throws: ReferenceError.self) { try Reference.maxout([1.0, 2, 3]) }
    #expect(throws: ReferenceError.shape(argument: "outputGradient", expected: [1], count: 2)) {
      try Reference.maxoutBackward([1.0, 2], x: [1, 2])
    }
  }
}

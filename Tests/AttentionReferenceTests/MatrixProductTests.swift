import AttentionReference
import Testing

@Suite struct MatrixProductTests {
  static let transposes = [(false, false), (false, true), (true, false), (true, true)]

  @Test func twoByTwoByHand() throws {
    let shape = Reference.ProductShape(m: 2, n: 2, k: 3)
    let c = try Reference.matrixProduct([1.0, 2, 3, 4, 5, 6], [1, 0, 0, 1, 2, 2], shape, bias: [10, 20])
    #expect(c == [17, 28, 26, 37])
  }

  @Test(arguments: transposes)
  func transposedStorageGivesTheSameProduct(_ transposes: (a: Bool, b: Bool)) throws {
    // a = [1 2 3; 4 5 6], b = [1 0; 0 1; 2 2]
    let a = transposes.a ? [1.0, 4, 2, 5, 3, 6] : [1, 2, 3, 4, 5, 6]
    let b = transposes.b ? [1.0, 0, 2, 0, 1, 2] : [1, 0, 0, 1, 2, 2]
    let shape = Reference.ProductShape(m: 2, n: 2, k: 3, transposeA: transposes.a, transposeB: transposes.b)
    #expect(try Reference.matrixProduct(a, b, shape) == [7, 8, 16, 17])
  }

  @Test func anEmptySumIsTheActivatedBias() throws {
    let shape = Reference.ProductShape(m: 2, n: 1, k: 0)
    let c = try Reference.matrixProduct([], [], shape, bias: [1.0], activation: .tanh)
    expectEqual(c, [0.7615941559557649, 0.7615941559557649])
  }

  @Test(arguments: transposes, [Reference.Activation.none, .tanh])
  func backwardMatchesDifferences(_ transposes: (a: Bool, b: Bool), _ activation: Reference.Activation) throws
  {
    let shape = Reference.ProductShape(m: 3, n: 4, k: 5, transposeA: transposes.a, transposeB: transposes.b)
    let (a, b, bias) = (numbers(15, seed: 1), numbers(20, seed: 2), numbers(4, seed: 3))
    let dc = numbers(12, seed: 4)
    func forward(_ a: [Double], _ b: [Double], _ bias: [Double]) throws -> [Double] {
      try Reference.matrixProduct(a, b, shape, bias: bias, activation: activation)
    }
    let gradient = try Reference.matrixProductBackward(
      dc, output: forward(a, b, bias), a, b, shape, activation: activation)
    try expectGradient(gradient.a, at: a, weights: dc, "a") { try forward($0, b, bias) }
    try expectGradient(gradient.b, at: b, weights: dc, "b") { try forward(a, $0, bias) }
    try expectGradient(gradient.bias, at: bias, weights: dc, "bias") { try forward(a, b, $0) }
  }

  // Left to right, k products and k additions: |error| ≤ (k + 1) u Σ |a| |b| to first order.
  @Test func floatIsWithinTheBoundOfASum() throws {
    let shape = Reference.ProductShape(m: 7, n: 5, k: 61)
    let (a, b) = (numbers(7 * 61, seed: 5), numbers(61 * 5, seed: 6))
    let exact = try Reference.matrixProduct(a, b, shape)
    let absolute = try Reference.matrixProduct(a.map(abs), b.map(abs), shape)
    let found = try Reference.matrixProduct(floats(a), floats(b), shape)
    expectClose(found, exact, within: { Double(shape.k + 1) * u * absolute[$0] })
  }

  @Test func wrongShapesAreNamed() {
    let shape = Reference.ProductShape(m: 2, n: 2, k: 3)
    let six = [Double](repeating: 0, count: 6)
    #expect(throws: ReferenceError.shape(argument: "b", expected: [3, 2], count: 1)) {
      try Reference.matrixProduct(six, [0], shape)
    }
    #expect(throws: ReferenceError.shape(argument: "bias", expected: [2], count: 0)) {
      try Reference.matrixProduct(six, six, shape, bias: [])
    }
    #expect(throws: ReferenceError.shape(argument: "a", expected: [-1, 3], count: 0)) {
      try Reference.matrixProduct([], six, Reference.ProductShape(m: -1, n: 2, k: 3))
    }
    #expect(throws: ReferenceError.shape(argument: "a", expected: [Int.max, 2], count: 0)) {
      try Reference.matrixProduct([], six, Reference.ProductShape(m: Int.max, n: 2, k: 2))
    }
  }
}

import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// Rows whose likeliest tokens are asked for.
struct TopTokensProblem {
  let rows, vocabulary, hidden, count: Int
  var x, weight, bias: [Float]

  /// With `ties` few different logits, all exact.
  init(rows: Int, vocabulary: Int, hidden: Int, count: Int, ties: Bool = false, seed: UInt64 = 1) {
    (self.rows, self.vocabulary, self.hidden, self.count) = (rows, vocabulary, hidden, count)
    var random = SeededRandom(seed)
    func draw(_ count: Int) -> [Float] {
      ties ? random.integers(count, in: -1...1).map(Float.init) : random.floats(count)
    }
    (x, weight, bias) = (draw(rows * hidden), draw(vocabulary * hidden), draw(vocabulary))
  }

  /// What the weight is packed in; the reference knows `float32`.
  var precision = Precision.float32

  var shape: String { "M \(rows) V \(vocabulary) H \(hidden) k \(count)" }

  /// log softmax(x Wᵀ + b), [rows, vocabulary].
  func logProbabilities<T: Reference.Scalar>(_: T.Type) throws -> [T] {
    let shape = Reference.ProductShape(m: rows, n: vocabulary, k: hidden, transposeB: true)
    let logits = try Reference.matrixProduct(
      x.converted(to: T.self), weight.converted(), shape, bias: bias.converted())
    return try Reference.logSoftmax(logits, rows: rows, columns: vocabulary)
  }

  func run() -> (logProbabilities: [Float], tokens: [Int32]) {
    var logProbabilities = Output(rows * count)
    var tokens = [Int32](repeating: -7, count: rows * count + 1)
    let (m, v, h) = (Int64(rows), Int64(vocabulary), Int64(hidden))
    let packed = weight.withUnsafeBufferPointer {
      precision.packed(ck_matrix(data: $0.baseAddress, row_stride: 1, column_stride: h), k: h, n: v)
    }
    expectOK(
      ck_projected_top_k_f32(
        &logProbabilities.memory, &tokens, x, packed, bias, m, v, h, Int64(count)))
    #expect(tokens.removeLast() == -7, "written beyond the tokens")
    return (logProbabilities.elements, tokens)
  }

  /// The log-probabilities of the tokens found are theirs, they fall, and no other token's is larger.
  func check(_ set: String) throws {
    let (truth, naive) = (try logProbabilities(Double.self), try logProbabilities(Float.self))
    let found = try under(set) { run() }
    let tokens = found.tokens.map(Int.init)
    try #require(tokens.allSatisfy { (0..<vocabulary).contains($0) })
    let places = tokens.enumerated().map { $0 / count * vocabulary + $1 }
    let tolerance = Tolerance.forward(naive: naive, truth: truth)
    let trial = Trial("projected top k", set: set, shape: shape)
    expect(trial.compare("log p", found.logProbabilities, places.map { truth[$0] }, tolerance))
    for row in 0..<rows {
      let here = Array(tokens[row * count..<(row + 1) * count])
      #expect(Set(here).count == count)
      let values = found.logProbabilities[row * count..<(row + 1) * count]
      #expect(zip(values, values.dropFirst()).allSatisfy { $0 >= $1 })
      let others = Set(0..<vocabulary).subtracting(here).map { truth[row * vocabulary + $0] }
      let last = truth[row * vocabulary + here[count - 1]]
      let slack = 2 * Double(hidden + 3) * Tolerance.u * (abs(last) + 10)
      #expect(others.allSatisfy { $0 <= last + slack }, "\(shape): a likelier token is missing")
    }
  }
}

extension KernelTests {
  @Suite struct TopTokensTests {
    @Test(arguments: sets)
    func everyWidth(set: String) throws {
      for w in widths(set) {
        try TopTokensProblem(rows: 3, vocabulary: w, hidden: 5, count: min(w, 3), seed: UInt64(w)).check(set)
        try TopTokensProblem(rows: w, vocabulary: 19, hidden: 3, count: 19, seed: UInt64(w)).check(set)
        try TopTokensProblem(rows: 2, vocabulary: 23, hidden: w, count: 1, seed: UInt64(w)).check(set)
      }
    }

    /// A part has 512 columns, a block 96 rows, and a block of the depth 512: all of these have a rest here.
    @Test(arguments: sets)
    func severalPartsAndBlocks(set: String) throws {
      try TopTokensProblem(rows: 101, vocabulary: 1100, hidden: 7, count: 8).check(set)
      try TopTokensProblem(rows: 5, vocabulary: 600, hidden: 520, count: 600).check(set)
    }

    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      try under(set) {
        #expect(TopTokensProblem(rows: 0, vocabulary: 4, hidden: 3, count: 2).run().tokens.isEmpty)
        // Without a hidden unit the bias alone decides.
        var problem = TopTokensProblem(rows: 2, vocabulary: 4, hidden: 0, count: 2)
        problem.bias = [1, 3, 2, 3]
        #expect(problem.run().tokens == [1, 3, 1, 3])
      }
    }

    /// Where logits are small integers, exact in every order, the result is what sorting says.
    @Test(arguments: sets)
    func equalsStandInOrder(set: String) throws {
      for count in [1, 4, 40] {
        let problem = TopTokensProblem(rows: 7, vocabulary: 1201, hidden: 6, count: count, ties: true)
        let truth = try problem.logProbabilities(Double.self)
        let tokens = try under(set) { problem.run().tokens }
        for row in 0..<7 {
          let logits = truth[row * 1201..<(row + 1) * 1201].map { ($0 - truth[row * 1201]).rounded() }
          let sorted = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }
          #expect(tokens[row * count..<(row + 1) * count].map(Int.init) == Array(sorted.prefix(count)))
        }
      }
    }

    /// A NaN or +∞ leaves its row without probabilities, and no other; −∞ is a probability of 0.
    @Test(arguments: sets)
    func notANumberAndInfinity(set: String) throws {
      var problem = TopTokensProblem(rows: 4, vocabulary: 600, hidden: 1, count: 3)
      (problem.x, problem.bias) = ([0, .nan, .infinity, 0.5], [Float](repeating: -.infinity, count: 600))
      problem.weight = [Float](repeating: 1, count: 600)
      (problem.bias[7], problem.bias[599]) = (-2000, -1000)
      let (logProbabilities, tokens) = try under(set) { problem.run() }
      for row in [0, 3] {
        #expect(tokens[row * 3..<row * 3 + 3] == [599, 7, 0])
        #expect(logProbabilities[row * 3..<row * 3 + 3] == [0, -1000, -.infinity])
      }
      #expect(tokens[3..<9].allSatisfy { $0 == -1 })
      #expect(logProbabilities[3..<9].allSatisfy { $0.isNaN })
    }

    /// A row's result does not depend on how many rows there are.
    @Test(arguments: sets)
    func rowsAreIndependent(set: String) throws {
      let problem = TopTokensProblem(rows: 110, vocabulary: 700, hidden: 33, count: 5)
      try under(set) {
        let all = problem.run()
        for row in [0, 5, 95, 96, 109] {
          var one = TopTokensProblem(rows: 1, vocabulary: 700, hidden: 33, count: 5)
          (one.weight, one.bias) = (problem.weight, problem.bias)
          one.x = Array(problem.x[row * 33..<(row + 1) * 33])
          let alone = one.run()
          #expect(alone.logProbabilities.bits == Array(all.logProbabilities[row * 5..<row * 5 + 5]).bits)
          #expect(alone.tokens == Array(all.tokens[row * 5..<row * 5 + 5]))
        }
      }
    }

    @Test func theSwiftType() throws {
      let problem = TopTokensProblem(rows: 2, vocabulary: 4, hidden: 3, count: 4)
      let x = Matrix(try Tensor(problem.x, shape: [2, 3]))
      let weight = PackedMatrix(Matrix(try Tensor(problem.weight, shape: [4, 3])).transposed)
      let likeliest = LikeliestTokens(9, of: x, weight, bias: try Tensor(problem.bias, shape: [4]))
      let expected = problem.run()
      #expect(likeliest.count == 4)
      for row in 0..<2 {
        #expect(likeliest.row(row).map(\.token) == expected.tokens[row * 4..<row * 4 + 4].map(Int.init))
        #expect(
          likeliest.row(row).map(\.logProbability)
            == Array(expected.logProbabilities[row * 4..<row * 4 + 4]))
      }
      let nan = Matrix(try Tensor([.nan, 0, 0], shape: [1, 3]))
      let none = LikeliestTokens(2, of: nan, weight, bias: try Tensor(problem.bias, shape: [4]))
      #expect(none.row(0).isEmpty)
    }
  }
}

import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// A batch of products, in the transposes, flags and places that it is asked for in.
struct BatchedProduct: Sendable {
  let batch, m, n, k: Int
  var (transposesA, transposesB, sharesA, sharesB) = (false, false, false, false)
  var (biased, accumulates, squashes) = (true, false, false)
  /// Whether row i of all products comes before row i + 1 of any, as where heads lie side by side.
  var sideBySide = false
  let a, b, bias, c: [Float]

  init(_ batch: Int, _ m: Int, _ n: Int, _ k: Int) {
    (self.batch, self.m, self.n, self.k) = (batch, m, n, k)
    var random = SeededRandom(UInt64(batch + 100 * m + 10_000 * n + 1_000_000 * k))
    (a, b) = (random.floats(batch * m * k), random.floats(batch * k * n))
    (bias, c) = (random.floats(n), random.floats(batch * m * n))
  }

  /// How far rows of c lie apart, and products.
  private var strides: (row: Int, product: Int) {
    sideBySide ? (batch * n + 1, n) : (n + 1, m * (n + 1))
  }

  private func index(_ i: Int, _ row: Int) -> Int { i * strides.product + row * strides.row }

  /// c of all products, one after the other.
  func run() -> [Float] {
    let gap = Float(bitPattern: 0x7fc0_beef)
    var start = [Float](repeating: gap, count: batch * m * (n + 1))
    for i in 0..<batch {
      for row in 0..<m {
        for j in 0..<n { start[index(i, row) + j] = accumulates ? c[(i * m + row) * n + j] : .nan }
      }
    }
    var out = Output(start)
    let flags = (accumulates ? Int32(CK_ACCUMULATE) : 0) | (squashes ? Int32(CK_TANH) : 0)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        let (rows, columns, depth) = (Int64(m), Int64(n), Int64(k))
        let left = ck_matrix(
          data: a.baseAddress, row_stride: transposesA ? 1 : depth, column_stride: transposesA ? rows : 1)
        let right = ck_matrix(
          data: b.baseAddress, row_stride: transposesB ? 1 : columns,
          column_stride: transposesB ? depth : 1)
        expectOK(
          ck_matmul_batched_f32(
            &out.memory, Int64(strides.product), Int64(strides.row), left, sharesA ? 0 : rows * depth, right,
            sharesB ? 0 : depth * columns, biased ? bias : nil, flags, Int64(batch), rows, columns, depth))
      }
    }
    var (result, rest) = ([Float](), out.elements)
    for i in 0..<batch {
      for row in 0..<m {
        let place = index(i, row)..<index(i, row) + n
        result += rest[place]
        rest.replaceSubrange(place, with: [Float](repeating: gap, count: n))
      }
    }
    #expect(rest.bits.allSatisfy { $0 == gap.bitPattern }, "written between the rows")
    return result
  }

  func check(_ set: String) throws {
    let shape = Reference.ProductShape(m: m, n: n, k: k, transposeA: transposesA, transposeB: transposesB)
    func sums(_ part: (Float) -> Double) throws -> [Double] {
      try (0..<batch).flatMap { i in
        let (x, y) = (sharesA ? 0 : i, sharesB ? 0 : i)
        let product = try Reference.matrixProduct(
          a[x * m * k..<(x + 1) * m * k].map(part), b[y * k * n..<(y + 1) * k * n].map(part), shape,
          bias: biased ? bias.map(part) : nil)
        return accumulates ? zip(product, c[i * m * n..<(i + 1) * m * n].map(part)).map(+) : product
      }
    }
    let (exact, magnitudes) = (try sums { Double($0) }, try sums { Double(abs($0)) })
    let result = try under(set) { run() }
    let tolerance = Tolerance.sum(terms: k, magnitudes: magnitudes)
    expect(
      Trial("batched matmul", set: set, shape: "\(self.batch) × \(m) × \(n) × \(k), \(options)").compare(
        "c", result, squashes ? try tanh(exact) : exact,
        squashes ? tolerance + .hyperbolicTangent : tolerance))
  }

  /// By the reference: a product with 1.
  private func tanh(_ x: [Double]) throws -> [Double] {
    try Reference.matrixProduct(x, [1], .init(m: x.count, n: 1, k: 1), activation: .tanh)
  }

  private var options: String {
    [
      transposesA ? "aᵀ" : nil, transposesB ? "bᵀ" : nil, sharesA ? "one a" : nil, sharesB ? "one b" : nil,
      biased ? "bias" : nil, accumulates ? "accumulate" : nil, squashes ? "tanh" : nil,
      sideBySide ? "side by side" : nil,
    ].compactMap { $0 }.joined(separator: " ")
  }
}

extension KernelTests {
  @Suite struct BatchedMatmulTests {
    /// Every combination of transposes, shared operands, bias, flags and places on small products.
    @Test(arguments: sets)
    func everyForm(set: String) throws {
      for (batch, m, n, k) in [(1, 3, 5, 2), (3, 7, lanes(set) + 1, 5), (5, 1, 2, 9)] {
        for bits in 0..<256 {
          var problem = BatchedProduct(batch, m, n, k)
          problem.transposesA = bits & 1 != 0
          problem.transposesB = bits & 2 != 0
          problem.sharesA = bits & 4 != 0
          problem.sharesB = bits & 8 != 0
          problem.biased = bits & 16 != 0
          problem.accumulates = bits & 32 != 0
          problem.squashes = bits & 64 != 0
          problem.sideBySide = bits & 128 != 0
          try problem.check(set)
        }
      }
    }

    /// Products of several tiles; large ones, by their factors (of 2¹⁸ floats and more) and by their work (above 256³).
    @Test(
      arguments: sets,
      [(2, 97, 257, 30), (2, 40, 100, 2000), (2, 120, 260, 600), (2, 4100, 3, 70), (2, 320, 330, 170)])
    func everySize(_ set: String, _ shape: (Int, Int, Int, Int)) throws {
      var problem = BatchedProduct(shape.0, shape.1, shape.2, shape.3)
      for shared in [false, true] {
        (problem.sharesB, problem.transposesB, problem.sideBySide) = (shared, shared, shared)
        try problem.check(set)
      }
    }

    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      for (batch, m, n, k) in [(0, 3, 5, 4), (3, 0, 5, 4), (3, 5, 0, 4), (3, 5, 4, 0), (0, 0, 0, 0)] {
        for shared in [false, true] {
          var problem = BatchedProduct(batch, m, n, k)
          (problem.sharesB, problem.accumulates) = (shared, shared)
          try problem.check(set)
        }
      }
    }

    /// What is not read may have any strides.
    @Test(arguments: sets)
    func stridesOfEmptyFactors(set: String) throws {
      let bias: [Float] = [1, 2, 3, 4, 5]
      for stride in [Int64.max, .min] {
        for apart in [0, stride] {
          let nothing = ck_matrix(data: nil, row_stride: stride, column_stride: stride)
          var c = Output(30)
          try under(set) {
            expectOK(
              ck_matmul_batched_f32(&c.memory, 10, 5, nothing, apart, nothing, apart, bias, 0, 3, 2, 5, 0))
          }
          #expect(c.elements == (0..<6).flatMap { _ in bias })
        }
      }
    }

    /// Each product is that of a call of its own, to the bit.
    @Test(arguments: sets, [(5, 30, 30, 70), (3, 97, 270, 600)])
    func productsAreThoseOfCallsOfTheirOwn(_ set: String, _ shape: (Int, Int, Int, Int)) throws {
      let (batch, m, n, k) = shape
      let problem = BatchedProduct(batch, m, n, k)
      try under(set) {
        let together = problem.run()
        for i in 0..<batch {
          var c = Output(m * n)
          problem.a.withUnsafeBufferPointer { a in
            problem.b.withUnsafeBufferPointer { b in
              let left = ck_matrix(
                data: a.baseAddress! + i * m * k, row_stride: Int64(k), column_stride: 1)
              let right = ck_matrix(
                data: b.baseAddress! + i * k * n, row_stride: Int64(n), column_stride: 1)
              expectOK(
                ck_matmul_f32(
                  &c.memory, Int64(n), left, right, problem.bias, 0, Int64(m), Int64(n), Int64(k)))
            }
          }
          #expect(c.elements.bits == Array(together[i * m * n..<(i + 1) * m * n]).bits)
        }
      }
    }

    @Test(arguments: sets)
    func swiftFunction(set: String) throws {
      for bits in 0..<4 {
        var problem = BatchedProduct(6, 5, 9, 11)
        (problem.transposesB, problem.sharesB) = (bits & 1 != 0, bits & 2 != 0)
        problem.squashes = true
        let sides = problem.transposesB ? [9, 11] : [11, 9]
        try under(set) {
          let b =
            problem.sharesB
            ? try Tensor(problem.b.prefix(99), shape: sides) : try Tensor(problem.b, shape: [2, 3] + sides)
          let result = try matrixProduct(
            Tensor(problem.a, shape: [2, 3, 5, 11]), b, transposingB: problem.transposesB,
            bias: Tensor(problem.bias, shape: [9]), activation: .tanh)
          #expect(result == (try Tensor(problem.run(), shape: [2, 3, 5, 9])))
        }
      }
    }
  }
}

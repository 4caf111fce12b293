import Attention
import AttentionReference
import CKernels
import Foundation
import TestSupport
import Testing

/// One product's data, in the transposes and flags that it is asked for in.
private struct Product {
  let shape: Reference.ProductShape
  let a, b, bias, c: [Float]

  init(_ m: Int, _ n: Int, _ k: Int, transposeA: Bool, transposeB: Bool, seed: UInt64) {
    shape = Reference.ProductShape(m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB)
    var random = SeededRandom(seed)
    a = random.floats(m * k)
    b = random.floats(k * n)
    bias = random.floats(n)
    c = random.floats(m * n)
  }

  func left(_ data: UnsafePointer<Float>) -> ck_matrix {
    let (m, k) = (Int64(shape.m), Int64(shape.k))
    return ck_matrix(
      data: data, row_stride: shape.transposeA ? 1 : k, column_stride: shape.transposeA ? m : 1)
  }

  func right(_ data: UnsafePointer<Float>) -> ck_matrix {
    let (n, k) = (Int64(shape.n), Int64(shape.k))
    return ck_matrix(
      data: data, row_stride: shape.transposeB ? 1 : n, column_stride: shape.transposeB ? k : 1)
  }

  /// act(a b + bias (+ c)) in double, and Σ|a||b| + |bias| (+ |c|).
  func truth(bias biased: Bool, accumulate: Bool, tanh squashed: Bool) throws -> ([Double], [Double]) {
    func sums(_ part: (Float) -> Double) throws -> [Double] {
      let product = try Reference.matrixProduct(
        a.map(part), b.map(part), shape, bias: biased ? bias.map(part) : nil)
      return accumulate ? zip(product, c.map(part)).map(+) : product
    }
    let values = try sums { Double($0) }
    return (squashed ? values.map { tanh($0) } : values, try sums { Double(abs($0)) })
  }

  /// The kernel's result as rows `stride` apart, the gaps checked and left out.
  func run(bias biased: Bool, flags: Int32, packed: Bool, stride: Int) -> [Float] {
    let (m, n, k) = (Int64(shape.m), Int64(shape.n), Int64(shape.k))
    let gap = Float(bitPattern: 0x7fc0_beef)
    let rows = (0..<shape.m).map { Array(c[$0 * shape.n..<($0 + 1) * shape.n]) }
    let start = rows.flatMap { row in
      (flags & Int32(CK_ACCUMULATE) != 0 ? row : row.map { _ in Float.nan })
        + [Float](repeating: gap, count: stride - shape.n)
    }
    var out = Output(start)
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        let (left, right) = (self.left(a.baseAddress!), self.right(b.baseAddress!))
        if packed {
          var panels = Output(Int(ck_packed_count_f32(k, n, 1)))
          expectOK(ck_pack_f32(&panels.memory, right, k, n, 1))
          expectOK(
            ck_matmul_packed_f32(
              &out.memory, Int64(stride), left, panels.elements, biased ? bias : nil, flags, m, n, k))
        } else {
          expectOK(
            ck_matmul_f32(&out.memory, Int64(stride), left, right, biased ? bias : nil, flags, m, n, k))
        }
      }
    }
    let result = out.elements
    let gaps = (0..<shape.m).flatMap { result[$0 * stride + shape.n..<($0 + 1) * stride] }
    #expect(gaps.bits.allSatisfy { $0 == gap.bitPattern }, "written between the rows")
    return (0..<shape.m).flatMap { result[$0 * stride..<$0 * stride + shape.n] }
  }

  func check(set: String, bias: Bool, accumulate: Bool, tanh: Bool, packed: Bool, stride: Int) throws {
    let flags = (accumulate ? Int32(CK_ACCUMULATE) : 0) | (tanh ? Int32(CK_TANH) : 0)
    let (truth, magnitudes) = try truth(bias: bias, accumulate: accumulate, tanh: tanh)
    let result = try under(set) { run(bias: bias, flags: flags, packed: packed, stride: stride) }
    let s = shape
    let trial = Trial(
      packed ? "matmul packed" : "matmul", set: set,
      shape: """
        M \(s.m) N \(s.n) K \(s.k)\(s.transposeA ? " aᵀ" : "")\(s.transposeB ? " bᵀ" : "")\(bias ? " bias" : "")\
        \(accumulate ? " accumulate" : "")\(tanh ? " tanh" : "") stride \(stride)
        """)
    let sum = Tolerance.sum(terms: s.k, magnitudes: magnitudes)
    // tanh has a slope of at most 1.
    expect(trial.compare("c", result, truth, tanh ? sum + .hyperbolicTangent : sum))
  }
}

extension KernelTests {
  @Suite struct MatmulTests {
    static let transposes = [(false, false), (false, true), (true, false), (true, true)]

    /// Every combination of transposes, bias, flags, packing and stride on small products.
    @Test(arguments: sets)
    func everyForm(set: String) throws {
      let w = lanes(set)
      let shapes = [(1, 1, 1), (5, w + 1, 7), (6, 2 * w, w), (13, 37, 37), (7, 4 * w + 3, 2)]
      for (index, (m, n, k)) in shapes.enumerated() {
        for (transposeA, transposeB) in Self.transposes {
          let product = Product(
            m, n, k, transposeA: transposeA, transposeB: transposeB, seed: UInt64(index))
          for bits in 0..<16 {
            try product.check(
              set: set, bias: bits & 1 != 0, accumulate: bits & 2 != 0, tanh: bits & 4 != 0,
              packed: bits & 8 != 0, stride: n + bits % 3)
          }
        }
      }
    }

    /// Every remainder of rows and columns in the register tile; few rows take up to four panels, of 64 columns at most.
    @Test(arguments: sets)
    func everyRemainder(set: String) throws {
      for m in 1...7 {
        for n in widths(set) + [256, 300] {
          try Product(m, n, 5, transposeA: false, transposeB: true, seed: 7).check(
            set: set, bias: true, accumulate: true, tanh: false, packed: false, stride: n)
        }
      }
    }

    /// A row's result does not depend on how many others there are: a sentence translated alone is that of its batch.
    @Test(arguments: sets)
    func rowsDoNotDependOnTheirNumber(set: String) throws {
      let (m, n, k) = (13, 300, 600)
      var random = SeededRandom(11)
      let (a, b) = (random.floats(m * k), random.floats(k * n))
      func product(_ rows: Int) -> [UInt32] {
        var c = Output(rows * n)
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            expectOK(
              ck_matmul_f32(
                &c.memory, Int64(n), ck_matrix(data: a.baseAddress, row_stride: Int64(k), column_stride: 1),
                ck_matrix(data: b.baseAddress, row_stride: 1, column_stride: Int64(k)), nil, 0, Int64(rows),
                Int64(n), Int64(k)))
          }
        }
        return c.elements.bits
      }
      try under(set) {
        let whole = product(m)
        for rows in 1..<m { #expect(product(rows) == Array(whole[..<(rows * n)]), "\(rows) rows") }
      }
    }

    /// Around the edges of the blocks of 96 rows, 256 columns and 512 in depth, and beyond the slab of 4 Mi elements
    /// of a.
    @Test(
      arguments: sets,
      [
        (95, 255, 511), (96, 256, 512), (97, 257, 513), (1, 513, 600), (200, 1, 1000), (3, 3, 4099),
        (4500, 3, 1009),
      ])
    func blockEdges(_ set: String, _ shape: (Int, Int, Int)) throws {
      let (m, n, k) = shape
      for (transposeA, transposeB) in [(false, true), (true, false)] {
        let product = Product(m, n, k, transposeA: transposeA, transposeB: transposeB, seed: 8)
        try product.check(
          set: set, bias: true, accumulate: transposeA, tanh: false, packed: transposeB, stride: n + 1)
      }
    }

    /// Nothing to add up gives act(bias); nothing to write writes nothing.
    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      for (m, n, k) in [(3, 5, 0), (0, 5, 4), (3, 0, 4), (0, 0, 0)] {
        for bits in 0..<16 {
          try Product(m, n, k, transposeA: false, transposeB: false, seed: 9).check(
            set: set, bias: bits & 1 != 0, accumulate: bits & 2 != 0, tanh: bits & 4 != 0,
            packed: bits & 8 != 0, stride: n + 1)
        }
      }
    }

    /// A NaN or an infinity reaches its row or column, and those alone.
    @Test(arguments: sets)
    func nanReachesItsRowAndColumn(set: String) throws {
      var random = SeededRandom(10)
      var (a, b) = (random.floats(7 * 5), random.floats(5 * 19))
      a[3 * 5 + 2] = .nan
      b[1 * 19 + 17] = .infinity
      var c = Output(7 * 19)
      try under(set) {
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            expectOK(
              ck_matmul_f32(
                &c.memory, 19, ck_matrix(data: a.baseAddress, row_stride: 5, column_stride: 1),
                ck_matrix(data: b.baseAddress, row_stride: 19, column_stride: 1), nil, 0, 7, 19, 5))
          }
        }
      }
      for (index, value) in c.elements.enumerated() {
        let (i, j) = (index / 19, index % 19)
        #expect(value.isFinite == (i != 3 && j != 17), "[\(i), \(j)] is \(value)")
        #expect(value.isNaN == (i == 3), "[\(i), \(j)] is \(value)")
      }
    }

    @Test(arguments: sets)
    func swiftFunction(set: String) throws {
      var random = SeededRandom(12)
      let (a, b, bias) = (random.floats(6 * 11), random.floats(11 * 9), random.floats(9))
      for transposed in [false, true] {
        let shape = Reference.ProductShape(m: 6, n: 9, k: 11, transposeB: transposed)
        let truth = try Reference.matrixProduct(
          a.doubles, b.doubles, shape, bias: bias.doubles, activation: .tanh)
        let magnitudes = try Reference.matrixProduct(
          a.doubles.map(abs), b.doubles.map(abs), shape, bias: bias.doubles.map(abs))
        let result = try under(set) {
          try matrixProduct(
            Tensor(a, shape: [6, 11]), Tensor(b, shape: transposed ? [9, 11] : [11, 9]),
            transposingB: transposed, bias: Tensor(bias, shape: [9]), activation: .tanh)
        }
        #expect(result.shape == [6, 9])
        expect(
          Trial("matrixProduct", set: set, shape: "6 × 9 × 11\(transposed ? " bᵀ" : "")").compare(
            "c", result.elements, truth, .sum(terms: 11, magnitudes: magnitudes) + .hyperbolicTangent))
      }
    }
  }
}

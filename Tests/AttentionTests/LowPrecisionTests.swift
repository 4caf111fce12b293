import Attention
import AttentionReference
import CKernels
import Foundation
import TestSupport
import Testing

extension Precision {
  /// b[k, n] packed under the set in use.
  func packed(_ b: ck_matrix, k: Int64, n: Int64, groups: Int64 = 1) -> [Float] {
    var panels = Output(Int(packing.count(k, n, groups)))
    expectOK(packing.pack(&panels.memory, b, k, n, groups))
    return panels.elements
  }
}

extension Float {
  /// The nearest bfloat16, of two the even one: from its two neighbours and their distances, in double.
  var bfloat16: Float {
    guard isFinite else { return self }
    let below = Float(bitPattern: bitPattern & 0xffff_0000)
    let above = Float(bitPattern: below.bitPattern + 0x1_0000)
    // Beyond the largest one the next would be 2¹²⁸, which is infinity's place.
    let next = above.isFinite ? Double(above) : Double(sign: sign, exponent: 128, significand: 1)
    let (left, right) = (abs(Double(self) - Double(below)), abs(next - Double(self)))
    if left == right { return below.bitPattern & 0x1_0000 == 0 ? below : above }
    return left < right ? below : above
  }
}

/// A product whose weights are packed in fewer bits, [m, k] · [k, n].
private struct PackedProduct {
  /// Of a, the first m rows count.
  var m: Int
  let n, k, groups: Int
  /// Whether a is stored as [k, m] and b as [k, n]; otherwise [m, k] and [n, k].
  let transposed: Bool
  var a, b: [Float]
  let bias, c: [Float]

  init(_ m: Int, _ n: Int, _ k: Int, groups: Int = 1, transposed: Bool = false, seed: UInt64) {
    (self.m, self.n, self.k, self.groups, self.transposed) = (m, n, k, groups, transposed)
    var random = SeededRandom(seed)
    (a, b) = (random.floats(m * k, -3, 3), random.floats(k * n))
    (bias, c) = (random.floats(n), random.floats(m * n))
  }

  func left(_ i: Int, _ k: Int) -> Float { transposed ? a[k * m + i] : a[i * self.k + k] }
  func right(_ k: Int, _ j: Int) -> Float { transposed ? b[k * n + j] : b[j * self.k + k] }

  var shape: String { "M \(m) N \(n) K \(k) groups \(groups)\(transposed ? " aᵀ" : " bᵀ")" }

  /// Both factors as bfloat16 has them.
  var rounded: PackedProduct {
    var product = self
    (product.a, product.b) = (a.map(\.bfloat16), b.map(\.bfloat16))
    return product
  }

  /// b is packed before, or in `bfloat16` on the fly.
  func run(_ precision: Precision, flags: Int32 = 0, onTheFly: Bool = false) -> [Float] {
    var out = Output(flags & Int32(CK_ACCUMULATE) != 0 ? c : [Float](repeating: .nan, count: m * n))
    let (m, n, k) = (Int64(m), Int64(n), Int64(k))
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        let left = ck_matrix(
          data: a.baseAddress, row_stride: transposed ? 1 : k, column_stride: transposed ? m : 1)
        let right = ck_matrix(
          data: b.baseAddress, row_stride: transposed ? n : 1, column_stride: transposed ? 1 : k)
        if onTheFly {
          expectOK(ck_matmul_bf16(&out.memory, n, left, right, bias, flags, m, n, k))
        } else {
          let panels = precision.packed(right, k: k, n: n, groups: Int64(groups))
          expectOK(ck_matmul_packed_f32(&out.memory, n, left, panels, bias, flags, m, n, k))
        }
      }
    }
    return out.elements
  }
}

/// What int8 makes of a product, in integers and double.
private struct Quantised {
  /// s_i t_j Σ q r.
  var products: [Double] = []
  /// ε (t Σ|a| + s Σ|b|) + K ε² s t: what it may differ from the product by.
  var errors: [Double] = []
  /// Σ a b.
  var exact: [Double] = []

  /// Rounded as the contract says: by a product with 127 / largest, both steps in `Float`.
  private static func quantise(_ row: [Float]) -> (scale: Double, integers: [Int]) {
    let largest = row.map(abs).max() ?? 0
    let integers = row.map { largest > 0 ? Int(($0 * (127 / largest)).rounded(.toNearestOrEven)) : 0 }
    return (Double(largest) / 127, integers)
  }

  init(_ p: PackedProduct) {
    let rows = (0..<p.m).map { i in (0..<p.k).map { p.left(i, $0) } }
    let columns = (0..<p.n).map { j in (0..<p.k).map { p.right($0, j) } }
    let (q, r) = (rows.map(Self.quantise), columns.map(Self.quantise))
    let magnitudes = columns.map { $0.reduce(0) { $0 + Double(abs($1)) } }
    let e = 0.5 + 0x1p-15
    for i in 0..<p.m {
      let magnitude = rows[i].reduce(0) { $0 + Double(abs($1)) }
      for j in 0..<p.n {
        let (s, t) = (q[i].scale, r[j].scale)
        var (sum, exact) = (0, 0.0)
        for k in 0..<p.k {
          sum += q[i].integers[k] * r[j].integers[k]
          exact += Double(rows[i][k]) * Double(columns[j][k])
        }
        products.append(s * t * Double(sum))
        errors.append(e * (t * magnitude + s * magnitudes[j]) + Double(p.k) * e * e * s * t)
        self.exact.append(exact)
      }
    }
  }
}

extension KernelTests {
  @Suite struct LowPrecisionTests {
    /// Every number of rows of the register tile, and one more than a block of them.
    static let rows = Array(1...13) + [97]
    static let depths = [0, 1, 7, 511, 513, 1025]

    @Test(arguments: sets)
    func bfloat16IsFloat32WithRoundedFactors(set: String) throws {
      let w = lanes(set)
      for (index, m) in Self.rows.enumerated() {
        for k in Self.depths {
          for (n, groups) in [(w + 1, 1), (4 * (w + 3), 4), (m < 3 ? 321 : 1, 1)] {
            let product = PackedProduct(
              m, n, k, groups: groups, transposed: (index + groups) % 2 == 0, seed: UInt64(index))
            for flags in [0, Int32(CK_ACCUMULATE), Int32(CK_TANH)] {
              try under(set) {
                let result = product.run(.bfloat16, flags: flags)
                let onTheFly = product.run(.bfloat16, flags: flags, onTheFly: true)
                #expect(onTheFly.bits == result.bits, "\(product.shape) flags \(flags)")
                if set == "avx512bf16" {
                  expectSums(result, product.rounded, flags, set)
                } else {
                  let expected = product.rounded.run(.float32, flags: flags)
                  #expect(result.bits == expected.bits, "\(product.shape) flags \(flags)")
                }
              }
            }
          }
        }
      }
    }

    /// A product with rounded factors in double, within what the instruction for it may be off by.
    private func expectSums(_ result: [Float], _ product: PackedProduct, _ flags: Int32, _ set: String) {
      let (m, n, k) = (product.m, product.n, product.k)
      var (truth, magnitudes, factors) = ([Double](), [Double](), [Double]())
      for i in 0..<m {
        for j in 0..<n {
          let added = flags & Int32(CK_ACCUMULATE) != 0 ? Double(product.c[i * n + j]) : 0
          var (sum, magnitude, factor) = (Double(product.bias[j]) + added, 0.0, 0.0)
          magnitude = abs(Double(product.bias[j])) + abs(added)
          for k in 0..<k {
            let (a, b) = (Double(product.left(i, k)), Double(product.right(k, j)))
            sum += a * b
            magnitude += abs(a * b)
            factor += abs(a) + abs(b)
          }
          truth.append(sum)
          magnitudes.append(magnitude)
          factors.append(factor)
        }
      }
      let sums = Tolerance.flushed(terms: k, magnitudes: magnitudes, factors: factors)
      let squashed = flags & Int32(CK_TANH) != 0
      expect(
        Trial("matmul bfloat16", set: set, shape: "\(product.shape) flags \(flags)").compare(
          "c", result, squashed ? truth.map { tanh($0) } : truth,
          squashed ? sums + .hyperbolicTangent : sums))
    }

    /// Products of two bfloat16 are exact in fp32, and their sums have one order: all sets agree to the bit, save the one
    /// whose instruction flushes.
    @Test func bfloat16IsTheSameUnderEverySet() throws {
      for k in Self.depths {
        let product = PackedProduct(13, 75, k, seed: 5)
        let expected = try under("scalar") { product.run(.bfloat16, flags: Int32(CK_ACCUMULATE)) }
        for set in KernelTests.sets where set != "avx512bf16" {
          let result = try under(set) { product.run(.bfloat16, flags: Int32(CK_ACCUMULATE)) }
          #expect(result.bits == expected.bits, "\(set), K \(k)")
        }
      }
    }

    /// A weight's gradient, xᵀ dy, on the fly and with dy packed.
    @Test func productsOfMatricesInBfloat16() throws {
      var random = SeededRandom(11)
      let x = Matrix(try Tensor(random.floats(35 * 13), shape: [35, 13])).transposed
      let dy = Matrix(try Tensor(random.floats(35 * 21), shape: [35, 21]))
      let (c, expected) = (Matrix(rows: 13, columns: 21), Matrix(rows: 13, columns: 21))
      c.setProduct(x, dy, precision: .bfloat16)
      expected.setProduct(x, PackedMatrix(dy, precision: .bfloat16))
      #expect(c.tensor([13, 21]).elements.bits == expected.tensor([13, 21]).elements.bits)
      c.setProduct(x, dy)
      #expect(c.tensor([13, 21]).elements.bits != expected.tensor([13, 21]).elements.bits)
    }

    /// Ties go to the even one; beyond the largest there is infinity; NaN stays NaN whatever bits it loses. Of b and of a.
    @Test(arguments: sets)
    func bfloat16Rounding(set: String) throws {
      let patterns: [UInt32] = [
        0, 1, 0x7fff, 0x8000, 0x8001, 0x1_8000, 0x1_7fff, 0x3f80_0000, 0x3f80_8000, 0x3f80_8001, 0x3f81_8000,
        0x3f81_7fff, 0x7f7f_7fff, 0x7f7f_8000, 0x7f7f_ffff, 0x7f80_0000, 0x7f80_0001, 0x7fc0_0000,
        0x7fff_ffff,
      ]
      var product = PackedProduct(1, 2 * patterns.count, 1, seed: 1)
      product.a = [1]
      product.b = (patterns + patterns.map { $0 | 0x8000_0000 }).map(Float.init(bitPattern:))
      let expected = zip(product.b, product.bias).map { $0.bfloat16 + $1 }
      let result = try under(set) { product.run(.bfloat16) }
      for (index, (value, truth)) in zip(result, expected).enumerated() {
        #expect(value == truth || value.isNaN && truth.isNaN, "\(product.b[index]) gives \(value)")
      }
      for transposed in [false, true] {
        var column = PackedProduct(2 * patterns.count, 1, 1, transposed: transposed, seed: 1)
        (column.a, column.b) = (product.b, [1])
        let result = try under(set) { column.run(.bfloat16) }
        for (value, x) in zip(result, column.a) {
          let truth = x.bfloat16 + column.bias[0]
          #expect(value == truth || value.isNaN && truth.isNaN, "\(x) gives \(value)")
        }
      }
      #expect(Float(bitPattern: 0x7f7f_8000).bfloat16 == .infinity)
    }

    /// Against the same integers in double, up to seven roundings of the product and two of what is added; and against
    /// the product itself, within what the contract says of rounding to integers.
    @Test(arguments: sets)
    func int8(set: String) throws {
      let w = lanes(set)
      for (index, m) in Self.rows.enumerated() {
        for k in Self.depths {
          for (n, groups) in [(w + 1, 1), (4 * (w + 3), 4)] {
            let product = PackedProduct(
              m, n, k, groups: groups, transposed: (index + groups) % 2 == 0, seed: UInt64(index))
            let quantised = Quantised(product)
            for accumulate in [false, true] {
              let flags = accumulate ? Int32(CK_ACCUMULATE) : 0
              let added = (0..<m * n).map { index in
                (Double(product.bias[index % n]), accumulate ? Double(product.c[index]) : 0)
              }
              let roundings = (0..<m * n).map { index in
                7 * abs(quantised.products[index]) + 2 * (abs(added[index].0) + abs(added[index].1))
              }
              let result = try under(set) { product.run(.int8, flags: flags) }
              let trial = Trial(
                "matmul int8", set: set, shape: "\(product.shape)\(accumulate ? " accumulate" : "")")
              func compare(_ name: String, _ sums: [Double], within errors: [Double]) {
                expect(
                  trial.compare(
                    name, result, zip(sums, added).map { $0 + $1.0 + $1.1 },
                    .quantised(roundings: roundings, errors: errors)))
              }
              compare("c", quantised.products, within: roundings.map { _ in 0 })
              compare("c beside the product", quantised.exact, within: quantised.errors)
            }
          }
        }
      }
    }

    /// What the sums are integers for: all sets agree to the bit, however many rows there are.
    @Test func int8IsTheSameUnderEverySet() throws {
      for k in Self.depths {
        let product = PackedProduct(13, 75, k, seed: 5)
        let expected = try under("scalar") { product.run(.int8, flags: Int32(CK_ACCUMULATE)) }
        for set in KernelTests.sets {
          let result = try under(set) { product.run(.int8, flags: Int32(CK_ACCUMULATE)) }
          #expect(result.bits == expected.bits, "\(set), K \(k)")
        }
      }
    }

    @Test(arguments: sets, [Precision.bfloat16, .int8])
    func rowsDoNotDependOnTheirNumber(_ set: String, _ precision: Precision) throws {
      let whole = PackedProduct(13, 300, 600, seed: 6)
      try under(set) {
        let expected = whole.run(precision).bits
        for rows in 1..<13 {
          var part = whole
          part.m = rows
          #expect(part.run(precision).bits == Array(expected[..<(rows * 300)]), "\(rows) rows")
        }
      }
    }

    /// A row or a column with what is no number is NaN, zeros are zeros, and so is what has no scale among normal numbers.
    @Test(arguments: sets)
    func int8OfUnusualNumbers(set: String) throws {
      let (m, n, k) = (9, 37, 35)
      var product = PackedProduct(m, n, k, seed: 7)
      func setRow(_ i: Int, _ value: Float) { for at in 0..<k { product.a[i * k + at] = value } }
      func setColumn(_ j: Int, _ value: Float) { for at in 0..<k { product.b[j * k + at] = value } }
      product.a[1 * k + 34] = .nan
      product.a[2 * k + 3] = -.infinity
      setRow(3, 0)
      setRow(4, .leastNonzeroMagnitude)
      setRow(5, 0x1p120)
      product.b[5 * k + 7] = .nan
      product.b[20 * k + 34] = .infinity
      setColumn(36, 0)
      setColumn(17, 0x1p-125)
      let result = try under(set) { product.run(.int8) }
      for i in 0..<m {
        for j in 0..<n {
          let value = result[i * n + j]
          let isNumber = i != 1 && i != 2 && j != 5 && j != 20
          #expect(value.isNaN == !isNumber, "[\(i), \(j)] is \(value)")
          if isNumber && (i == 3 || i == 4 || j == 36 || j == 17) {
            #expect(value == product.bias[j], "[\(i), \(j)] is \(value)")
          }
          if isNumber && i == 5 && j != 36 && j != 17 { #expect(abs(value) > 0x1p100 && value.isFinite) }
        }
      }
    }

    /// The largest sum that there is: 2¹⁷ products of 127², which is below 2³¹; one more row is refused.
    @Test(arguments: sets)
    func deepestInt8(set: String) throws {
      let k = 1 << 17
      var product = PackedProduct(2, 3, k, seed: 8)
      (product.a, product.b) = ([Float](repeating: 1, count: 2 * k), [Float](repeating: -1, count: 3 * k))
      let result = try under(set) { product.run(.int8) }
      for (index, value) in result.enumerated() {
        #expect(abs(Double(value) + Double(k) - Double(product.bias[index % 3])) <= 7 * 0x1p-24 * Double(k))
      }
      #expect(ck_packed_count_int8(Int64(k) + 1, 3, 1) == -1)
      #expect(ck_packed_count_bf16(Int64(k) + 1, 3, 1) > 0)
    }

    @Test func wrongPacking() {
      let x = [Float](repeating: 1, count: 64)
      x.withUnsafeBufferPointer { data in
        let matrix = ck_matrix(data: data.baseAddress, row_stride: 4, column_stride: 1)
        for precision in Precision.allCases {
          let (count, pack) = precision.packing
          var y = x
          expect(pack(nil, matrix, 4, 4, 1), CK_NULL_POINTER)
          expect(pack(&y, ck_matrix(), 4, 4, 1), CK_NULL_POINTER)
          expect(pack(&y, matrix, -4, 4, 1), CK_BAD_SIZE)
          expect(pack(&y, matrix, 1 << 62, 4, 1), CK_BAD_SIZE)
          expect(pack(&y, matrix, 4, 4, 3), CK_BAD_SIZE)
          #expect(y == x && count(4, 4, 3) == -1 && count(4, 1 << 62, 1) == -1)
          let panels = precision.packed(matrix, k: 4, n: 7)
          expect(ck_matmul_packed_f32(&y, 8, matrix, panels, nil, 0, 4, 8, 4), CK_WRONG_PACKING)
          expect(ck_matmul_packed_f32(&y, 8, matrix, panels, nil, 0, 4, 7, 3), CK_WRONG_PACKING)
          #expect(y == x)
        }
        let float = [4, 6, 8, 2].map { Precision.float32.packed(matrix, k: $0, n: 2) }
        let int8 = [4, 6, 8, 2].map { Precision.int8.packed(matrix, k: $0, n: 2) }
        var (y, s, z) = (x, x, x)
        let refused = [
          ck_rnn_backward_f32(&y, &s, x, x, int8[3], [2, 1], 2, 2),
          ck_lstm_backward_f32(&y, &s, &z, x, x, x, x, int8[2], [2, 1], 2, 2),
          ck_gru_backward_f32(&y, &z, &s, x, x, x, x, x, int8[1], [2, 1], 2, 2),
          ck_reset_gru_backward_f32(&y, &s, x, x, x, x, int8[0], float[3], [2, 1], 2, 2),
          ck_reset_gru_backward_f32(&y, &s, x, x, x, x, float[0], int8[3], [2, 1], 2, 2),
        ]
        for status in refused { expect(status, CK_WRONG_PACKING) }
        #expect(y == x && s == x && z == x)
      }
    }
  }
}

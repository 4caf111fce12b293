import AttentionReference
import CKernels

/// c = a b of square matrices, b packed on the way.
func matmul(_ n: Int) -> Case {
  let work = Work.operations(2 * Double(n * n * n))
  return Case(name: "matmul-\(n)", shape: "[\(n), \(n)] × [\(n), \(n)]", work: work) {
    let (a, b) = (Floats(random: n * n, seed: 1), Floats(random: n * n, seed: 2))
    let c = Floats(zeros: n * n)
    let run = {
      try kernel(
        ck_matmul_f32(
          c.pointer, Int64(n), matrix(a, columns: n), matrix(b, columns: n), nil, 0, Int64(n), Int64(n),
          Int64(n)))
    }
    // Some rows from both ends: the reference takes seconds for all of them.
    let rows = 8
    let ends = [0..<rows * n, (n - rows) * n..<n * n]
    let check = Check(
      result: {
        try run()
        return ["c": ends.flatMap { c.slice($0) }]
      },
      truth: {
        let some = ends.flatMap { a.slice($0) }.map(Double.init)
        let shape = Reference.ProductShape(m: 2 * rows, n: n, k: n)
        return ["c": try Reference.matrixProduct(some, b.doubles, shape)]
      }, terms: n)
    let (some, whole) = (a.slice(0..<64 * n), b.array)
    let naive = Naive.run(share: 64 / Double(n), note: "64 rows") {
      _ = try Reference.matrixProduct(some, whole, Reference.ProductShape(m: 64, n: n, k: n))
    }
    return Body(run: run, check: check, naive: naive)
  }
}

/// A batch of products as small as attention's, all as they come: scores of 64 sentences, or of 512 heads, where b is
/// transposed.
func batchedMatmul(_ batch: Int, _ m: Int, _ n: Int, _ k: Int) -> Case {
  let work = Work.operations(2 * Double(batch * m * n * k))
  let shape = "\(batch) of [\(m), \(k)] × [\(n), \(k)]ᵀ"
  return Case(name: "matmul-batched-\(batch)", shape: shape, work: work) {
    let (a, b) = (Floats(random: batch * m * k, seed: 1), Floats(random: batch * n * k, seed: 2))
    let c = Floats(zeros: batch * m * n)
    let run = {
      try kernel(
        ck_matmul_batched_f32(
          c.pointer, Int64(m * n), Int64(n), matrix(a, columns: k), Int64(m * k), transposed(b, columns: k),
          Int64(n * k), nil, 0, Int64(batch), Int64(m), Int64(n), Int64(k)))
    }
    func products<T: Reference.Scalar>(_ a: [T], _ b: [T]) throws -> [T] {
      let shape = Reference.ProductShape(m: m, n: n, k: k, transposeB: true)
      var c: [T] = []
      for i in 0..<batch {
        let (left, right) = (i * m * k..<(i + 1) * m * k, i * n * k..<(i + 1) * n * k)
        c += try Reference.matrixProduct(Array(a[left]), Array(b[right]), shape)
      }
      return c
    }
    let check = Check(
      result: {
        try run()
        return ["c": c.array]
      },
      truth: { ["c": try products(a.doubles, b.doubles)] }, terms: k)
    let (left, right) = (a.array, b.array)
    return Body(run: run, check: check, naive: .run { _ = try products(left, right) })
  }
}

/// y = x Wᵀ + b of a layer whose weight stays packed: 512 inputs, 2048 outputs.
func linear(rows m: Int) -> Case {
  let (inputs, outputs) = (512, 2048)
  let work = Work.operations(2 * Double(m * inputs * outputs))
  return Case(name: "linear-m\(m)", shape: "[\(m), 512] × [512, 2048], packed", work: work) {
    let (x, y) = (Floats(random: m * inputs, seed: 1), Floats(zeros: m * outputs))
    let (weight, bias) = (Floats(random: outputs * inputs, seed: 2), Floats(random: outputs, seed: 3))
    let packed = Packed(weight, rows: inputs, columns: outputs, transposed: true)
    let run = {
      try kernel(
        ck_matmul_packed_f32(
          y.pointer, Int64(outputs), matrix(x, columns: inputs), packed.pointer, bias.pointer, 0, Int64(m),
          Int64(outputs), Int64(inputs)))
    }
    let shape = Reference.ProductShape(m: m, n: outputs, k: inputs, transposeB: true)
    let check = Check(
      result: {
        try run()
        return ["y": y.array]
      },
      truth: { ["y": try Reference.matrixProduct(x.doubles, weight.doubles, shape, bias: bias.doubles)] },
      terms: inputs)
    let (xs, weights, biases) = (x.array, weight.array, bias.array)
    let naive = Naive.run { _ = try Reference.matrixProduct(xs, weights, shape, bias: biases) }
    return Body(prepare: packed.pack, run: run, check: check, naive: naive)
  }
}

func matrix(_ floats: Floats, columns: Int) -> ck_matrix {
  ck_matrix(data: floats.pointer, row_stride: Int64(columns), column_stride: 1)
}

/// The transpose of what is stored in rows of this width.
func transposed(_ floats: Floats, columns: Int) -> ck_matrix {
  ck_matrix(data: floats.pointer, row_stride: 1, column_stride: Int64(columns))
}

/// The right-hand side of a product in the layout of the set in use.
final class Packed {
  private let source: Floats
  private let right: ck_matrix
  private let (rows, columns, groups): (Int64, Int64, Int64)
  private let packed: Floats

  var pointer: UnsafePointer<Float> { UnsafePointer(packed.pointer) }

  /// The right-hand side [rows, columns], stored as it is, or as its transpose, as a layer's weight is.
  init(_ source: Floats, rows: Int, columns: Int, transposed: Bool, groups: Int = 1) {
    self.source = source
    right = transposed ? bench.transposed(source, columns: rows) : matrix(source, columns: columns)
    (self.rows, self.columns, self.groups) = (Int64(rows), Int64(columns), Int64(groups))
    packed = Floats(zeros: Int(ck_packed_count_f32(self.rows, self.columns, self.groups)))
  }

  func pack() throws { try kernel(ck_pack_f32(packed.pointer, right, rows, columns, groups)) }
}

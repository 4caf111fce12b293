import AttentionReference
import CKernels
import Foundation

var exponential: Case { elementwise("exp-16k", ck_exp_f32, truth: { exp($0) }, naive: { exp($0) }) }
var hyperbolicTangent: Case { elementwise("tanh-16k", ck_tanh_f32, truth: { tanh($0) }, naive: { tanh($0) }) }

/// A function of single elements, on 16 384 numbers in ±8 that stay in the second-level cache.
private func elementwise(
  _ name: String,
  _ function: @escaping (UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, Int64) -> ck_status,
  truth: @escaping (Double) -> Double, naive: @escaping (Float) -> Float
) -> Case {
  let count = 16_384
  return Case(name: name, shape: "[\(count)]", work: .bytes(Double(8 * count))) {
    let (x, y) = (Floats(random: count, seed: 1, scale: 8), Floats(zeros: count))
    let run = { try kernel(function(y.pointer, x.pointer, Int64(count))) }
    let check = Check(
      result: {
        try run()
        return ["y": y.array]
      },
      truth: { ["y": x.doubles.map(truth)] }, terms: 1)
    let xs = x.array
    return Body(run: run, check: check, naive: .run { _ = xs.map(naive) })
  }
}

/// Softmax of every row.
func softmax(rows: Int, columns: Int) -> Case {
  let count = rows * columns
  let name = "softmax-\(rows)x\(columns)"
  return Case(name: name, shape: "[\(rows), \(columns)]", work: .bytes(Double(8 * count))) {
    let (x, y) = (Floats(random: count, seed: 1, scale: 8), Floats(zeros: count))
    let run = { try kernel(ck_softmax_f32(y.pointer, x.pointer, nil, Int64(rows), Int64(columns))) }
    let check = Check(
      result: {
        try run()
        return ["y": y.array]
      },
      truth: { ["y": try Reference.softmax(x.doubles, rows: rows, columns: columns)] }, terms: columns)
    let xs = x.array
    return Body(
      run: run, check: check,
      naive: .run { _ = try Reference.softmax(xs, rows: rows, columns: columns) })
  }
}

import AttentionReference
import CKernels

/// Layer normalisation of every row; with `backward` the gradients of x, gain and bias too.
///
/// Bytes: the forward reads x and writes y, the backward reads x and dy and writes dx.
func layerNorm(rows: Int, columns: Int, backward: Bool) -> Case {
  let count = rows * columns
  let name = "layer-norm-" + (backward ? "forward-backward" : "forward")
  let work = Work.bytes(Double((backward ? 20 : 8) * count))
  return Case(name: name, shape: "[\(rows), \(columns)]", work: work) {
    let (x, dy) = (Floats(random: count, seed: 1, scale: 2), Floats(random: count, seed: 2))
    let (gain, bias) = (Floats(random: columns, seed: 3), Floats(random: columns, seed: 4))
    let (y, dx) = (Floats(zeros: count), Floats(zeros: count))
    let (dgain, dbias) = (Floats(zeros: columns), Floats(zeros: columns))
    let (mean, inverse) = (Floats(zeros: rows), Floats(zeros: rows))
    let epsilon: Float = 1e-5
    let (n, m) = (Int64(rows), Int64(columns))
    func run() throws {
      try kernel(
        ck_layer_norm_forward_f32(
          y.pointer, m, nil, 0, mean.pointer, inverse.pointer, x.pointer, m, nil, 0, gain.pointer,
          bias.pointer, epsilon, n, m))
      guard backward else { return }
      dgain.zero()
      dbias.zero()
      try kernel(
        ck_layer_norm_backward_f32(
          dx.pointer, m, dgain.pointer, dbias.pointer, dy.pointer, m, nil, 0, x.pointer, m, mean.pointer,
          inverse.pointer, gain.pointer, n, m))
    }
    let check = Check(
      result: {
        try run()
        return backward
          ? ["y": y.array, "dx": dx.array, "dgain": dgain.array, "dbias": dbias.array] : ["y": y.array]
      },
      truth: {
        let y = try Reference.layerNorm(
          x.doubles, rows: rows, columns: columns, gain: gain.doubles, bias: bias.doubles,
          epsilon: Double(epsilon))
        guard backward else { return ["y": y] }
        let gradient = try Reference.layerNormBackward(
          dy.doubles, x: x.doubles, rows: rows, columns: columns, gain: gain.doubles,
          epsilon: Double(epsilon))
        return ["y": y, "dx": gradient.x, "dgain": gradient.gain, "dbias": gradient.bias]
      }, terms: max(rows, columns))
    let (xs, dys, gains, biases) = (x.array, dy.array, gain.array, bias.array)
    let naive = Naive.run {
      _ = try Reference.layerNorm(
        xs, rows: rows, columns: columns, gain: gains, bias: biases, epsilon: epsilon)
      guard backward else { return }
      _ = try Reference.layerNormBackward(
        dys, x: xs, rows: rows, columns: columns, gain: gains, epsilon: epsilon)
    }
    return Body(run: run, check: check, naive: naive)
  }
}

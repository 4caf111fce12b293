import AttentionReference
import CKernels

/// The projection of 1600 states onto a vocabulary of 10 000, its cross entropy and all gradients, from cleared sums.
var projectedCrossEntropy: Case {
  let (rows, vocabulary, width) = (1600, 10_000, 512)
  // Three products: the logits, dx and dW.
  let work = Work.operations(3 * 2 * Double(rows * vocabulary * width))
  let shape = "N 1600, H 512, V 10 000, with gradients"
  return Case(name: "projected-cross-entropy", shape: shape, work: work, measuresMemory: true) {
    let scale = 1 / Double(width).squareRoot()
    let x = Floats(random: rows * width, seed: 1)
    let weight = Floats(random: vocabulary * width, seed: 2, scale: scale)
    let bias = Floats(random: vocabulary, seed: 3, scale: scale)
    let targets = (0..<rows).map { Int32($0 * 7919 % vocabulary) }
    // The check skips all rows but every hundredth: the reference takes a minute for all of them.
    let sparse = targets.enumerated().map { $0.offset % 100 == 0 ? $0.element : -1 }
    let (loss, dx) = (Floats(zeros: rows), Floats(zeros: rows * width))
    let (dW, db) = (Floats(zeros: vocabulary * width), Floats(zeros: vocabulary))
    func run(_ targets: [Int32]) throws {
      dW.zero()
      db.zero()
      try kernel(
        ck_projected_cross_entropy_f32(
          loss.pointer, dx.pointer, dW.pointer, db.pointer, x.pointer, weight.pointer, bias.pointer, targets,
          1, 0, Int64(rows), Int64(vocabulary), Int64(width)))
    }
    let check = Check(
      result: {
        try run(sparse)
        return ["loss": loss.array, "dx": dx.array, "dW": dW.array, "db": db.array]
      },
      truth: {
        let truth = try Reference.crossEntropy(
          x: x.doubles, weight: weight.doubles, bias: bias.doubles, targets: sparse.map(Int.init),
          hidden: width, vocabulary: vocabulary)
        return ["loss": truth.losses, "dx": truth.x, "dW": truth.weight, "db": truth.bias]
      }, terms: width)
    let some = 16
    let (xs, weights, biases) = (x.slice(0..<some * width), weight.array, bias.array)
    let naive = Naive.run(share: Double(some) / Double(rows), note: "\(some) rows") {
      _ = try Reference.crossEntropy(
        x: xs, weight: weights, bias: biases, targets: targets.prefix(some).map(Int.init), hidden: width,
        vocabulary: vocabulary)
    }
    return Body(run: { try run(targets) }, check: check, naive: naive)
  }
}

/// One step of Adam on 25 million parameters: reads four arrays and writes three.
var adam: Case {
  let count = 25_000_000
  return Case(name: "adam", shape: "[25 000 000]", work: .bytes(28 * Double(count))) {
    let start = Floats(random: count, seed: 1)
    let gradient = Floats(random: count, seed: 2)
    let (p, m, v) = (Floats(zeros: count), Floats(zeros: count), Floats(zeros: count))
    func run() throws {
      try kernel(
        ck_adam_f32(
          p.pointer, m.pointer, v.pointer, gradient.pointer, 1, 1e-3, 0.9, 0.999, 1e-8, 0, 1, Int64(count)))
    }
    let some = 0..<100_000
    let check = Check(
      result: {
        p.copy(from: start)
        m.zero()
        v.zero()
        try run()
        return ["p": p.slice(some), "m": m.slice(some), "v": v.slice(some)]
      },
      truth: {
        var p = start.slice(some).map(Double.init)
        var m = [Double](repeating: 0, count: some.count)
        var v = m
        // The constants as the kernel has them: 1 − Float(0.999) is not 0.001.
        let settings = Reference.AdamSettings(
          learningRate: Double(Float(1e-3)), beta1: Double(Float(0.9)), beta2: Double(Float(0.999)),
          epsilon: Double(Float(1e-8)))
        try Reference.adam(
          &p, firstMoment: &m, secondMoment: &v, gradients: gradient.slice(some).map(Double.init), step: 1,
          settings: settings)
        return ["p": p, "m": m, "v": v]
      }, terms: 1)
    var (naiveP, naiveM) = (start.slice(some), [Float](repeating: 0, count: some.count))
    var naiveV = naiveM
    let gradients = gradient.slice(some)
    let naive = Naive.run(share: Double(some.count) / Double(count), note: "100 000 parameters") {
      try Reference.adam(
        &naiveP, firstMoment: &naiveM, secondMoment: &naiveV, gradients: gradients, step: 1)
    }
    return Body(run: run, check: check, naive: naive)
  }
}

import AttentionReference
import CKernels
import Foundation
import TestSupport
import Testing

/// Rows to classify, with what stands in dW and db before the gradients are added.
struct LossProblem {
  let rows, vocabulary, hidden: Int
  let scale: Float = 0.125
  let smoothing: Float
  let x, weight, bias, dWeight, dBias: [Float]
  let targets: [Int]

  /// Each fifth row or so has no target.
  init(
    rows: Int, vocabulary: Int, hidden: Int, spread: Float = 1, smoothing: Float = 0, seed: UInt64 = 1
  ) {
    (self.rows, self.vocabulary, self.hidden) = (rows, vocabulary, hidden)
    self.smoothing = smoothing
    var random = SeededRandom(seed)
    x = random.floats(rows * hidden, -spread, spread)
    weight = random.floats(vocabulary * hidden)
    bias = random.floats(vocabulary)
    dWeight = random.floats(vocabulary * hidden)
    dBias = random.floats(vocabulary)
    let drawn = random.integers(rows, in: 0...vocabulary - 1)
    targets = drawn.enumerated().map { $0 % 5 == 2 ? -1 - $0 : $1 }
  }

  var shape: String { "N \(rows) V \(vocabulary) H \(hidden) ε \(smoothing)" }

  struct Result<T> {
    var loss, dx, dWeight, dBias: [T]
  }

  func reference<T: Reference.Scalar>(_: T.Type) throws -> Result<T> {
    let result = try Reference.crossEntropy(
      x: x.converted(to: T.self), weight: weight.converted(), bias: bias.converted(), targets: targets,
      hidden: hidden, vocabulary: vocabulary, scale: T(scale), smoothing: T(smoothing))
    return Result(
      loss: result.losses, dx: result.x, dWeight: zip(result.weight, dWeight).map { $0 + T($1) },
      dBias: zip(result.bias, dBias).map { $0 + T($1) })
  }

  func run() -> Result<Float> {
    // What stands in a row without a target is not read.
    var x = x
    for (n, target) in targets.enumerated() where target < 0 {
      for h in 0..<hidden { x[n * hidden + h] = .nan }
    }
    var (loss, lossAlone, dx) = (Output(rows), Output(rows), Output(x.count))
    var (dW, db) = (Output(dWeight), Output(dBias))
    let (n, v, h) = (Int64(rows), Int64(vocabulary), Int64(hidden))
    expectOK(
      ck_projected_cross_entropy_f32(
        &loss.memory, &dx.memory, &dW.memory, &db.memory, x, weight, bias, targets.int32, scale, smoothing, n,
        v, h))
    expectOK(
      ck_projected_cross_entropy_f32(
        &lossAlone.memory, nil, nil, nil, x, weight, bias, targets.int32, scale, smoothing, n,
        v, h))
    #expect(lossAlone.elements.bits == loss.elements.bits, "the gradients change the loss")
    return Result(loss: loss.elements, dx: dx.elements, dWeight: dW.elements, dBias: db.elements)
  }

  func check(_ set: String, _ truth: Result<Double>, _ naive: Result<Float>) throws {
    let result = try under(set) { run() }
    let trial = Trial("projected cross entropy", set: set, shape: shape)
    expect(
      trial.compare("loss", result.loss, truth.loss, .forward(naive: naive.loss, truth: truth.loss)))
    expect(trial.compare("dx", result.dx, truth.dx, .gradient(naive: naive.dx, truth: truth.dx)))
    expect(
      trial.compare(
        "dW", result.dWeight, truth.dWeight, .gradient(naive: naive.dWeight, truth: truth.dWeight)))
    expect(
      trial.compare("db", result.dBias, truth.dBias, .gradient(naive: naive.dBias, truth: truth.dBias)))
    for (n, target) in targets.enumerated() where target < 0 {
      #expect(result.loss[n] == 0)
      #expect(result.dx[n * hidden..<(n + 1) * hidden].allSatisfy { $0 == 0 })
    }
  }

  func check(_ set: String) throws {
    try check(set, reference(Double.self), reference(Float.self))
  }
}

extension LossProblem.Result where T == Float {
  var all: [[Float]] { [loss, dx, dWeight, dBias] }
}

extension KernelTests {
  @Suite struct LossTests {
    @Test(arguments: sets)
    func everyWidth(set: String) throws {
      for w in widths(set) {
        try LossProblem(rows: 7, vocabulary: w, hidden: 5, seed: UInt64(w)).check(set)
        try LossProblem(rows: 3, vocabulary: 11, hidden: w, seed: UInt64(w)).check(set)
        try LossProblem(rows: w, vocabulary: 5, hidden: 3, smoothing: 0.1, seed: UInt64(w)).check(set)
      }
    }

    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      try LossProblem(rows: 0, vocabulary: 4, hidden: 3).check(set)
      try LossProblem(rows: 4, vocabulary: 4, hidden: 0).check(set)
    }

    @Test(arguments: sets)
    func veryLargeLogits(set: String) throws {
      try LossProblem(rows: 9, vocabulary: 37, hidden: 4, spread: 1e4).check(set)
    }

    /// Tiles are of 96 tokens, products of 384 tokens or a depth of 512: all of these have a rest here.
    @Test func severalTilesAndDepths() throws {
      let problem = LossProblem(rows: 31, vocabulary: 403, hidden: 517, smoothing: 0.2)
      let (truth, naive) = (try problem.reference(Double.self), try problem.reference(Float.self))
      for set in KernelTests.sets { try problem.check(set, truth, naive) }
    }

    /// A chunk has at most 384 rows that have a target: 1001 make three.
    @Test func severalChunksOfRows() throws {
      let problem = LossProblem(rows: 1001, vocabulary: 101, hidden: 9)
      let (truth, naive) = (try problem.reference(Double.self), try problem.reference(Float.self))
      for set in KernelTests.sets { try problem.check(set, truth, naive) }
    }

    @Test(arguments: sets, [0.1, 0.5, 1] as [Float])
    func labelSmoothing(set: String, smoothing: Float) throws {
      try LossProblem(rows: 23, vocabulary: 101, hidden: 19, smoothing: smoothing).check(set)
      try LossProblem(rows: 9, vocabulary: 37, hidden: 4, spread: 1e3, smoothing: smoothing).check(set)
      try LossProblem(rows: 4, vocabulary: 1, hidden: 2, smoothing: smoothing).check(set)
    }

    /// A tile of logits that are all −∞ adds nothing to the sum, however small the others are; with smoothing the loss
    /// is infinite, since so is −log 0.
    @Test(arguments: sets)
    func logitsOfMinusInfinity(set: String) throws {
      var bias = [Float](repeating: -1000, count: 200)
      for v in 100..<200 { bias[v] = -.infinity }
      for v in 0..<3 { bias[v] = -.infinity }
      var (loss, dx) = (Output(2), Output(2))
      var (dW, db) = (Output([Float](repeating: 0, count: 200)), Output([Float](repeating: 0, count: 200)))
      try under(set) {
        expectOK(
          ck_projected_cross_entropy_f32(
            &loss.memory, &dx.memory, &dW.memory, &db.memory, [1, 2], [Float](repeating: 0, count: 200), bias,
            [5, 150], 1, 0, 2, 200, 1))
      }
      #expect(abs(loss.elements[0] - log(97)) < 1e-6)
      #expect(loss.elements[1] == .infinity)
      for v in 0..<200 {
        let expected: Float = (bias[v] == -1000 ? 2 / 97 : 0) - (v == 5 || v == 150 ? 1 : 0)
        #expect(abs(db.elements[v] - expected) < 1e-6)
      }
      try under(set) {
        expectOK(
          ck_projected_cross_entropy_f32(
            &loss.memory, nil, nil, nil, [1, 2], [Float](repeating: 0, count: 200), bias, [5, 150], 1, 0.1, 2,
            200, 1))
      }
      #expect(loss.elements == [.infinity, .infinity])
    }

    /// A row without a target is not part of the loss; a NaN in a real row is that row's.
    @Test(arguments: sets)
    func nanStaysInItsRow(set: String) throws {
      var x: [Float] = (0..<12).map { Float($0) / 12 }
      x[4] = .nan
      var (loss, dx) = (Output(4), Output(12))
      var (dW, db) = (Output([Float](repeating: 0, count: 15)), Output([Float](repeating: 0, count: 5)))
      try under(set) {
        expectOK(
          ck_projected_cross_entropy_f32(
            &loss.memory, &dx.memory, &dW.memory, &db.memory, x, [Float](repeating: 0.5, count: 15),
            [0, 1, 0, 1, 0], [0, 1, 2, -1], 1, 0, 4, 5, 3))
      }
      #expect(loss.elements.map(\.isNaN) == [false, true, false, false])
      #expect(dx.elements.map(\.isNaN) == (0..<12).map { $0 / 3 == 1 })
    }
  }
}

import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// Rows to normalise, and the gradients that come back.
struct LayerNormProblem: Sendable {
  let rows, columns: Int
  var x, residual, dy, dsum, gain, bias, gainBefore, biasBefore: [Float]
  var epsilon: Float = 1e-3
  /// Whether there is a residual, and with it the gradient of the sum.
  let inBlock: Bool
  /// How far rows lie apart beyond their width; in every array another distance.
  let gap: Int

  init(_ rows: Int, _ columns: Int, inBlock: Bool, gap: Int = 0, offset: Float = 0) {
    var random = SeededRandom(UInt64(rows * 10_000 + columns))
    (self.rows, self.columns, self.inBlock, self.gap) = (rows, columns, inBlock, gap)
    x = random.floats(rows * columns, offset - 2, offset + 2)
    (residual, dy) = (random.floats(rows * columns), random.floats(rows * columns))
    dsum = random.floats(rows * columns)
    (gain, bias) = (random.floats(columns, -2, 2), random.floats(columns))
    (gainBefore, biasBefore) = (random.floats(columns), random.floats(columns))
  }

  struct Result {
    var y, sum, mean, inverseDeviation, dx, gain, bias: [Float]
    var all: [[Float]] { [y, sum, mean, inverseDeviation, dx, gain, bias] }
  }

  /// The rows of an array with `gap` times `k` numbers behind each that no kernel may read.
  private func spread(_ array: [Float], _ k: Int) -> [Float] {
    (0..<rows).flatMap {
      array[$0 * columns..<($0 + 1) * columns] + [Float](repeating: .nan, count: k * gap)
    }
  }

  private func stride(_ k: Int) -> Int64 { Int64(columns + k * gap) }

  private func output(_ k: Int) -> Output { Output(spread([Float](repeating: 0.5, count: x.count), k)) }

  /// The rows that a kernel wrote, and that it wrote nothing between them.
  private func collected(_ output: Output, _ k: Int) -> [Float] {
    let (all, width) = (output.elements, columns + k * gap)
    for row in 0..<rows {
      #expect(all[row * width + columns..<(row + 1) * width].allSatisfy { $0.isNaN }, "between rows")
    }
    return (0..<rows).flatMap { all[$0 * width..<$0 * width + columns] }
  }

  /// Forward and backward, through the C functions.
  func run() -> Result {
    let (n, m) = (Int64(rows), Int64(columns))
    var (y, sum, dx) = (output(1), output(2), output(3))
    var (mean, inverse) = (Output(rows), Output(rows))
    var (dgain, dbias) = (Output(gainBefore), Output(biasBefore))
    expectOK(
      ck_layer_norm_forward_f32(
        &y.memory, stride(1), &sum.memory, stride(2), &mean.memory, &inverse.memory, spread(x, 3), stride(3),
        inBlock ? spread(residual, 4) : nil, stride(4), gain, bias, epsilon, n, m))
    expectOK(
      ck_layer_norm_backward_f32(
        &dx.memory, stride(3), &dgain.memory, &dbias.memory, spread(dy, 1), stride(1),
        inBlock ? spread(dsum, 4) : nil, stride(4), sum.memory, stride(2), mean.elements, inverse.elements,
        gain, n, m))
    return Result(
      y: collected(y, 1), sum: collected(sum, 2), mean: mean.elements, inverseDeviation: inverse.elements,
      dx: collected(dx, 3), gain: dgain.elements, bias: dbias.elements)
  }

  /// z, exactly.
  var z: [Double] { inBlock ? zip(x.doubles, residual.doubles).map(+) : x.doubles }
  /// The gradient of z from elsewhere.
  var dz: [Double] { inBlock ? dsum.doubles : dsum.map { _ in 0 } }

  func truth() throws -> (y: [Double], gradient: Reference.LayerNormGradient<Double>) {
    let y = try Reference.layerNorm(
      z, rows: rows, columns: columns, gain: gain.doubles, bias: bias.doubles, epsilon: Double(epsilon))
    var gradient = try Reference.layerNormBackward(
      dy.doubles, x: z, rows: rows, columns: columns, gain: gain.doubles, epsilon: Double(epsilon))
    gradient.x = zip(gradient.x, dz).map(+)
    return (y, gradient)
  }

  func check(_ set: String) throws {
    let (result, truth) = (try under(set) { run() }, try truth())
    let tolerance = LayerNormTolerance(
      z: z, columns: columns, gain: gain.doubles, bias: bias.doubles, epsilon: Double(epsilon),
      dy: dy.doubles, dz: dz, gainBefore: gainBefore.doubles, biasBefore: biasBefore.doubles)
    let shape = "\(rows) × \(columns)\(inBlock ? " in a block" : "") gap \(gap) up to ±\(x.largest)"
    let forward = Trial("layer normalisation", set: set, shape: shape)
    let backward = Trial("layer normalisation backward", set: set, shape: shape)
    let dgain = zip(truth.gradient.gain, gainBefore.doubles).map(+)
    let dbias = zip(truth.gradient.bias, biasBefore.doubles).map(+)
    expect(forward.compare("sum", result.sum, inBlock ? zip(x, residual).map { Double($0 + $1) } : z, .exact))
    expect(forward.compare("y", result.y, truth.y, tolerance.y))
    expect(backward.compare("dx", result.dx, truth.gradient.x, tolerance.dx))
    expect(backward.compare("dgain", result.gain, dgain, tolerance.gain))
    expect(backward.compare("dbias", result.bias, dbias, tolerance.bias))
  }
}

extension KernelTests {
  @Suite struct LayerNormTests {
    /// Widths around the vectors; rows around the four that take each step together and the chunks of 32.
    @Test(arguments: sets)
    func everyShape(set: String) throws {
      for columns in widths(set) + [130, 1009] {
        for rows in [1, 3, 4, 5, 70] {
          for inBlock in [false, true] {
            try LayerNormProblem(rows, columns, inBlock: inBlock, gap: rows % 2).check(set)
          }
        }
      }
    }

    /// More rows than there are chunks of the least size.
    @Test(arguments: sets)
    func manyRows(set: String) throws {
      try LayerNormProblem(33_003, 3, inBlock: true).check(set)
    }

    /// A mean that is large beside the deviations takes digits from y, no more than the bound says.
    @Test(arguments: sets, [100, -3000] as [Float])
    func largeMean(_ set: String, _ offset: Float) throws {
      for columns in widths(set) where columns > 1 {
        try LayerNormProblem(9, columns, inBlock: true, offset: offset).check(set)
      }
    }

    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      for (rows, columns) in [(0, 5), (5, 0), (0, 0)] {
        let problem = LayerNormProblem(rows, columns, inBlock: true)
        try problem.check(set)
        let result = try under(set) { problem.run() }
        #expect(result.mean.allSatisfy { $0 == 0 } && result.inverseDeviation.allSatisfy { $0 == 0 })
      }
    }

    @Test(arguments: sets)
    func equalElementsGiveTheBias(set: String) throws {
      for columns in widths(set) {
        // Whole numbers: their sums are exact.
        var problem = LayerNormProblem(6, columns, inBlock: false)
        problem.x = problem.x.indices.map { Float($0 / columns - 3) }
        let result = try under(set) { problem.run() }
        #expect(result.y == (0..<6).flatMap { _ in problem.bias })
        #expect(result.mean == [-3, -2, -1, 0, 1, 2])
      }
    }

    /// Equal elements whose sums are exact are zeros to what follows, even where their mean, divided by the deviation,
    /// is beyond all floats.
    @Test(arguments: sets)
    func equalLargeElementsAreAsZeros(set: String) throws {
      for columns in widths(set) {
        for mean in [0x1p112, -0x1p112] as [Float] {
          var zeros = LayerNormProblem(6, columns, inBlock: false)
          (zeros.x, zeros.epsilon) = ([Float](repeating: 0, count: 6 * columns), 1e-12)
          try zeros.check(set)
          var problem = zeros
          problem.x = [Float](repeating: mean, count: 6 * columns)
          let (expected, result) = try under(set) { (zeros.run(), problem.run()) }
          #expect(result.mean.allSatisfy { $0 == mean })
          #expect(result.y == expected.y && result.inverseDeviation == expected.inverseDeviation)
          #expect(result.dx == expected.dx, "\(columns) columns of \(mean)")
          #expect(result.gain == expected.gain && result.bias == expected.bias)
        }
      }
    }

    /// At inference nothing is kept, and results may take the place of what they are made of.
    @Test(arguments: sets)
    func inPlaceAndInference(set: String) throws {
      for columns in widths(set) {
        let problem = LayerNormProblem(7, columns, inBlock: true)
        let (n, m, none) = (Int64(7), Int64(columns), nil as UnsafeMutablePointer<Float>?)
        var (y, sum, dx) = (Output(problem.x), Output(problem.residual), Output(problem.dsum))
        var (alone, gain, bias) = (Output(7 * columns), problem.gainBefore, problem.biasBefore)
        let expected = try under(set) {
          let expected = problem.run()
          expectOK(
            ck_layer_norm_forward_f32(
              &alone.memory, m, nil, 0, nil, nil, problem.x, m, problem.residual, m, problem.gain,
              problem.bias, problem.epsilon, n, m))
          y.memory.withUnsafeMutableBufferPointer { y in
            sum.memory.withUnsafeMutableBufferPointer { sum in
              let (y, sum) = (y.baseAddress!, sum.baseAddress!)
              expectOK(
                ck_layer_norm_forward_f32(
                  y, m, sum, m, none, none, y, m, sum, m, problem.gain, problem.bias, problem.epsilon, n, m))
            }
          }
          dx.memory.withUnsafeMutableBufferPointer {
            expectOK(
              ck_layer_norm_backward_f32(
                $0.baseAddress, m, &gain, &bias, problem.dy, m, $0.baseAddress, m, expected.sum, m,
                expected.mean, expected.inverseDeviation, problem.gain, n, m))
          }
          return expected
        }
        #expect(alone.elements.bits == expected.y.bits)
        #expect(y.elements.bits == expected.y.bits && sum.elements.bits == expected.sum.bits)
        #expect(dx.elements.bits == expected.dx.bits && gain.bits == expected.gain.bits)
      }
    }

    /// A NaN or an infinity fills its row and no other; forward and backward.
    @Test(arguments: sets, [Float.nan, .infinity])
    func poisonFillsItsRow(_ set: String, _ poison: Float) throws {
      let columns = 2 * lanes(set) + 1
      for place in [0, columns / 2, columns - 1] {
        var problem = LayerNormProblem(6, columns, inBlock: true)
        problem.residual[columns + place] = poison
        let result = try under(set) { problem.run() }
        for (index, (y, dx)) in zip(result.y, result.dx).enumerated() {
          #expect(y.isNaN == (index / columns == 1) && dx.isNaN == y.isNaN, "[\(index)] is \(y) and \(dx)")
        }
        #expect(result.gain.allSatisfy { $0.isNaN } && result.bias.allSatisfy { $0.isFinite })
      }
    }

    @Test(arguments: sets)
    func swiftType(set: String) throws {
      for inBlock in [false, true] {
        var problem = LayerNormProblem(6, 37, inBlock: inBlock)
        problem.gainBefore = [Float](repeating: 0, count: 37)
        problem.biasBefore = problem.gainBefore
        let layer = try LayerNorm(
          gain: Tensor(problem.gain, shape: [37]), bias: Tensor(problem.bias, shape: [37]),
          epsilon: problem.epsilon)
        let shape = [2, 3, 37]
        try under(set) {
          let expected = problem.run()
          let output = try layer.forward(
            Tensor(problem.x, shape: shape),
            residual: inBlock ? Tensor(problem.residual, shape: shape) : nil)
          let gradients = try layer.backward(
            Tensor(problem.dy, shape: shape), output,
            sumGradient: inBlock ? Tensor(problem.dsum, shape: shape) : nil)
          #expect(output.normalized == (try Tensor(expected.y, shape: shape)))
          #expect(output.sum == (try Tensor(expected.sum, shape: shape)))
          #expect(gradients.x == (try Tensor(expected.dx, shape: shape)))
          #expect(gradients.gain == (try Tensor(expected.gain, shape: [37])))
          #expect(gradients.bias == (try Tensor(expected.bias, shape: [37])))
        }
      }
    }
  }
}

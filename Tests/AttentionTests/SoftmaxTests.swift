import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// Rows of logits and an upstream gradient.
private struct Rows {
  let rows, columns: Int
  let x, dy: [Float]
  let lengths: [Int]?

  init(rows: Int, columns: Int, lengths: [Int]? = nil, spread: Float = 5, seed: UInt64 = 1) {
    var random = SeededRandom(seed)
    (self.rows, self.columns, self.lengths) = (rows, columns, lengths)
    x = random.floats(rows * columns, -spread, spread)
    dy = random.floats(rows * columns)
  }

  init(x: [Float], columns: Int) {
    (rows, self.columns, self.x, lengths) = (x.count / columns, columns, x, nil)
    dy = x.map { _ in 1 }
  }

  var shape: String { "\(rows) × \(columns)\(lengths.map { " lengths \($0)" } ?? "") up to ±\(x.largest)" }

  func softmax<T: Reference.Scalar>(_: T.Type) throws -> (y: [T], dx: [T]) {
    let y = try Reference.softmax(x.converted(to: T.self), rows: rows, columns: columns, lengths: lengths)
    let dx = try Reference.softmaxBackward(
      dy.converted(), output: y, rows: rows, columns: columns, lengths: lengths)
    return (y, dx)
  }

  func logSoftmax<T: Reference.Scalar>(_: T.Type) throws -> (y: [T], dx: [T]) {
    let y = try Reference.logSoftmax(x.converted(to: T.self), rows: rows, columns: columns)
    return (y, try Reference.logSoftmaxBackward(dy.converted(), output: y, rows: rows, columns: columns))
  }

  func checkSoftmax(_ set: String) throws {
    let (truth, naive) = (try softmax(Double.self), try softmax(Float.self))
    var (y, dx, inPlace) = (Output(x.count), Output(x.count), Output(x))
    let (n, m, lengths) = (Int64(rows), Int64(columns), lengths?.int32)
    try under(set) {
      expectOK(ck_softmax_f32(&y.memory, x, lengths, n, m))
      expectOK(ck_softmax_backward_f32(&dx.memory, dy, y.elements, lengths, n, m))
      inPlace.memory.withUnsafeMutableBufferPointer {
        expectOK(ck_softmax_f32($0.baseAddress, $0.baseAddress, lengths, n, m))
      }
    }
    #expect(inPlace.elements.bits == y.elements.bits)
    expect(
      Trial("softmax", set: set, shape: shape).compare(
        "y", y.elements, truth.y, .forward(naive: naive.y, truth: truth.y)))
    expect(
      Trial("softmax backward", set: set, shape: shape).compare(
        "dx", dx.elements, truth.dx, .gradient(naive: naive.dx, truth: truth.dx, scale: dy.largest)))
    expectMaskedZeros(y.elements)
    expectMaskedZeros(dx.elements)
  }

  private func expectMaskedZeros(_ y: [Float]) {
    for (row, length) in (lengths ?? []).enumerated() {
      #expect(y[row * columns + length..<(row + 1) * columns].allSatisfy { $0 == 0 })
    }
  }

  func checkLogSoftmax(_ set: String) throws {
    let (truth, naive) = (try logSoftmax(Double.self), try logSoftmax(Float.self))
    var (y, dx, inPlace) = (Output(x.count), Output(x.count), Output(x))
    let (n, m) = (Int64(rows), Int64(columns))
    try under(set) {
      expectOK(ck_log_softmax_f32(&y.memory, x, n, m))
      expectOK(ck_log_softmax_backward_f32(&dx.memory, dy, y.elements, n, m))
      inPlace.memory.withUnsafeMutableBufferPointer {
        expectOK(ck_log_softmax_f32($0.baseAddress, $0.baseAddress, n, m))
      }
    }
    #expect(inPlace.elements.bits == y.elements.bits)
    expect(
      Trial("log-softmax", set: set, shape: shape).compare(
        "y", y.elements, truth.y, .forward(naive: naive.y, truth: truth.y)))
    expect(
      Trial("log-softmax backward", set: set, shape: shape).compare(
        "dx", dx.elements, truth.dx, .gradient(naive: naive.dx, truth: truth.dx, scale: Double(columns))))
  }
}

extension KernelTests {
  @Suite struct SoftmaxTests {
    @Test(arguments: sets)
    func wholeRows(set: String) throws {
      for columns in widths(set) + [1009] {
        for rows in [1, 3, 50] {
          let problem = Rows(rows: rows, columns: columns, seed: UInt64(columns))
          try problem.checkSoftmax(set)
          try problem.checkLogSoftmax(set)
        }
      }
    }

    @Test(arguments: sets)
    func raggedRows(set: String) throws {
      for columns in widths(set) + [1009] {
        let lengths = [0, columns, (columns + 1) / 2, min(1, columns), max(columns - 1, 0)]
        try Rows(rows: 5, columns: columns, lengths: lengths).checkSoftmax(set)
      }
    }

    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      for (rows, columns) in [(0, 5), (5, 0), (0, 0)] {
        try Rows(rows: rows, columns: columns).checkSoftmax(set)
        try Rows(rows: rows, columns: columns).checkLogSoftmax(set)
      }
    }

    /// Logits of ±1e4 neither overflow nor lose the small differences between them.
    @Test(arguments: sets)
    func veryLargeLogits(set: String) throws {
      for columns in widths(set) {
        let alike = (0..<2 * columns).map { ($0 < columns ? 1 : -1) * 1e4 + Float($0 % 5) / 4 }
        for problem in [
          Rows(rows: 3, columns: columns, spread: 1e4, seed: 3), Rows(x: alike, columns: columns),
        ] {
          try problem.checkSoftmax(set)
          try problem.checkLogSoftmax(set)
        }
      }
    }

    @Test(arguments: sets, [Float.nan, .infinity, -.infinity])
    func maskedPlacesAreNotRead(_ set: String, _ poison: Float) throws {
      let (columns, lengths) = (lanes(set) + 3, [0, 2, lanes(set) + 3])
      let clean = Rows(rows: 3, columns: columns, lengths: lengths)
      let masked = clean.x.indices.map { $0 % columns >= lengths[$0 / columns] }
      func poisoned(_ x: [Float]) -> [Float] { zip(x, masked).map { $1 ? poison : $0 } }
      func run(_ x: [Float], _ dy: [Float], _ y0: [Float]? = nil) -> [[Float]] {
        var (y, dx) = (Output(x.count), Output(x.count))
        expectOK(ck_softmax_f32(&y.memory, x, lengths.int32, 3, Int64(columns)))
        expectOK(ck_softmax_backward_f32(&dx.memory, dy, y0 ?? y.elements, lengths.int32, 3, Int64(columns)))
        return [y.elements, dx.elements]
      }
      try under(set) {
        let expected = run(clean.x, clean.dy)
        #expect(run(poisoned(clean.x), poisoned(clean.dy), poisoned(expected[0])) == expected)
      }
    }

    /// NaN in a real place, and an infinity that makes one, fill their row and no other.
    @Test(arguments: sets, [Float.nan, .infinity])
    func poisonFillsItsRow(_ set: String, _ poison: Float) throws {
      let columns = 2 * lanes(set) + 1
      for place in [0, columns / 2, columns - 1] {
        var x = [Float](repeating: 1, count: 3 * columns)
        x[columns + place] = poison
        var (y, log) = (Output(x.count), Output(x.count))
        try under(set) {
          expectOK(ck_softmax_f32(&y.memory, x, nil, 3, Int64(columns)))
          expectOK(ck_log_softmax_f32(&log.memory, x, 3, Int64(columns)))
        }
        for (index, (y, log)) in zip(y.elements, log.elements).enumerated() {
          let poisoned = index / columns == 1
          // −∞ is the log-softmax of a finite logit beside an infinite one.
          #expect(y.isNaN == poisoned && log.isFinite == !poisoned, "[\(index)] is \(y) and \(log)")
        }
      }
    }

    /// Nothing but −∞: no weight at all, and its logarithm; NaN beside it shows all the same.
    @Test(arguments: sets)
    func rowsOfMinusInfinity(set: String) throws {
      for columns in widths(set) {
        var x = [Float](repeating: -.infinity, count: 2 * columns)
        x[2 * columns - 1] = .nan
        var (y, log) = (Output(x.count), Output(x.count))
        try under(set) {
          expectOK(ck_softmax_f32(&y.memory, x, nil, 2, Int64(columns)))
          expectOK(ck_log_softmax_f32(&log.memory, x, 2, Int64(columns)))
        }
        #expect(y.elements.prefix(columns).allSatisfy { $0 == 0 })
        #expect(log.elements.prefix(columns).allSatisfy { $0 == -.infinity })
        #expect(y.elements.dropFirst(columns).allSatisfy { $0.isNaN })
        #expect(log.elements.dropFirst(columns).allSatisfy { $0.isNaN })
      }
    }

    @Test(arguments: sets)
    func swiftFunctions(set: String) throws {
      let problem = Rows(rows: 6, columns: 7, lengths: [7, 0, 1, 2, 3, 7], seed: 5)
      let (truth, naive) = (try problem.softmax(Double.self), try problem.softmax(Float.self))
      let (log, naiveLog) = (try problem.logSoftmax(Double.self), try problem.logSoftmax(Float.self))
      let (x, dy) = (
        try Tensor(problem.x, shape: [2, 3, 7]), try Tensor(problem.dy, shape: [2, 3, 7])
      )
      let trial = Trial("softmax functions", set: set, shape: "2 × 3 × 7")
      try under(set) {
        let y = try softmax(x, lengths: problem.lengths)
        let logY = try logSoftmax(x)
        #expect(y.shape == x.shape && logY.shape == x.shape)
        expect(trial.compare("y", y.elements, truth.y, .forward(naive: naive.y, truth: truth.y)))
        expect(
          trial.compare(
            "dx", try softmaxBackward(dy, y).elements, truth.dx,
            .gradient(naive: naive.dx, truth: truth.dx, scale: dy.elements.largest)))
        expect(trial.compare("log y", logY.elements, log.y, .forward(naive: naiveLog.y, truth: log.y)))
        expect(
          trial.compare(
            "log dx", try logSoftmaxBackward(dy, logY).elements, log.dx,
            .gradient(naive: naiveLog.dx, truth: log.dx, scale: 7)))
      }
    }
  }
}

import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// A ragged batch for a cell, in the reference's padded form and the kernels' packed time-major one.
///
/// The reference multiplies its inputs by W; here W is the identity and the inputs are the kernels' input products,
/// so that both see the same numbers and the gradient of the inputs is that of the gates.
struct RecurrentProblem {
  let cell: Reference.Cell
  let lengths: [Int]
  let hidden: Int
  /// [batch, time, gates · hidden].
  var gates: [Float]
  var recurrent: [Float]
  /// What the kernels pack `recurrent` in.
  var precision = Precision.float32
  /// And of the GRU that resets before its product, the new gate's part; nil for the same.
  var newPrecision: Precision?
  var recurrentBias, h0, c0: [Float]
  var dh, dfinalH, dfinalC: [Float]

  /// `lengths` fall.
  init(_ cell: Reference.Cell, lengths: [Int], hidden: Int, spread: Float = 2, seed: UInt64 = 1) {
    (self.cell, self.lengths, self.hidden) = (cell, lengths, hidden)
    var random = SeededRandom(seed)
    let (batch, time, width) = (lengths.count, lengths.first ?? 0, cell.gates * hidden)
    gates = random.floats(batch * time * width, -spread, spread)
    recurrent = random.floats(width * hidden)
    recurrentBias = cell == .gru ? random.floats(width) : []
    h0 = random.floats(batch * hidden)
    c0 = cell == .lstm ? random.floats(batch * hidden) : []
    dh = random.floats(batch * time * hidden)
    dfinalH = random.floats(batch * hidden)
    dfinalC = cell == .lstm ? random.floats(batch * hidden) : []
  }

  var batch: Int { lengths.count }
  var time: Int { lengths.first ?? 0 }
  var width: Int { cell.gates * hidden }
  /// The sentences that run at each step.
  var counts: [Int] { (0..<time).map { t in lengths.reduce(0) { $0 + ($1 > t ? 1 : 0) } } }
  var rows: Int { lengths.reduce(0, +) }
  /// The sentences that run at all: those that the kernels see.
  var running: Int { counts.first ?? 0 }
  var shape: String { "lengths \(lengths) H \(hidden)" }

  /// Rows of [batch, time, width] in packed time-major order.
  func packed<T>(_ padded: [T], _ width: Int) -> [T] {
    var rows: [T] = []
    for (t, count) in counts.enumerated() {
      for b in 0..<count { rows += padded[(b * time + t) * width..<(b * time + t + 1) * width] }
    }
    return rows
  }

  /// Of an array by sentences, the part of those that run.
  func firstStep<T>(_ states: [T]) -> [T] { Array(states[..<min(running * hidden, states.count)]) }

  /// What both sides make: packed, and by sentence for the states.
  struct Result<T> {
    var h, inner, gates: [T]
    var dgates, drecurrent, dh0, dc0: [T]
  }

  func reference<T: Reference.Scalar>(_: T.Type, dh given: Bool = true) throws -> Result<T> {
    let identity = (0..<width * width).map { T($0 / width == $0 % width ? 1 : 0) }
    let weights = Reference.RecurrentWeights<T>(
      cell: cell, input: identity, recurrent: recurrent.converted(), bias: Array(repeating: 0, count: width),
      recurrentBias: recurrentBias.converted())
    let input = Reference.RecurrentInput<T>(
      x: gates.converted(), lengths: lengths, initialHidden: h0.converted(),
      initialCell: cell == .lstm ? c0.converted() : nil, batch: batch, time: time, inputWidth: width,
      hidden: hidden)
    let result = try Reference.recurrent(input, weights)
    let gradient = try Reference.recurrentBackward(
      given ? dh.converted() : Array(repeating: 0, count: dh.count), finalHiddenGradient: dfinalH.converted(),
      finalCellGradient: cell == .lstm ? dfinalC.converted() : nil, result, input, weights)
    let activations = packed(result.activations, 4 * hidden)
    let dgates = packed(gradient.x, width)
    return Result(
      h: packed(result.outputs, hidden),
      inner: cell == .rnn
        ? [] : cell == .lstm ? packed(result.cells, hidden) : columns(activations, 4, 3..<4),
      gates: cell == .rnn ? [] : columns(activations, 4, 0..<cell.gates), dgates: dgates,
      drecurrent: cell == .gru ? throughReset(dgates, activations) : [],
      dh0: firstStep(gradient.initialHidden), dc0: cell == .lstm ? firstStep(gradient.initialCell) : [])
  }

  /// Of rows of `blocks` · hidden, some of the blocks.
  private func columns<T>(_ rows: [T], _ blocks: Int, _ range: Range<Int>) -> [T] {
    stride(from: 0, to: rows.count, by: max(blocks * hidden, 1)).flatMap {
      rows[$0 + range.lowerBound * hidden..<$0 + range.upperBound * hidden]
    }
  }

  /// The GRU's du: da, with the new gate's multiplied by r.
  private func throughReset<T: Reference.Scalar>(_ dgates: [T], _ activations: [T]) -> [T] {
    dgates.enumerated().map { index, da in
      let (row, column) = (index / width, index % width)
      return column < 2 * hidden ? da : da * activations[row * 4 * hidden + column - 2 * hidden]
    }
  }

  /// The kernels under the set in use; dh is null where it is not given.
  func run(dh given: Bool = true) -> Result<Float> { backward(forward(), dh: given) }

  /// Without gradients.
  func forward() -> Result<Float> {
    let (t, h, counts, recurrent) = (Int64(time), Int64(hidden), self.counts.int32, packedForward())
    var (out, inner, gates) = (
      Output(rows * hidden), Output(rows * hidden), Output(packed(self.gates, width))
    )
    switch cell {
    case .lstm:
      expectOK(
        ck_lstm_forward_f32(&out.memory, &inner.memory, &gates.memory, h0, c0, recurrent[0], counts, t, h))
    case .gru:
      expectOK(
        ck_gru_forward_f32(
          &out.memory, &inner.memory, &gates.memory, h0, recurrent[0], recurrentBias, counts, t, h))
    case .gruResetBefore:
      expectOK(
        ck_reset_gru_forward_f32(
          &out.memory, &inner.memory, &gates.memory, h0, recurrent[0], recurrent[1], counts, t, h))
    case .rnn:
      inner = Output(0)
      expectOK(ck_rnn_forward_f32(&out.memory, &gates.memory, h0, recurrent[0], counts, t, h))
      gates = Output(0)
    }
    return Result(
      h: out.elements, inner: inner.elements, gates: gates.elements, dgates: [], drecurrent: [], dh0: [],
      dc0: [])
  }

  /// A forward's result with its gradients.
  func backward(_ forward: Result<Float>, dh given: Bool = true) -> Result<Float> {
    let (t, h, counts, recurrent) = (Int64(time), Int64(hidden), self.counts.int32, packedBackward())
    let dh = given ? packed(self.dh, hidden) : nil
    var (dgates, drecurrent) = (Output(rows * width), Output(cell == .gru ? rows * width : 0))
    var (dstateH, dstateC) = (Output(firstStep(dfinalH)), Output(firstStep(dfinalC)))
    switch cell {
    case .lstm:
      expectOK(
        ck_lstm_backward_f32(
          &dgates.memory, &dstateH.memory, &dstateC.memory, dh, forward.gates, forward.inner, c0,
          recurrent[0], counts, t, h))
    case .gru:
      expectOK(
        ck_gru_backward_f32(
          &dgates.memory, &drecurrent.memory, &dstateH.memory, dh, forward.gates, forward.inner, forward.h,
          h0, recurrent[0], counts, t, h))
    case .gruResetBefore:
      expectOK(
        ck_reset_gru_backward_f32(
          &dgates.memory, &dstateH.memory, dh, forward.gates, forward.h, h0, recurrent[0], recurrent[1],
          counts, t, h))
    case .rnn:
      expectOK(
        ck_rnn_backward_f32(&dgates.memory, &dstateH.memory, dh, forward.h, recurrent[0], counts, t, h))
    }
    var result = forward
    (result.dgates, result.drecurrent) = (dgates.elements, drecurrent.elements)
    (result.dh0, result.dc0) = (dstateH.elements, dstateC.elements)
    return result
  }

  /// The gates whose products are one.
  private var together: Int { cell == .gruResetBefore ? 2 : cell.gates }

  /// Rᵀ as the forward takes it; of the GRU that resets before its product without the new gate's part, which follows.
  func packedForward() -> [[Float]] {
    packed { precision, data, gates in
      precision.packed(
        ck_matrix(data: data, row_stride: 1, column_stride: Int64(hidden)), k: Int64(hidden),
        n: Int64(gates * hidden), groups: Int64(gates))
    }
  }

  /// R as the backward takes it, likewise.
  func packedBackward() -> [[Float]] {
    packed { precision, data, gates in
      precision.packed(
        ck_matrix(data: data, row_stride: Int64(hidden), column_stride: 1), k: Int64(gates * hidden),
        n: Int64(hidden))
    }
  }

  private func packed(_ pack: (Precision, UnsafePointer<Float>?, _ gates: Int) -> [Float]) -> [[Float]] {
    recurrent.withUnsafeBufferPointer { all in
      let first = pack(precision, all.baseAddress, together)
      guard together < cell.gates else { return [first] }
      let new = all.baseAddress.map { $0 + together * hidden * hidden }
      return [first, pack(newPrecision ?? precision, new, cell.gates - together)]
    }
  }

  func check(_ set: String, dh given: Bool = true) throws {
    let (truth, naive) = (try reference(Double.self, dh: given), try reference(Float.self, dh: given))
    let result = try under(set) { run(dh: given) }
    let forward = Trial("\(cell)", set: set, shape: shape)
    let backward = Trial("\(cell) backward", set: set, shape: "\(shape)\(given ? "" : " without dh")")
    func compare(
      _ name: String, _ part: KeyPath<Result<Float>, [Float]>, _ of: KeyPath<Result<Double>, [Double]>,
      gradient: Bool
    ) {
      let (naive, truth) = (naive[keyPath: part], truth[keyPath: of])
      expect(
        (gradient ? backward : forward).compare(
          name, result[keyPath: part], truth,
          gradient ? .gradient(naive: naive, truth: truth) : .forward(naive: naive, truth: truth)))
    }
    compare("h", \.h, \.h, gradient: false)
    compare("c or reset", \.inner, \.inner, gradient: false)
    compare("gates", \.gates, \.gates, gradient: false)
    compare("dgates", \.dgates, \.dgates, gradient: true)
    compare("drecurrent", \.drecurrent, \.drecurrent, gradient: true)
    compare("dh0", \.dh0, \.dh0, gradient: true)
    compare("dc0", \.dc0, \.dc0, gradient: true)
  }
}

extension RecurrentProblem.Result where T == Float {
  var all: [[Float]] { [h, inner, gates, dgates, drecurrent, dh0, dc0] }
}

extension KernelTests {
  @Suite struct RecurrentTests {
    @Test(arguments: Reference.Cell.allCases, sets)
    func everyWidth(_ cell: Reference.Cell, _ set: String) throws {
      for hidden in widths(set) {
        try RecurrentProblem(cell, lengths: [4, 2, 2, 1], hidden: hidden, seed: UInt64(hidden)).check(set)
      }
    }

    @Test(arguments: Reference.Cell.allCases, sets)
    func everyBatch(_ cell: Reference.Cell, _ set: String) throws {
      // One step as in a decoder, one sentence, equal lengths, falling ones, sentences that never run.
      for lengths in [[1, 1, 1], [1], [9], [3, 3, 3], Array((1...13).reversed()), [2, 1, 0, 0]] {
        let problem = RecurrentProblem(cell, lengths: lengths, hidden: 7, seed: 3)
        try problem.check(set)
        try problem.check(set, dh: false)
      }
    }

    @Test(arguments: Reference.Cell.allCases, sets)
    func emptySizes(_ cell: Reference.Cell, _ set: String) throws {
      for (lengths, hidden) in [([], 5), ([0, 0], 5), ([2, 1], 0)] {
        try RecurrentProblem(cell, lengths: lengths, hidden: hidden).check(set)
      }
    }

    /// Input products of ±1e4 saturate the gates; nothing overflows.
    @Test(arguments: Reference.Cell.allCases, sets)
    func saturatedGates(_ cell: Reference.Cell, _ set: String) throws {
      try RecurrentProblem(cell, lengths: [3, 2], hidden: lanes(set) + 1, spread: 1e4).check(set)
    }
  }
}

import AttentionReference
import CKernels

/// The arrays of one recurrent layer and of its gradients, rows in packed time-major order: longest sentence first, step
/// by step.
final class RecurrentData {
  let cell: Reference.Cell
  let lengths: [Int]
  let width: Int
  let backward: Bool
  /// How many sentences are still running at each step.
  let counts: [Int32]
  let rows: Int

  let x, h, inner, gates, zeroState, stateGradient: Floats
  let input, recurrent, bias, recurrentBias: Floats
  private let packedInput, packedRecurrent, packedBack: Packed

  /// The gradients that are results; that of the recurrent bias is the GRU's alone.
  let dx, dinput, drecurrent, dbias, drecurrentBias: Floats
  /// The gradients of the gates, of the recurrent products (the LSTM's are the same) and of the states before a sentence.
  private let dgates, dproducts, dhidden, dinner: Floats
  /// The row of each row's predecessor, −1 for a first step; and the states there.
  private let previousRows: [Int32]
  private let previous: Floats

  init(_ cell: Reference.Cell, lengths: [Int], width: Int, backward: Bool) {
    self.cell = cell
    self.lengths = lengths
    self.width = width
    self.backward = backward
    let counts = (0..<lengths[0]).map { t in Int32(lengths.count { $0 > t }) }
    self.counts = counts
    rows = lengths.reduce(0, +)
    let gateWidth = cell.gates * width
    let scale = 1 / Double(width).squareRoot()
    x = Floats(random: rows * width, seed: 1)
    h = Floats(zeros: rows * width)
    inner = Floats(zeros: rows * width)
    gates = Floats(zeros: rows * gateWidth)
    zeroState = Floats(zeros: lengths.count * width)
    input = Floats(random: gateWidth * width, seed: 2, scale: scale)
    recurrent = Floats(random: gateWidth * width, seed: 3, scale: scale)
    bias = Floats(random: gateWidth, seed: 4, scale: scale)
    recurrentBias = Floats(random: gateWidth, seed: 5, scale: scale)
    packedInput = Packed(input, rows: width, columns: gateWidth, transposed: true)
    packedRecurrent = Packed(
      recurrent, rows: width, columns: gateWidth, transposed: true, groups: cell.gates)
    packedBack = Packed(recurrent, rows: gateWidth, columns: width, transposed: false)

    func ifBackward(_ count: Int) -> Floats { Floats(zeros: backward ? count : 0) }
    stateGradient = Floats(random: backward ? rows * width : 0, seed: 6)
    dx = ifBackward(rows * width)
    dinput = ifBackward(gateWidth * width)
    drecurrent = ifBackward(gateWidth * width)
    dbias = ifBackward(gateWidth)
    drecurrentBias = ifBackward(gateWidth)
    dgates = ifBackward(rows * gateWidth)
    dproducts = cell == .lstm ? dgates : ifBackward(rows * gateWidth)
    dhidden = ifBackward(lengths.count * width)
    dinner = ifBackward(lengths.count * width)
    previous = ifBackward(rows * width)
    var starts = [0]
    for count in counts { starts.append(starts.last! + Int(count)) }
    previousRows = counts.indices.flatMap { t in
      (0..<counts[t]).map { t == 0 ? -1 : Int32(starts[t - 1]) + $0 }
    }
  }

  func pack() throws {
    try packedInput.pack()
    try packedRecurrent.pack()
    if backward { try packedBack.pack() }
  }

  private var steps: Int64 { Int64(counts.count) }
  private var gateWidth: Int64 { Int64(cell.gates * width) }

  func run(gradient: Floats) throws {
    try kernel(
      ck_matmul_packed_f32(
        gates.pointer, gateWidth, matrix(x, columns: width), packedInput.pointer, bias.pointer, 0,
        Int64(rows), gateWidth, Int64(width)))
    switch cell {
    case .lstm:
      try kernel(
        ck_lstm_forward_f32(
          h.pointer, inner.pointer, gates.pointer, zeroState.pointer, zeroState.pointer,
          packedRecurrent.pointer, counts, steps, Int64(width)))
    case .gru:
      try kernel(
        ck_gru_forward_f32(
          h.pointer, inner.pointer, gates.pointer, zeroState.pointer, packedRecurrent.pointer,
          recurrentBias.pointer, counts, steps, Int64(width)))
    case .gruResetBefore, .rnn: throw BenchError("no benchmark runs the cell \(cell)")
    }
    if backward { try runBackward(gradient) }
  }

  private func runBackward(_ gradient: Floats) throws {
    dhidden.zero()
    switch cell {
    case .lstm:
      dinner.zero()
      try kernel(
        ck_lstm_backward_f32(
          dgates.pointer, dhidden.pointer, dinner.pointer, gradient.pointer, gates.pointer, inner.pointer,
          zeroState.pointer, packedBack.pointer, counts, steps, Int64(width)))
    case .gru:
      try kernel(
        ck_gru_backward_f32(
          dgates.pointer, dproducts.pointer, dhidden.pointer, gradient.pointer, gates.pointer, inner.pointer,
          h.pointer, zeroState.pointer, packedBack.pointer, counts, steps, Int64(width)))
    case .gruResetBefore, .rnn: throw BenchError("no benchmark runs the cell \(cell)")
    }
    try kernel(
      ck_matmul_f32(
        dx.pointer, Int64(width), matrix(dgates, columns: Int(gateWidth)), matrix(input, columns: width), nil,
        0, Int64(rows), Int64(width), gateWidth))
    try kernel(
      ck_gather_rows_f32(
        previous.pointer, Int64(width), h.pointer, Int64(width), previousRows, Int64(rows), Int64(rows),
        Int64(width)))
    try setWeightGradient(dinput, dgates, x)
    try setWeightGradient(drecurrent, dproducts, previous)
    try setBiasGradient(dbias, dgates)
    if cell == .gru { try setBiasGradient(drecurrentBias, dproducts) }
  }

  /// dW = Σ da xᵀ over all rows.
  private func setWeightGradient(_ gradient: Floats, _ sums: Floats, _ x: Floats) throws {
    try kernel(
      ck_matmul_f32(
        gradient.pointer, Int64(width), transposed(sums, columns: Int(gateWidth)), matrix(x, columns: width),
        nil, 0, gateWidth, Int64(width), Int64(rows)))
  }

  private func setBiasGradient(_ gradient: Floats, _ sums: Floats) throws {
    gradient.zero()
    try kernel(ck_sum_rows_f32(gradient.pointer, sums.pointer, gateWidth, Int64(rows), gateWidth))
  }

  /// Where a sentence's steps have their elements, in rows of the layer's width.
  func places(_ sentence: Int) -> [Range<Int>] {
    var start = 0
    return (0..<lengths[sentence]).map { t in
      defer { start += Int(counts[t]) }
      return (start + sentence) * width..<(start + sentence + 1) * width
    }
  }
}

import AttentionReference
import CKernels

/// A layer of 512 cells over a ragged batch, 64 sentences of 12 to 25 steps: the input product and all steps, forward.
func recurrent(_ cell: Reference.Cell) -> Case {
  let (batch, width) = (64, 512)
  let lengths = raggedLengths(batch, 12, 25).sorted(by: >)
  let rows = lengths.reduce(0, +)
  let work = Work.operations(Double(2 * rows * 2 * width * cell.gates * width))
  let name = "\(cell.rawValue)-forward"
  return Case(name: name, shape: "B 64, T 12…25, 512 → 512", work: work) {
    let layer = RecurrentData(cell, lengths: lengths, width: width)
    let some = 4
    let check = Check(
      result: {
        try layer.run()
        return ["h": layer.states(ofFirst: some)]
      },
      truth: { ["h": try layer.reference(Double.self, sentences: some)] }, terms: 2 * width)
    let share = Double(lengths.prefix(some).reduce(0, +)) / Double(rows)
    let naive = Naive.run(share: share, note: "\(some) of 64 sentences") {
      _ = try layer.reference(Float.self, sentences: some)
    }
    return Body(prepare: layer.pack, run: layer.run, check: check, naive: naive)
  }
}

/// The arrays of one recurrent layer, its rows in packed time-major order: longest sentence first, step by step.
private final class RecurrentData {
  let cell: Reference.Cell
  let lengths: [Int]
  let width: Int
  /// How many sentences are still running at each step.
  let counts: [Int32]
  let rows: Int

  let x, h, inner, gates, zeroState: Floats
  let input, recurrent, bias, recurrentBias: Floats
  let packedInput, packedRecurrent: Packed

  init(_ cell: Reference.Cell, lengths: [Int], width: Int) {
    self.cell = cell
    self.lengths = lengths
    self.width = width
    counts = (0..<lengths[0]).map { t in Int32(lengths.count { $0 > t }) }
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
    packedInput = Packed(transposed: input, rows: width, columns: gateWidth)
    packedRecurrent = Packed(
      transposed: recurrent, rows: width, columns: gateWidth, groups: cell.gates)
  }

  func pack() throws {
    try packedInput.pack()
    try packedRecurrent.pack()
  }

  func run() throws {
    let (gateWidth, steps) = (Int64(cell.gates * width), Int64(counts.count))
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
    }
  }

  /// The rows of the first sentences, sentence by sentence, from the packed order.
  private func unpacked(_ packed: Floats, sentences: Int) -> [[Float]] {
    (0..<sentences).map { sentence in
      (0..<lengths[sentence]).flatMap { t in
        let row = counts.prefix(t).reduce(0) { $0 + Int($1) } + sentence
        return packed.slice(row * width..<(row + 1) * width)
      }
    }
  }

  func states(ofFirst sentences: Int) -> [Float] { unpacked(h, sentences: sentences).flatMap { $0 } }

  @inline(__always)
  func reference<T: Reference.Scalar>(_: T.Type, sentences: Int) throws -> [T] {
    func values(_ floats: Floats) -> [T] { floats.array.map { T($0) } }
    let weights = Reference.RecurrentWeights(
      cell: cell, input: values(input), recurrent: values(recurrent), bias: values(bias),
      recurrentBias: cell == .gru ? values(recurrentBias) : [])
    return try unpacked(x, sentences: sentences).flatMap { x in
      let input = Reference.RecurrentInput(
        x: x.map { T($0) }, batch: 1, time: x.count / width, inputWidth: width, hidden: width)
      return try Reference.recurrent(input, weights).outputs
    }
  }
}

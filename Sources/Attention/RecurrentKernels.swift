import CKernels

/// What a recurrent layer computes at every step.
public enum RecurrentCell: String, Codable, Sendable, CaseIterable {
  /// Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; gate order i, f, g, o.
  case lstm
  /// Cho et al. 2014, in the form that resets after the product (cuDNN, PyTorch); gate order r, z, n.
  case gru
  /// Cho et al. 2014 and Bahdanau et al. 2015 as they state it, which resets before the product; gate order r, z, n.
  case gruResetBefore = "gru-reset-before"
  /// The plain cell, h = tanh(W x + b + R h′) (Elman 1990).
  case rnn

  /// The gates a unit has: 4, 3 or 1.
  public var gates: Int {
    switch self {
    case .lstm: 4
    case .gru, .gruResetBefore: 3
    case .rnn: 1
    }
  }

  /// Whether the recurrent product has a bias of its own, beside that of the input product.
  package var hasRecurrentBias: Bool { self == .gru }
}

/// The state that a cell hands from step to step, [rows, H] each; `c` for the LSTM alone.
package struct RecurrentState {
  package var h: Matrix
  package var c: Matrix?

  package init(h: Matrix, c: Matrix?) {
    self.h = h
    self.c = c
  }

  package init(cell: RecurrentCell, rows: Int, hidden: Int) {
    h = Matrix(rows: rows, columns: hidden, zeros: true)
    c = cell == .lstm ? Matrix(rows: rows, columns: hidden, zeros: true) : nil
  }
}

/// All that a run over sequences computes and its backward reads. Rows are in packed time-major order.
package struct RecurrentTape {
  /// In: the input products x Wᵀ + b. After the run: the activated gates. [N, G·H]
  package let gates: Matrix
  /// The states, [N, H].
  package let h: Matrix
  /// The LSTM's cell states c, the GRU's recurrent product of the new gate before its reset, or r ∘ h′ of the one that
  /// resets first, [N, H]; the plain cell has none.
  package let inner: Matrix

  package init(cell: RecurrentCell, rows: Int, hidden: Int) {
    gates = Matrix(rows: rows, columns: cell.gates * hidden)
    h = Matrix(rows: rows, columns: hidden)
    inner = Matrix(rows: rows, columns: cell == .rnn ? 0 : hidden)
  }

  private init(gates: Matrix, h: Matrix, inner: Matrix) {
    self.gates = gates
    self.h = h
    self.inner = inner
  }

  package func rows(_ range: Range<Int>) -> RecurrentTape {
    RecurrentTape(gates: gates.rows(range), h: h.rows(range), inner: inner.rows(range))
  }

  /// The state in some rows of the tape.
  package func state(_ cell: RecurrentCell, _ range: Range<Int>) -> RecurrentState {
    RecurrentState(h: h.rows(range), c: cell == .lstm ? inner.rows(range) : nil)
  }
}

/// The gradients of a tape's input products and of its recurrent products (but for the GRU they are the same).
package struct RecurrentGradientTape {
  package let gates: Matrix
  package let recurrent: Matrix

  package init(cell: RecurrentCell, rows: Int, hidden: Int) {
    gates = Matrix(rows: rows, columns: cell.gates * hidden)
    recurrent = cell == .gru ? Matrix(rows: rows, columns: cell.gates * hidden) : gates
  }

  private init(gates: Matrix, recurrent: Matrix) {
    self.gates = gates
    self.recurrent = recurrent
  }

  package func rows(_ range: Range<Int>) -> RecurrentGradientTape {
    RecurrentGradientTape(gates: gates.rows(range), recurrent: recurrent.rows(range))
  }
}

/// A cell's recurrent matrix R [G·H, H] as the kernels multiply with it.
package struct PackedRecurrent: Sendable {
  fileprivate let matrix: PackedMatrix
  /// The part of the new gate, where a product of its own follows the reset.
  fileprivate let new: PackedMatrix?

  /// For running forward, which multiplies with Rᵀ.
  package init(forward cell: RecurrentCell, _ recurrent: Tensor, _ precision: Precision) {
    let (all, hidden) = (Matrix(recurrent), recurrent.shape[1])
    let together = cell == .gruResetBefore ? 2 : cell.gates
    matrix = PackedMatrix(
      all.rows(0..<together * hidden).transposed, groups: together, precision: precision)
    new =
      together == cell.gates
      ? nil : PackedMatrix(all.rows(together * hidden..<all.rows).transposed, precision: precision)
  }

  /// For the backward, which multiplies with R and takes no `int8`.
  package init(backward cell: RecurrentCell, _ recurrent: Tensor, _ precision: Precision) {
    let (all, hidden) = (Matrix(recurrent), recurrent.shape[1])
    let together = cell == .gruResetBefore ? 2 : cell.gates
    matrix = PackedMatrix(all.rows(0..<together * hidden), precision: precision)
    new =
      together == cell.gates
      ? nil : PackedMatrix(all.rows(together * hidden..<all.rows), precision: precision)
  }
}

extension RecurrentCell {
  /// Runs a tape over steps of counts[t] rows each, from `initial` [counts[0], H]. `bias` is the recurrent bias.
  package func forward(
    _ tape: RecurrentTape, initial: RecurrentState, recurrent: PackedRecurrent, bias: Tensor?, counts: [Int32]
  ) {
    let (steps, hidden) = (Int64(counts.count), Int64(tape.h.columns))
    let (h, inner, gates) = (tape.h.pointer, tape.inner.pointer, tape.gates.pointer)
    let packed = recurrent.matrix.buffer.pointer
    switch self {
    case .lstm:
      check(
        ck_lstm_forward_f32(
          h, inner, gates, initial.h.pointer, initial.c!.pointer, packed, counts, steps, hidden))
    case .gru:
      check(
        ck_gru_forward_f32(
          h, inner, gates, initial.h.pointer, packed, bias!.storage.pointer, counts, steps, hidden))
    case .gruResetBefore:
      check(
        ck_reset_gru_forward_f32(
          h, inner, gates, initial.h.pointer, packed, recurrent.new!.buffer.pointer, counts, steps, hidden))
    case .rnn:
      check(ck_rnn_forward_f32(h, gates, initial.h.pointer, packed, counts, steps, hidden))
    }
  }

  /// Inverts `forward`. `state` in: the gradients of every row's last state, out: those of the initial state; `dh` is the
  /// gradient of the tape's h, nil for zero.
  package func backward(
    _ gradients: RecurrentGradientTape, state: RecurrentState, dh: Matrix?, tape: RecurrentTape,
    initial: RecurrentState, recurrent: PackedRecurrent, counts: [Int32]
  ) {
    let (steps, hidden) = (Int64(counts.count), Int64(tape.h.columns))
    precondition(dh == nil || dh!.isContiguous)
    let (dgates, dstate) = (gradients.gates.pointer, state.h.pointer)
    let (h, inner, gates) = (tape.h.pointer, tape.inner.pointer, tape.gates.pointer)
    let (h0, packed) = (initial.h.pointer, recurrent.matrix.buffer.pointer)
    switch self {
    case .lstm:
      check(
        ck_lstm_backward_f32(
          dgates, dstate, state.c!.pointer, dh?.pointer, gates, inner, initial.c!.pointer, packed, counts,
          steps, hidden))
    case .gru:
      check(
        ck_gru_backward_f32(
          dgates, gradients.recurrent.pointer, dstate, dh?.pointer, gates, inner, h, h0, packed, counts,
          steps, hidden))
    case .gruResetBefore:
      check(
        ck_reset_gru_backward_f32(
          dgates, dstate, dh?.pointer, gates, h, h0, packed, recurrent.new!.buffer.pointer, counts, steps,
          hidden))
    case .rnn:
      check(ck_rnn_backward_f32(dgates, dstate, dh?.pointer, h, packed, counts, steps, hidden))
    }
  }
}

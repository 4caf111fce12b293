import CKernels

/// The two gated cells.
public enum RecurrentCell: String, Codable, Sendable, CaseIterable {
  /// Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; gate order i, f, g, o.
  case lstm
  /// Cho et al. 2014, in the form that resets after the product (cuDNN, PyTorch); gate order r, z, n.
  case gru

  /// The gates a unit has: 4 or 3.
  public var gates: Int { self == .lstm ? 4 : 3 }
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
  /// The LSTM's cell states c, or the GRU's recurrent product of the new gate before its reset. [N, H]
  package let inner: Matrix

  package init(cell: RecurrentCell, rows: Int, hidden: Int) {
    gates = Matrix(rows: rows, columns: cell.gates * hidden)
    h = Matrix(rows: rows, columns: hidden)
    inner = Matrix(rows: rows, columns: hidden)
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

/// The gradients of a tape's input products and of its recurrent products (for the LSTM they are the same).
package struct RecurrentGradientTape {
  package let gates: Matrix
  package let recurrent: Matrix

  package init(cell: RecurrentCell, rows: Int, hidden: Int) {
    gates = Matrix(rows: rows, columns: cell.gates * hidden)
    recurrent = cell == .lstm ? gates : Matrix(rows: rows, columns: cell.gates * hidden)
  }

  private init(gates: Matrix, recurrent: Matrix) {
    self.gates = gates
    self.recurrent = recurrent
  }

  package func rows(_ range: Range<Int>) -> RecurrentGradientTape {
    RecurrentGradientTape(gates: gates.rows(range), recurrent: recurrent.rows(range))
  }
}

extension RecurrentCell {
  /// Runs a tape over steps of counts[t] rows each, from `initial` [counts[0], H].
  /// `recurrent` is Rᵀ packed; `bias` the GRU's recurrent bias.
  package func forward(
    _ tape: RecurrentTape, initial: RecurrentState, recurrent: PackedMatrix, bias: Tensor?, counts: [Int32]
  ) {
    let (steps, hidden) = (Int64(counts.count), Int64(tape.h.columns))
    switch self {
    case .lstm:
      check(
        ck_lstm_forward_f32(
          tape.h.pointer, tape.inner.pointer, tape.gates.pointer, initial.h.pointer, initial.c!.pointer,
          recurrent.buffer.pointer, counts, steps, hidden))
    case .gru:
      check(
        ck_gru_forward_f32(
          tape.h.pointer, tape.inner.pointer, tape.gates.pointer, initial.h.pointer, recurrent.buffer.pointer,
          bias!.storage.pointer, counts, steps, hidden))
    }
  }

  /// Inverts `forward`. `state` in: the gradients of every row's last state, out: those of the initial state; `dh` is the
  /// gradient of the tape's h, nil for zero; `recurrent` is R packed.
  package func backward(
    _ gradients: RecurrentGradientTape, state: RecurrentState, dh: Matrix?, tape: RecurrentTape,
    initial: RecurrentState, recurrent: PackedMatrix, counts: [Int32]
  ) {
    let (steps, hidden) = (Int64(counts.count), Int64(tape.h.columns))
    precondition(dh == nil || dh!.isContiguous)
    switch self {
    case .lstm:
      check(
        ck_lstm_backward_f32(
          gradients.gates.pointer, state.h.pointer, state.c!.pointer, dh?.pointer, tape.gates.pointer,
          tape.inner.pointer, initial.c!.pointer, recurrent.buffer.pointer, counts, steps, hidden))
    case .gru:
      check(
        ck_gru_backward_f32(
          gradients.gates.pointer, gradients.recurrent.pointer, state.h.pointer, dh?.pointer,
          tape.gates.pointer,
          tape.inner.pointer, tape.h.pointer, initial.h.pointer, recurrent.buffer.pointer, counts, steps,
          hidden))
    }
  }
}

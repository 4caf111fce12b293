import CKernels

// The kernels that layers are made of, on matrices: thin, checked by precondition, and seen inside this package only.

extension Matrix {
  /// Row n = row index[n] of the table; zeros where the index is negative.
  package func setRows(of table: Matrix, at index: [Int32]) {
    precondition(index.count == rows && table.columns == columns)
    check(
      ck_gather_rows_f32(
        pointer, Int64(rowStride), table.pointer, Int64(table.rowStride), index, Int64(rows),
        Int64(table.rows),
        Int64(columns)))
  }

  /// Adds row n of `source` to row index[n] of this matrix; skips it where the index is negative.
  package func addRows(_ source: Matrix, at index: [Int32]) {
    precondition(index.count == source.rows && source.columns == columns)
    check(
      ck_scatter_add_rows_f32(
        pointer, Int64(rowStride), source.pointer, Int64(source.rowStride), index, Int64(source.rows),
        Int64(rows),
        Int64(columns)))
  }

  /// The sums of the columns: the gradient of a bias, [columns].
  package func sumOfRows() -> Tensor {
    let sums = Tensor(zeros: [columns])
    check(ck_sum_rows_f32(sums.storage.pointer, pointer, Int64(rowStride), Int64(rows), Int64(columns)))
    return sums
  }

  package func add(_ other: Matrix) {
    precondition(isContiguous && other.isContiguous && other.rows == rows && other.columns == columns)
    check(ck_add_f32(pointer, other.pointer, Int64(rows * columns)))
  }

  /// Turns the gradient of y = tanh(x) in this matrix into that of x.
  package func backThroughTanh(_ y: Matrix) {
    precondition(isContiguous && y.isContiguous && y.rows == rows && y.columns == columns)
    check(ck_tanh_backward_f32(pointer, pointer, y.pointer, Int64(rows * columns)))
  }

  /// Inverted dropout in place. The same seed and offset drop the same elements, so this is its own backward.
  package func dropOut(rate: Float, seed: UInt64, offset: Int = 0) {
    precondition(isContiguous)
    check(ck_dropout_f32(pointer, pointer, rate, seed, UInt64(offset), Int64(rows * columns)))
  }

  /// Log-softmax of every row, in place.
  package func logSoftmaxRows() {
    precondition(isContiguous)
    check(ck_log_softmax_f32(pointer, pointer, Int64(rows), Int64(columns)))
  }
}

/// The score of an attention whose queries and keys are projected already.
package enum AttentionScore {
  case dot
  case additive(v: Tensor)
}

/// Sources to attend to: keys and values [B·Tk, ·], of which the first lengths[b] count.
package struct AttentionMemory {
  package let keys: Matrix
  package let values: Matrix
  package let lengths: [Int32]
  package let positions: Int

  package init(keys: Matrix, values: Matrix, lengths: [Int32], positions: Int) {
    precondition(keys.rows == values.rows && keys.rows == lengths.count * positions)
    self.keys = keys
    self.values = values
    self.lengths = lengths
    self.positions = positions
  }
}

/// Attention of the first `sources` sources, with the same number of consecutive query rows for each:
/// fills context [rows, D] and alignment [rows, Tk].
package func attend(
  context: Matrix, alignment: Matrix, queries: Matrix, score: AttentionScore, memory: AttentionMemory,
  sources: Int
) {
  precondition(context.isContiguous && alignment.isContiguous && queries.isContiguous)
  precondition(sources <= memory.lengths.count && (sources == 0 || queries.rows % sources == 0))
  let sizes = (Int64(sources), Int64(sources == 0 ? 0 : queries.rows / sources), Int64(memory.positions))
  let (h, d) = (Int64(queries.columns), Int64(memory.values.columns))
  switch score {
  case .dot:
    check(
      ck_dot_attention_forward_f32(
        context.pointer, alignment.pointer, queries.pointer, memory.keys.pointer, memory.values.pointer,
        memory.lengths, 1, sizes.0, sizes.1, sizes.2, h, d))
  case .additive(let v):
    check(
      ck_additive_attention_forward_f32(
        context.pointer, alignment.pointer, queries.pointer, memory.keys.pointer, memory.values.pointer,
        v.storage.pointer, memory.lengths, sizes.0, sizes.1, sizes.2, h, d))
  }
}

/// Inverts ``attend(context:alignment:queries:score:memory:sources:)``: overwrites dqueries, adds to dkeys, dvalues
/// and, for the additive score, to dv [1, H].
package func attendBackward(
  dqueries: Matrix, dkeys: Matrix, dvalues: Matrix, dv: Matrix?, dcontext: Matrix, queries: Matrix,
  alignment: Matrix, score: AttentionScore, memory: AttentionMemory, sources: Int
) {
  precondition(
    dqueries.isContiguous && dcontext.isContiguous && queries.isContiguous && alignment.isContiguous)
  let sizes = (Int64(sources), Int64(sources == 0 ? 0 : queries.rows / sources), Int64(memory.positions))
  let (h, d) = (Int64(queries.columns), Int64(memory.values.columns))
  switch score {
  case .dot:
    check(
      ck_dot_attention_backward_f32(
        dqueries.pointer, dkeys.pointer, dvalues.pointer, dcontext.pointer, queries.pointer,
        memory.keys.pointer,
        memory.values.pointer, alignment.pointer, memory.lengths, 1, sizes.0, sizes.1, sizes.2, h, d))
  case .additive(let v):
    check(
      ck_additive_attention_backward_f32(
        dqueries.pointer, dkeys.pointer, dvalues.pointer, dv!.pointer, dcontext.pointer, queries.pointer,
        memory.keys.pointer, memory.values.pointer, v.storage.pointer, alignment.pointer, memory.lengths,
        sizes.0,
        sizes.1, sizes.2, h, d))
  }
}

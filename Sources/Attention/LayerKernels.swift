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

  /// self = a + b.
  package func setSum(_ a: Matrix, _ b: Matrix) {
    copy(from: a)
    add(b)
  }

  /// Turns the gradient of y = tanh(x) in this matrix into that of x.
  package func backThroughTanh(_ y: Matrix) {
    precondition(isContiguous && y.isContiguous && y.rows == rows && y.columns == columns)
    check(ck_tanh_backward_f32(pointer, pointer, y.pointer, Int64(rows * columns)))
  }

  /// self = the larger of each two neighbours in a row of x, which is twice as wide: maxout (Goodfellow et al. 2013).
  package func setMaxout(of x: Matrix) {
    precondition(isContiguous && x.isContiguous && x.rows == rows && x.columns == 2 * columns)
    check(ck_maxout_f32(pointer, x.pointer, Int64(rows * columns)))
  }

  /// self = the gradient of x from that of y = maxout(x).
  package func setMaxoutGradient(_ dy: Matrix, of x: Matrix) {
    precondition(isContiguous && dy.isContiguous && x.isContiguous)
    precondition([self, x].allSatisfy { $0.rows == dy.rows && $0.columns == 2 * dy.columns })
    check(ck_maxout_backward_f32(pointer, dy.pointer, x.pointer, Int64(dy.rows * dy.columns)))
  }

  /// Inverted dropout in place. The same seed and offset drop the same elements, so this is its own backward.
  package func dropOut(rate: Float, seed: UInt64, offset: Int = 0) {
    precondition(isContiguous)
    check(ck_dropout_f32(pointer, pointer, rate, seed, UInt64(offset), Int64(rows * columns)))
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

extension AttentionMemory {
  /// The kernels' terms for the first `sources` sources, with the same number of consecutive query rows for each.
  fileprivate func withKernel<R>(
    _ score: AttentionScore, queries: Matrix, sources: Int, _ body: (UnsafePointer<ck_attention>) -> R
  ) -> R {
    precondition(sources <= lengths.count && (sources == 0 || queries.rows % sources == 0))
    func packed(_ rows: Int, _ width: Int) -> ck_strides {
      ck_strides(batch: Int64(rows * width), head: 0, row: Int64(width))
    }
    let (perSource, h, d) = (sources == 0 ? 0 : queries.rows / sources, queries.columns, values.columns)
    var kernel = ck_attention()
    (kernel.B, kernel.heads, kernel.key_heads) = (Int64(sources), 1, 1)
    (kernel.Tq, kernel.Tk, kernel.H, kernel.D) = (Int64(perSource), Int64(positions), Int64(h), Int64(d))
    (kernel.query, kernel.context) = (packed(perSource, h), packed(perSource, d))
    (kernel.key, kernel.value) = (packed(positions, h), packed(positions, d))
    (kernel.left, kernel.right, kernel.scale) = (-1, -1, 1)
    if case .additive(let v) = score { kernel.v = UnsafePointer(v.storage.pointer) }
    return lengths.withUnsafeBufferPointer {
      kernel.lengths = $0.baseAddress
      return body(&kernel)
    }
  }
}

/// Attention of the first `sources` sources, with the same number of consecutive query rows for each: fills context
/// [rows, D], alignment [rows, Tk] and statistics [rows, 2], which the backward needs.
package func attend(
  context: Matrix, alignment: Matrix, statistics: Matrix, queries: Matrix, score: AttentionScore,
  memory: AttentionMemory, sources: Int
) {
  precondition(
    [context, alignment, statistics, queries, memory.keys, memory.values].allSatisfy(\.isContiguous))
  memory.withKernel(score, queries: queries, sources: sources) {
    check(
      ck_attention_forward_f32(
        context.pointer, alignment.pointer, statistics.pointer, queries.pointer, memory.keys.pointer,
        memory.values.pointer, $0))
  }
}

/// What a layer's attention made of some rows: the arguments of ``attend(context:alignment:statistics:queries:score:memory:sources:)``.
package struct AttentionRows {
  let queries, context, alignment, statistics: Matrix

  package init(queries: Matrix, context: Matrix, alignment: Matrix, statistics: Matrix) {
    precondition([queries, context, alignment, statistics].allSatisfy(\.isContiguous))
    (self.queries, self.context, self.alignment, self.statistics) = (queries, context, alignment, statistics)
  }
}

/// Inverts ``attend(context:alignment:statistics:queries:score:memory:sources:)``: overwrites dqueries, adds to dkeys, dvalues
/// and, for the additive score, to dv [1, H].
package func attendBackward(
  dqueries: Matrix, dkeys: Matrix, dvalues: Matrix, dv: Matrix?, dcontext: Matrix, rows: AttentionRows,
  score: AttentionScore, memory: AttentionMemory, sources: Int
) {
  precondition([dqueries, dkeys, dvalues, dcontext].allSatisfy(\.isContiguous))
  var gradients = ck_attention_gradients()
  (gradients.queries, gradients.keys) = (dqueries.pointer, dkeys.pointer)
  (gradients.values, gradients.v) = (dvalues.pointer, dv?.pointer)
  memory.withKernel(score, queries: rows.queries, sources: sources) {
    check(
      ck_attention_backward_f32(
        &gradients, dcontext.pointer, rows.context.pointer, rows.statistics.pointer, rows.alignment.pointer,
        rows.queries.pointer, memory.keys.pointer, memory.values.pointer, Int32(CK_ACCUMULATE), $0))
  }
}

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

  /// A new matrix of the rows at `index`, or of the blocks of `height` rows each at `index`.
  package func gathered(_ index: [Int32], height: Int = 1) -> Matrix {
    precondition(rows % height == 0 && (height == 1 || isContiguous))
    let result = Matrix(rows: index.count * height, columns: columns)
    result.blocks(height).setRows(of: blocks(height), at: index)
    return result
  }

  /// Every `height` rows as one; their matrix is contiguous.
  private func blocks(_ height: Int) -> Matrix {
    Matrix(
      buffer, offset: offset, rows: rows / height, columns: columns * height, rowStride: rowStride * height)
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

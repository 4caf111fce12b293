import CKernels

/// A window of rows × columns on a ``Buffer``, for the work inside layers.
///
/// It has reference semantics: writing through it is seen by every window on the same buffer. Layers write only
/// into buffers that they made themselves; a window on a ``Tensor`` is for reading.
package struct Matrix {
  package let buffer: Buffer
  let offset: Int
  package let rows: Int
  package let columns: Int
  package let rowStride: Int
  let columnStride: Int

  private init(
    _ buffer: Buffer, _ offset: Int, _ rows: Int, _ columns: Int, _ rowStride: Int, _ columnStride: Int
  ) {
    self.buffer = buffer
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.rowStride = rowStride
    self.columnStride = columnStride
  }

  /// A new matrix; its elements are undefined unless `zeros` is true.
  package init(rows: Int, columns: Int, zeros: Bool = false) {
    let buffer = Buffer(count: rows * columns)
    if zeros { buffer.pointer.initialize(repeating: 0, count: buffer.count) }
    self.init(buffer, 0, rows, columns, columns, 1)
  }

  /// A tensor as rows of its last dimension, for reading.
  package init(_ tensor: Tensor) {
    let columns = tensor.shape.last ?? 1
    let rows = tensor.shape.dropLast().reduce(1, *)
    self.init(tensor.storage, 0, rows, columns, columns, 1)
  }

  /// Rows that lie `rowStride` elements apart from an offset on.
  init(_ buffer: Buffer, offset: Int, rows: Int, columns: Int, rowStride: Int) {
    self.init(buffer, offset, rows, columns, rowStride, 1)
  }

  package var pointer: UnsafeMutablePointer<Float> { buffer.pointer + offset }

  /// The whole matrix as a tensor over the same memory; the matrix must not be written afterwards.
  package func tensor(_ shape: [Int]) -> Tensor {
    precondition(offset == 0 && isContiguous)
    return Tensor(buffer, shape: shape)
  }

  package var isContiguous: Bool { columnStride == 1 && (rowStride == columns || rows <= 1) }

  package var transposed: Matrix { Matrix(buffer, offset, columns, rows, columnStride, rowStride) }

  package func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows)
    return Matrix(
      buffer, offset + range.lowerBound * rowStride, range.count, columns, rowStride, columnStride)
  }

  package func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns)
    return Matrix(
      buffer, offset + range.lowerBound * columnStride, rows, range.count, rowStride, columnStride)
  }

  /// The first elements of a row.
  package func elements(row index: Int, count: Int) -> [Float] {
    precondition(columnStride == 1 && index >= 0 && index < rows && count <= columns)
    return Array(UnsafeBufferPointer(start: pointer + index * rowStride, count: count))
  }

  /// Copies the elements of `other`, row by row.
  package func copy(from other: Matrix) {
    precondition(
      other.rows == rows && other.columns == columns && columnStride == 1 && other.columnStride == 1)
    for row in 0..<rows {
      (pointer + row * rowStride).update(from: other.pointer + row * other.rowStride, count: columns)
    }
  }

  /// Multiplies every element.
  package func scale(by factor: Float) {
    precondition(isContiguous)
    for index in 0..<rows * columns { pointer[index] *= factor }
  }

  var kernel: ck_matrix {
    ck_matrix(data: pointer, row_stride: Int64(rowStride), column_stride: Int64(columnStride))
  }
}

/// The right-hand side of a product in the layout of the kernels' inner loop, made once for many products.
package final class PackedMatrix: Sendable {
  let buffer: Buffer
  let rows: Int
  let columns: Int

  /// The columns may fall into groups of equal width, as a cell's gates do. A product in `int8` has at most 2¹⁷ rows, and
  /// no recurrent layer's backward takes it.
  package init(_ matrix: Matrix, groups: Int = 1, precision: Precision = .float32) {
    rows = matrix.rows
    columns = matrix.columns
    let (k, n, groups) = (Int64(rows), Int64(columns), Int64(groups))
    let (count, pack) = precision.packing
    buffer = Buffer(count: Int(count(k, n, groups)))
    check(pack(buffer.pointer, matrix.kernel, k, n, groups))
  }
}

/// What follows the sum of a product, element by element.
public enum Activation: Sendable {
  case none
  case tanh

  var flag: Int32 { self == .tanh ? Int32(CK_TANH) : 0 }
}

extension Matrix {
  /// self = activation(a · b + bias (+ self, when accumulating)), in `float32` or with a and b rounded to `bfloat16`.
  package func setProduct(
    _ a: Matrix, _ b: Matrix, bias: Tensor? = nil, activation: Activation = .none, accumulating: Bool = false,
    precision: Precision = .float32
  ) {
    precondition(precision != .int8, "a product in int8 takes a packed matrix")
    precondition(columnStride == 1 && a.rows == rows && b.columns == columns && a.columns == b.rows)
    precondition(bias == nil || bias!.count == columns)
    let multiply = precision == .bfloat16 ? ck_matmul_bf16 : ck_matmul_f32
    check(
      multiply(
        pointer, Int64(rowStride), a.kernel, b.kernel, bias.map { UnsafePointer($0.storage.pointer) },
        Self.flags(activation, accumulating), Int64(rows), Int64(columns), Int64(a.columns)))
  }

  /// As ``setProduct(_:_:bias:activation:accumulating:precision:)`` with a packed right-hand side.
  package func setProduct(
    _ a: Matrix, _ b: PackedMatrix, bias: Tensor? = nil, activation: Activation = .none,
    accumulating: Bool = false
  ) {
    precondition(columnStride == 1 && a.rows == rows && b.columns == columns && a.columns == b.rows)
    precondition(bias == nil || bias!.count == columns)
    check(
      ck_matmul_packed_f32(
        pointer, Int64(rowStride), a.kernel, b.buffer.pointer, bias.map { UnsafePointer($0.storage.pointer) },
        Self.flags(activation, accumulating), Int64(rows), Int64(columns), Int64(a.columns)))
  }

  private static func flags(_ activation: Activation, _ accumulating: Bool) -> Int32 {
    activation.flag | (accumulating ? Int32(CK_ACCUMULATE) : 0)
  }
}

import CKernels

/// How one of attention's arrays is read as [B, heads, T, width], by ranks and strides.
struct AttentionLayout: Sendable, Equatable {
  enum Form: Sendable, Equatable {
    /// [B, T, heads · width].
    case padded
    /// [B, heads, capacity, width], of which the first T count.
    case headed(capacity: Int)
    /// [Σ lengths, heads · width], the rows of all sentences one after the other; T is the longest one's.
    case packed(lengths: [Int])
  }

  var form: Form
  var batch, heads, positions, width: Int

  /// The shape of the tensor.
  var shape: [Int] {
    switch form {
    case .padded: [batch, positions, heads * width]
    case .headed(let capacity): [batch, heads, capacity, width]
    case .packed(let lengths): [lengths.reduce(0, +), heads * width]
    }
  }

  /// As the kernels take them.
  var strides: ck_strides {
    switch form {
    case .padded, .packed:
      ck_strides(batch: Int64(positions * heads * width), head: Int64(width), row: Int64(heads * width))
    case .headed(let capacity):
      ck_strides(batch: Int64(heads * capacity * width), head: Int64(capacity * width), row: Int64(width))
    }
  }

  /// [B + 1], where the rows of each sentence of a packed batch begin.
  var starts: [Int64]? {
    guard case .packed(let lengths) = form else { return nil }
    return lengths.reduce(into: [0]) { $0.append($0.last! + Int64($1)) }
  }

  /// The positions of a source.
  func positions(of b: Int) -> Int {
    guard case .packed(let lengths) = form else { return positions }
    return lengths[b]
  }

  /// Calls `body` with the offsets of all rows of `width` elements.
  func forEachRow(_ body: (_ b: Int, _ head: Int, _ position: Int, _ offset: Int) -> Void) {
    let (starts, strides) = (starts, strides)
    for b in 0..<batch {
      for head in 0..<heads {
        for t in 0..<positions(of: b) {
          let row =
            starts.map { (Int($0[b]) + t) * Int(strides.row) } ?? b * Int(strides.batch) + t
            * Int(strides.row)
          body(b, head, t, row + head * Int(strides.head))
        }
      }
    }
  }

  /// The rows of all heads, of those positions too that do not count.
  var rowCount: Int {
    switch form {
    case .padded: batch * positions * heads
    case .headed(let capacity): batch * heads * capacity
    case .packed(let lengths): lengths.reduce(0, +) * heads
    }
  }

  /// Whether the kernels can address it, however few rows are there.
  var hasAddressableRows: Bool {
    switch form {
    case .padded, .packed: Tensor.isAddressable([batch, heads, positions, width])
    case .headed(let capacity): Tensor.isAddressable([batch, heads, capacity, width])
    }
  }

  /// Whether all positions of the tensor count.
  var isWhole: Bool {
    guard case .headed(let capacity) = form else { return true }
    return capacity == positions
  }

  /// The position of every row in the order of memory; −1 for those that do not count.
  var rowPositions: [Int32] {
    var result = [Int32](repeating: -1, count: rowCount)
    if width > 0 { forEachRow { _, _, t, offset in result[offset / width] = Int32(t) } }
    return result
  }

  /// Without room for more positions than count.
  var compacted: AttentionLayout {
    guard !isWhole else { return self }
    var layout = self
    layout.form = .headed(capacity: positions)
    return layout
  }

  /// The positions that count of a tensor of this layout.
  func compacted(_ tensor: Tensor) -> Tensor {
    guard !isWhole else { return tensor }
    let result = Tensor(uninitialized: compacted.shape)
    var next = result.storage.pointer
    forEachRow { _, _, _, offset in
      next.update(from: tensor.storage.pointer + offset, count: width)
      next += width
    }
    return result
  }

  func with(width: Int) -> AttentionLayout {
    var layout = self
    layout.width = width
    return layout
  }
}

/// One of attention's arrays with the way to read it.
struct AttentionOperand: Sendable {
  let tensor: Tensor
  let layout: AttentionLayout

  /// What is known of an argument before it is read; nil is free.
  struct Expectation {
    var batch: Int?
    var heads: Int
    var positions: Int?
    var width: Int?
    var packed: [Int]?
    /// The positions that count where rank 4 has room for more.
    var count: Int?
    var names: (positions: String, width: String)
  }

  init(tensor: Tensor, layout: AttentionLayout) {
    precondition(tensor.shape == layout.shape)
    self.tensor = tensor
    self.layout = layout
  }

  init(_ tensor: Tensor, _ argument: String, _ expected: Expectation) throws(AttentionError) {
    guard let layout = Self.layout(of: tensor.shape, expected) else {
      throw .shape(
        argument: argument, expected: Self.describe(expected, rank: tensor.shape.count),
        found: expected.count.map { tensor.shape[..<2] + [$0] + tensor.shape[3...] } ?? tensor.shape)
    }
    self.init(tensor: tensor, layout: layout)
  }

  private static func layout(of shape: [Int], _ expected: Expectation) -> AttentionLayout? {
    let heads = expected.heads
    let layout: AttentionLayout
    if let lengths = expected.packed {
      guard shape.count == 2, shape[0] == lengths.reduce(0, +), shape[1] % heads == 0 else { return nil }
      layout = AttentionLayout(
        form: .packed(lengths: lengths), batch: lengths.count, heads: heads, positions: lengths.max() ?? 0,
        width: shape[1] / heads)
    } else if shape.count == 4 {
      guard shape[1] == heads else { return nil }
      layout = AttentionLayout(
        form: .headed(capacity: shape[2]), batch: shape[0], heads: heads,
        positions: expected.count ?? shape[2], width: shape[3])
    } else {
      guard shape.count == 3, shape[2] % heads == 0 else { return nil }
      layout = AttentionLayout(
        form: .padded, batch: shape[0], heads: heads, positions: shape[1], width: shape[2] / heads)
    }
    let fits =
      (expected.batch ?? layout.batch) == layout.batch
      && (expected.positions ?? layout.positions) == layout.positions
      && (expected.width ?? layout.width) == layout.width
    return fits ? layout : nil
  }

  private static func describe(_ expected: Expectation, rank: Int) -> String {
    let batch = expected.batch.map(String.init) ?? "B"
    let positions = expected.positions.map(String.init) ?? expected.names.positions
    let width = expected.width.map(String.init) ?? expected.names.width
    let rows = expected.heads == 1 ? width : "\(expected.heads) · \(width)"
    if let packed = expected.packed { return "[\(packed.reduce(0, +)), \(rows)]" }
    return rank == 4
      ? "[\(batch), \(expected.heads), \(positions), \(width)]" : "[\(batch), \(positions), \(rows)]"
  }

  /// All rows of all heads, [rows, width], in the order of memory, for reading.
  var rows: Matrix {
    Matrix(tensor.storage, offset: 0, rows: layout.rowCount, columns: layout.width, rowStride: layout.width)
  }

  /// The positions that count alone, copied if there is room for more.
  var compacted: AttentionOperand {
    AttentionOperand(tensor: layout.compacted(tensor), layout: layout.compacted)
  }

  /// The product of every row with a weight [width, width′], and a bias [width′], under the same layout.
  func projected(_ weight: Matrix, bias: Tensor? = nil) -> AttentionOperand {
    let result = Matrix(rows: layout.rowCount, columns: weight.columns)
    result.setProduct(rows, weight, bias: bias)
    let layout = layout.with(width: weight.columns)
    return AttentionOperand(tensor: result.tensor(layout.shape), layout: layout)
  }

  /// The gradient of a weight [width′, width] from that of `projected(Wᵀ)`, this array: dW = Σ dy xᵀ.
  ///
  /// A row of x whose dy is zero adds nothing, whatever it holds: what a mask hides from all queries may be NaN, and 0 · NaN
  /// would be NaN.
  func weightGradient(from inputs: AttentionOperand) -> Tensor {
    let result = Matrix(rows: layout.width, columns: inputs.layout.width)
    result.setProduct(rows.transposed, inputs.withZeros(where: isZeroRow).rows)
    return result.tensor([result.rows, result.columns])
  }

  /// Whether all elements of a row, counted in the order of memory, are zero.
  func isZeroRow(_ row: Int) -> Bool {
    let elements = tensor.storage.pointer + row * layout.width
    return (0..<layout.width).allSatisfy { elements[$0] == 0 }
  }

  /// The same with zeros in some of the rows, counted in the order of memory; copied only if there are such.
  func withZeros(where isZero: (_ row: Int) -> Bool) -> AttentionOperand {
    AttentionOperand(tensor: tensor.withZeros(rowsOf: layout.width, where: isZero), layout: layout)
  }
}

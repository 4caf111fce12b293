import CKernels

/// Attention whose scores depend on the query alone: "location" of Luong, Pham, Manning 2015 (equation 8).
///
///     e_ti = (W_a q_t)_i
///
/// The weight has a row for each position that a sentence can have; a shorter sentence uses the first ones. Keys are not
/// compared with, and take no gradient; several heads share the weight.
public struct LocationAttention: AttentionFunction {
  /// W_a, [S_max, H].
  public let weight: Tensor

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` unless `weight` is a matrix.
  public init(weight: Tensor) throws(AttentionError) {
    guard weight.shape.count == 2 else {
      throw .shape(argument: "weight", expected: "[S_max, H]", found: weight.shape)
    }
    self.weight = weight
  }

  public struct Gradients: Sendable {
    /// That of the keys is zero.
    public let inputs: AttentionGradients
    /// Of W_a.
    public let weight: Tensor
  }

  /// Attention over values that have no keys.
  public func forward(
    queries: Tensor, values: Tensor, mask: Mask = .none, window: Window = .global,
    options: AttentionOptions = AttentionOptions(), alignment: Bool = false
  ) throws(AttentionError) -> Attended {
    try forward(
      AttentionInput(
        queries: queries, keys: values, values: values, mask: mask, window: window, options: options),
      alignment: alignment)
  }

  /// What the keys hold is not read; their positions are counted.
  ///
  /// - Complexity: O(B · heads · Tq · Tk · (H + D)), and B · heads · Tq · Tk floats: the scores are stored, as no other
  ///   function's are.
  public func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended {
    var call = try AttentionCall(input, queryWidth: weight.shape[1], keyWidth: .any)
    let (queries, keys) = (call.queries, call.keys)
    guard keys.layout.positions <= weight.shape[0] else {
      throw .shape(
        argument: "keys", expected: "at most \(weight.shape[0]) positions, which the weight has rows for",
        found: input.keys.shape)
    }
    let raw = scores(queries, keys.layout)
    let capped = input.options.softcap.map { Self.cap(raw, $0) } ?? raw
    call.queries = queries.withoutWidth
    call.keys = keys.withoutWidth
    call.given = GivenScores(
      raw: raw, capped: capped, biased: call.bias.map { $0.broadcast.sum($0.tensor, capped) } ?? capped)
    return Attended(call, queries: queries, keys: keys, alignment: alignment, maker: Self.self)
  }

  /// Inverts e = W_a q: dq = W_aᵀ de and dW_a = Σ de qᵀ, behind the cap s = c tanh(e / c): de = ds (1 − (s / c)²).
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) -> Gradients {
    try validate(contextGradient, attended)
    try validate(attended, widths: [weight.shape[1], attended.keys.layout.width, 0])
    let (call, queries) = (attended.call, attended.queries)
    let gradients = call.backward(contextGradient, attended)
    let dscores =
      call.softcap.map { Self.capGradient(gradients.bias!, call.given!.capped, $0) } ?? gradients.bias!
    let dweight = Matrix(rows: weight.shape[0], columns: weight.shape[1], zeros: true)
    let dqueries = Tensor(uninitialized: queries.layout.shape)
    let positions = call.keys.layout.positions
    let (dused, used) = (dweight.rows(0..<positions), PackedMatrix(Matrix(weight).rows(0..<positions)))
    forEachHead(attending(queries, dscores), scores: dscores) { queries, offset, scores in
      dused.setProduct(scores.transposed, queries, accumulating: true)
      Matrix(
        dqueries.storage, offset: offset, rows: queries.rows, columns: queries.columns,
        rowStride: queries.rowStride
      ).setProduct(scores, used)
    }
    let dkeys = AttentionOperand(
      tensor: Tensor(zeros: attended.keys.layout.shape), layout: attended.keys.layout)
    return Gradients(
      inputs: call.inputGradients(
        gradients, queries: AttentionOperand(tensor: dqueries, layout: queries.layout), keys: dkeys),
      weight: dweight.tensor(weight.shape))
  }

  /// The queries with zeros where the scores have no gradient: 0 · NaN must not reach the weight's.
  private func attending(_ queries: AttentionOperand, _ dscores: Tensor) -> AttentionOperand {
    let (layout, positions) = (queries.layout, dscores.shape[3])
    var isIdle = [Bool](repeating: true, count: layout.rowCount)
    layout.forEachRow { b, head, t, offset in
      let row = dscores.storage.pointer + ((b * layout.heads + head) * layout.positions + t) * positions
      if layout.width > 0 { isIdle[offset / layout.width] = (0..<positions).allSatisfy { row[$0] == 0 } }
    }
    return queries.withZeros { isIdle[$0] }
  }

  /// W_a q of every query, [B, heads, Tq, Tk]; 0 where a packed batch has no such query or key.
  private func scores(_ queries: AttentionOperand, _ keys: AttentionLayout) -> Tensor {
    let (layout, positions) = (queries.layout, keys.positions)
    let scores = Tensor(zeros: [layout.batch, layout.heads, layout.positions, positions])
    let used = PackedMatrix(Matrix(weight).rows(0..<positions).transposed)
    forEachHead(queries, scores: scores) { queries, _, scores in scores.setProduct(queries, used) }
    layout.forEachRow { b, head, t, _ in
      let row = scores.storage.pointer + ((b * layout.heads + head) * layout.positions + t) * positions
      let count = keys.positions(of: b)
      (row + count).update(repeating: 0, count: positions - count)
    }
    return scores
  }

  /// Calls `body` with the queries of each head of each source, where they begin, and their scores.
  private func forEachHead(
    _ queries: AttentionOperand, scores: Tensor, _ body: (Matrix, _ offset: Int, _ scores: Matrix) -> Void
  ) {
    let layout = queries.layout
    let positions = scores.shape[3]
    layout.forEachRow { b, head, t, offset in
      guard t == 0 else { return }
      let block = (b * layout.heads + head) * layout.positions * positions
      let rows = layout.positions(of: b)
      body(
        Matrix(
          queries.tensor.storage, offset: offset, rows: rows, columns: layout.width,
          rowStride: Int(layout.strides.row)), offset,
        Matrix(scores.storage, offset: block, rows: rows, columns: positions, rowStride: positions))
    }
  }

  /// c · tanh(x / c).
  private static func cap(_ x: Tensor, _ c: Float) -> Tensor {
    let y = Tensor(uninitialized: x.shape)
    setScaled(y.storage.pointer, x.storage.pointer, by: 1 / c, count: x.count)
    check(ck_tanh_f32(y.storage.pointer, y.storage.pointer, Int64(y.count)))
    setScaled(y.storage.pointer, y.storage.pointer, by: c, count: y.count)
    return y
  }

  /// dy (1 − (y / c)²), with y = c · tanh(x / c); 0 where dy is, though x be NaN.
  private static func capGradient(_ dy: Tensor, _ y: Tensor, _ c: Float) -> Tensor {
    let (tanh, dx) = (Tensor(uninitialized: y.shape), Tensor(uninitialized: y.shape))
    setScaled(tanh.storage.pointer, y.storage.pointer, by: 1 / c, count: y.count)
    check(ck_tanh_backward_f32(dx.storage.pointer, dy.storage.pointer, tanh.storage.pointer, Int64(y.count)))
    for i in 0..<dy.count where dy.storage.pointer[i] == 0 { dx.storage.pointer[i] = 0 }
    return dx
  }
}

/// Scores that were made without keys, [B, heads, Tq, Tk]; the kernels take them as a bias on the products of empty vectors.
struct GivenScores: Sendable {
  let raw, capped: Tensor
  /// With the mask's bias.
  let biased: Tensor

  var strides: ck_strides {
    let shape = biased.shape
    return ck_strides(
      batch: Int64(shape[1] * shape[2] * shape[3]), head: Int64(shape[2] * shape[3]), row: Int64(shape[3]))
  }
}

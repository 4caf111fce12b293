import CKernels

/// Where in the sentence a query looks: "local-p" of Luong, Pham, Manning 2015 (equation 9).
///
///     p_t = S · sigmoid(v_pᵀ tanh(W_p s_t))
///
/// S is the sentence's length. Its gradient of the queries adds to that of the attention. The positions are the centres of ``Window/predictive(centres:radius:)``.
public struct PositionPredictor: Sendable {
  /// v_p, [A].
  public let v: Tensor
  /// W_p, [A, H].
  public let weight: Tensor

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` when the two do not fit together.
  public init(v: Tensor, weight: Tensor) throws(AttentionError) {
    guard v.shape.count == 1 else { throw .shape(argument: "v", expected: "[A]", found: v.shape) }
    guard weight.shape.count == 2, weight.shape[0] == v.count, Tensor.isAddressable(weight.shape) else {
      throw .shape(argument: "weight", expected: "[\(v.count), H]", found: weight.shape)
    }
    (self.v, self.weight) = (v, weight)
  }

  /// What ``forward(queries:lengths:queryLengths:)`` returns and ``backward(_:_:)`` takes.
  public struct Prediction: Sendable {
    /// p, [B, Tq] or [B, heads, Tq]; 0 where a packed batch has no query, and in empty sentences.
    public let centres: Tensor
    let queries: Tensor
    /// tanh(W_p s), [rows, A], and sigmoid(v_pᵀ tanh(W_p s)), [rows].
    let hidden, share: Matrix
    let lengths: [Int]
    let queryLengths: [Int]?

    /// Calls `body` with every row of the queries, its place in the centres, and the length of its sentence.
    func forEachRow(_ body: (_ row: Int, _ place: Int, _ length: Float) -> Void) {
      let places = lengths.isEmpty ? 0 : centres.count / lengths.count
      var row = 0
      for (b, length) in lengths.enumerated() {
        for t in 0..<(queryLengths?[b] ?? places) {
          body(row, b * places + t, Float(length))
          row += 1
        }
      }
    }
  }

  /// - Parameters:
  ///   - queries: s, [B, Tq, H] or [B, heads, Tq, H]; in a packed batch [Σ queryLengths, H]
  ///   - lengths: S of each sentence, [B]; what the queries of an empty one hold is not read
  ///   - queryLengths: the number of queries of each sentence of a packed batch, [B]
  /// - Throws: ``AttentionError`` when shapes or lengths do not fit.
  /// - Complexity: O(rows · H · A)
  public func forward(queries: Tensor, lengths: [Int], queryLengths: [Int]? = nil) throws(AttentionError)
    -> Prediction
  {
    try KernelRuntime.ready()
    let centres = Tensor(zeros: try centresShape(queries, lengths, queryLengths))
    let rows = Matrix(queries)
    let hidden = Matrix(rows: rows.rows, columns: v.count)
    hidden.setProduct(rows, Matrix(weight).transposed, activation: .tanh)
    let share = Matrix(rows: rows.rows, columns: 1)
    share.setProduct(hidden, Matrix(v).transposed)
    check(ck_sigmoid_f32(share.pointer, share.pointer, Int64(share.rows)))
    let prediction = Prediction(
      centres: centres, queries: queries, hidden: hidden, share: share, lengths: lengths,
      queryLengths: queryLengths)
    prediction.forEachRow { row, place, length in
      if length > 0 { centres.storage.pointer[place] = length * share.pointer[row] }
    }
    return prediction
  }

  private func centresShape(_ queries: Tensor, _ lengths: [Int], _ queryLengths: [Int]?)
    throws(AttentionError) -> [Int]
  {
    let width = weight.shape[1]
    guard (queryLengths == nil ? [3, 4] : [2]).contains(queries.shape.count), queries.shape.last == width
    else {
      let expected =
        queryLengths == nil ? "[B, Tq, \(width)] or [B, heads, Tq, \(width)]" : "[rows, \(width)]"
      throw .shape(argument: "queries", expected: expected, found: queries.shape)
    }
    guard Tensor.isAddressable(queries.shape), Tensor.isAddressable(queries.shape.dropLast() + [v.count])
    else {
      throw .shape(argument: "queries", expected: "one of at most 2⁴⁰ elements", found: queries.shape)
    }
    let batch = queryLengths?.count ?? queries.shape[0]
    _ = try kernelLengths(lengths, count: batch, maximum: Int(Int32.max))
    guard let queryLengths else { return queries.shape.dropLast() }
    try PackedLengths(queries: queryLengths, keys: lengths).validate()
    let rows = queryLengths.reduce(0, +)
    guard rows == queries.shape[0] else {
      throw .shape(argument: "queries", expected: "[\(rows), \(width)]", found: queries.shape)
    }
    return [batch, queryLengths.max() ?? 0]
  }

  public struct Gradients: Sendable {
    public let queries, v, weight: Tensor
  }

  /// Inverts p = S σ(z), z = vᵀ u, u = tanh(W s): dz = dp S σ (1 − σ), dv = Σ dz u, du = dz v. A query whose centre takes no
  /// gradient gives none, whatever it holds.
  ///
  /// - Throws: ``AttentionError`` when the gradient is not shaped as the centres or the prediction is another's.
  public func backward(_ centresGradient: Tensor, _ prediction: Prediction) throws(AttentionError)
    -> Gradients
  {
    guard centresGradient.shape == prediction.centres.shape else {
      throw .shape(
        argument: "centresGradient", expected: "\(prediction.centres.shape)", found: centresGradient.shape)
    }
    guard [prediction.hidden.columns, prediction.queries.shape.last!] == weight.shape else {
      throw .shape(
        argument: "prediction", expected: "widths \(weight.shape)",
        found: [prediction.hidden.columns, prediction.queries.shape.last!])
    }
    let share = prediction.share
    let dz = Matrix(rows: share.rows, columns: 1)
    prediction.forEachRow { row, place, length in
      let (dp, sigmoid) = (centresGradient.storage.pointer[place] * length, share.pointer[row])
      dz.pointer[row] = dp == 0 || length == 0 ? 0 : dp * sigmoid * (1 - sigmoid)
    }
    let isIdle = { (row: Int) in dz.pointer[row] == 0 }
    let queries = Matrix(prediction.queries.withZeros(rowsOf: weight.shape[1], where: isIdle))
    let hidden = Matrix(
      prediction.hidden.tensor([share.rows, v.count]).withZeros(rowsOf: v.count, where: isIdle))
    let dv = Matrix(rows: 1, columns: v.count)
    dv.setProduct(dz.transposed, hidden)
    let dhidden = Matrix(rows: share.rows, columns: v.count)
    dhidden.setProduct(dz, Matrix(v))
    dhidden.backThroughTanh(hidden)
    let dqueries = Matrix(rows: queries.rows, columns: queries.columns)
    dqueries.setProduct(dhidden, Matrix(weight))
    let dweight = Matrix(rows: weight.shape[0], columns: weight.shape[1])
    dweight.setProduct(dhidden.transposed, queries)
    return Gradients(
      queries: dqueries.tensor(prediction.queries.shape), v: dv.tensor(v.shape),
      weight: dweight.tensor(weight.shape))
  }
}

import CKernels

// Attention as layers call it, on matrices: thin, checked by precondition, and seen inside this package only.

/// How scores are made and which positions are scored, of queries and keys that are projected already.
package struct AttentionTerms {
  package enum Score: Sendable {
    /// scale · qᵀ k
    case dot(scale: Float)
    /// vᵀ tanh(q + k)
    case additive(v: Tensor)
  }

  package enum Reach {
    case all
    /// `|i − position| ≤ radius`, for all rows alike.
    case around(position: Int, radius: Int)
    /// `|i − p| ≤ radius` with a centre p for each row [rows, 1], and weights times the Gaussian of ``Window/predictive(centres:radius:)``.
    case predicted(centres: Matrix, radius: Int)
  }

  /// Weights drop at a rate, by a hash of the seed and the place; forward and backward drop the same.
  package struct Dropout {
    let rate: Float
    let seed: UInt64

    package init(rate: Float, seed: UInt64) { (self.rate, self.seed) = (rate, seed) }
  }

  let score: Score
  let reach: Reach
  let dropout: Dropout?

  package init(score: Score, reach: Reach, dropout: Dropout?) {
    (self.score, self.reach, self.dropout) = (score, reach, dropout)
  }
}

/// Sources to attend to: keys and values [B·Tk, ·], of which the first lengths[b] count.
package struct AttentionMemory {
  package let keys: Matrix
  package let values: Matrix
  package let lengths: [Int32]
  package let positions: Int

  package init(keys: Matrix, values: Matrix, lengths: [Int32], positions: Int) {
    precondition(keys.rows == values.rows && keys.rows == lengths.count * positions)
    precondition(keys.isContiguous && values.isContiguous)
    self.keys = keys
    self.values = values
    self.lengths = lengths
    self.positions = positions
  }

  /// The sources at some places.
  package func gathered(_ places: [Int32]) -> AttentionMemory {
    AttentionMemory(
      keys: keys.gathered(places, height: positions), values: values.gathered(places, height: positions),
      lengths: places.map { lengths[Int($0)] }, positions: positions)
  }
}

/// Rows that attend: queries [rows, H], and what attention makes of them: context [rows, D], alignment [rows, Tk], and the
/// softmax's statistics [rows, 2], which the backward needs.
package struct AttentionRows {
  let queries, context, alignment, statistics: Matrix

  package init(queries: Matrix, context: Matrix, alignment: Matrix, statistics: Matrix) {
    precondition([queries, context, alignment, statistics].allSatisfy(\.isContiguous))
    (self.queries, self.context, self.alignment, self.statistics) = (queries, context, alignment, statistics)
  }
}

extension AttentionMemory {
  /// The kernels' terms for the first `sources` sources, with the same number of consecutive rows for each.
  fileprivate func withKernel<R>(
    _ terms: AttentionTerms, queries: Matrix, sources: Int, _ body: (UnsafePointer<ck_attention>) -> R
  ) -> R {
    precondition(sources <= lengths.count && (sources == 0 || queries.rows % sources == 0))
    func packed(_ rows: Int, _ width: Int) -> ck_strides {
      ck_strides(batch: Int64(rows * width), head: Int64(width), row: Int64(width))
    }
    let (perSource, h, d) = (sources == 0 ? 0 : queries.rows / sources, queries.columns, values.columns)
    var kernel = ck_attention()
    (kernel.B, kernel.heads, kernel.key_heads, kernel.Tq) = (Int64(sources), 1, 1, Int64(perSource))
    (kernel.Tk, kernel.H, kernel.D) = (Int64(positions), Int64(h), Int64(d))
    (kernel.query, kernel.context) = (packed(perSource, h), packed(perSource, d))
    (kernel.key, kernel.value) = (packed(positions, h), packed(positions, d))
    (kernel.left, kernel.right, kernel.scale) = (-1, -1, 1)
    switch terms.score {
    case .dot(let scale): kernel.scale = scale
    case .additive(let v): kernel.v = UnsafePointer(v.storage.pointer)
    }
    if let dropout = terms.dropout { (kernel.dropout, kernel.seed) = (dropout.rate, dropout.seed) }
    switch terms.reach {
    case .all: break
    case .around(let position, let radius):
      // The rows of a source share a position: to the kernels they are heads of one query each.
      (kernel.heads, kernel.Tq) = (kernel.Tq, 1)
      (kernel.left, kernel.right, kernel.offset) = (Int64(radius), Int64(radius), Int64(position))
    case .predicted(let centres, let radius):
      precondition(centres.isContiguous && centres.rows == queries.rows && centres.columns == 1)
      (kernel.left, kernel.right) = (Int64(radius), Int64(radius))
      (kernel.centres, kernel.deviation) = (UnsafePointer(centres.pointer), Float(radius) / 2)
    }
    return lengths.withUnsafeBufferPointer {
      kernel.lengths = $0.baseAddress
      return body(&kernel)
    }
  }
}

/// Attention of the first `sources` sources, with the same number of consecutive rows for each: fills context, alignment and
/// statistics of the rows. One that has nothing to attend to gets zeros.
package func attend(_ rows: AttentionRows, _ terms: AttentionTerms, memory: AttentionMemory, sources: Int) {
  memory.withKernel(terms, queries: rows.queries, sources: sources) {
    check(
      ck_attention_forward_f32(
        rows.context.pointer, rows.alignment.pointer, rows.statistics.pointer, rows.queries.pointer,
        memory.keys.pointer, memory.values.pointer, $0))
  }
}

/// Where ``attendBackward(_:dcontext:_:_:memory:sources:)`` writes and adds.
package struct AttentionRowGradients {
  /// [rows, H] and, with predicted positions, [rows, 1]: overwritten.
  let queries: Matrix
  let centres: Matrix?
  /// Those of the memory, and of the additive score's v [1, H]: added to.
  let keys, values: Matrix
  let v: Matrix?

  package init(queries: Matrix, centres: Matrix?, keys: Matrix, values: Matrix, v: Matrix?) {
    precondition([queries, keys, values].allSatisfy(\.isContiguous) && centres?.isContiguous != false)
    (self.queries, self.centres, self.keys, self.values, self.v) = (queries, centres, keys, values, v)
  }
}

/// Inverts ``attend(_:_:memory:sources:)``.
package func attendBackward(
  _ gradients: AttentionRowGradients, dcontext: Matrix, _ rows: AttentionRows, _ terms: AttentionTerms,
  memory: AttentionMemory, sources: Int
) {
  precondition(dcontext.isContiguous)
  var pointers = ck_attention_gradients()
  (pointers.queries, pointers.centres) = (gradients.queries.pointer, gradients.centres?.pointer)
  (pointers.keys, pointers.values, pointers.v) = (
    gradients.keys.pointer, gradients.values.pointer, gradients.v?.pointer
  )
  memory.withKernel(terms, queries: rows.queries, sources: sources) {
    check(
      ck_attention_backward_f32(
        &pointers, dcontext.pointer, rows.context.pointer, rows.statistics.pointer, rows.alignment.pointer,
        rows.queries.pointer, memory.keys.pointer, memory.values.pointer, Int32(CK_ACCUMULATE), $0))
  }
}

extension Matrix {
  /// Turns z [rows, 1] into positions p = S σ(z), with S the length of each row's source; as many rows for each length.
  package func becomePositions(lengths: ArraySlice<Int32>) {
    precondition(columns == 1 && isContiguous && (lengths.isEmpty || rows % lengths.count == 0))
    check(ck_sigmoid_f32(pointer, pointer, Int64(rows)))
    for row in 0..<rows { pointer[row] *= Float(lengths[lengths.startIndex + row / (rows / lengths.count)]) }
  }

  /// Turns the gradient of positions p = S σ(z), a row a source, in this matrix into that of z: dz = dp p (1 − p / S).
  package func backThroughPositions(_ p: Matrix, lengths: ArraySlice<Int32>) {
    precondition(columns == 1 && isContiguous && p.isContiguous && rows == lengths.count && p.rows == rows)
    for (row, length) in lengths.enumerated() where length > 0 {
      pointer[row] *= p.pointer[row] * (1 - p.pointer[row] / Float(length))
    }
  }
}

import CKernels

/// The likeliest tokens of some rows of a projection onto a vocabulary.
package struct LikeliestTokens {
  /// How many there are of each row.
  package let count: Int
  /// Largest first, [rows, count]; of equals the lower token comes first.
  package let logProbabilities: [Float]
  /// [rows, count]; −1 in a row whose logits are not numbers, or have +∞ among them.
  package let tokens: [Int32]

  /// The `count` likeliest tokens of `softmax(x W + bias)`, all of them where the vocabulary has fewer; the logits of
  /// whole rows never exist.
  ///
  /// - Parameters: x [M, H], weight W [H, V], bias [V]
  package init(_ count: Int, of x: Matrix, _ weight: PackedMatrix, bias: Tensor) {
    precondition(x.isContiguous && weight.rows == x.columns && bias.count == weight.columns)
    self.count = min(count, weight.columns)
    var (logProbabilities, tokens) = (
      [Float](repeating: 0, count: x.rows * self.count), [Int32](repeating: 0, count: x.rows * self.count)
    )
    check(
      ck_projected_top_k_f32(
        &logProbabilities, &tokens, x.pointer, weight.buffer.pointer, bias.storage.pointer, Int64(x.rows),
        Int64(bias.count), Int64(x.columns), Int64(self.count)))
    (self.logProbabilities, self.tokens) = (logProbabilities, tokens)
  }

  /// The tokens of a row, likeliest first; none where it has no probabilities.
  package func row(_ row: Int) -> [(token: Int, logProbability: Float)] {
    (row * count..<(row + 1) * count).lazy.filter { tokens[$0] >= 0 }
      .map { (Int(tokens[$0]), logProbabilities[$0]) }
  }
}

/// The log-probabilities of all tokens, `log softmax(x W + bias)`, [M, V].
///
/// - Parameters: x [M, H], weight W [H, V], bias [V]
package func projectedLogProbabilities(_ x: Matrix, _ weight: PackedMatrix, bias: Tensor) -> Matrix {
  let logits = Matrix(rows: x.rows, columns: weight.columns)
  logits.setProduct(x, weight, bias: bias)
  check(ck_log_softmax_f32(logits.pointer, logits.pointer, Int64(logits.rows), Int64(logits.columns)))
  return logits
}

extension Reference {
  /// y[n, j] = exp(x[n, j]) / Σᵢ exp(x[n, i]) over i < length[n], and exactly 0 beyond.
  ///
  /// The row's maximum is subtracted first, so that no exponential overflows. A row of length 0 is all zeros.
  ///
  /// - Parameters:
  ///   - x: [rows, columns].
  ///   - lengths: [rows], each 0 ... columns; nil for whole rows.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func softmax<T: Scalar>(
    _ x: [T], rows: Int, columns: Int, lengths: [Int]? = nil
  ) throws -> [T] {
    try require(x, "x", rows, columns)
    try requireLengths(lengths, rows: rows, maximum: columns)
    var y: [T] = []
    for n in 0..<rows {
      y += softmax(row(x, n, columns), length: lengths?[n] ?? columns)
    }
    return y
  }

  /// Inverts y = softmax(x): dx[n, j] = y[n, j] (dy[n, j] − Σᵢ dy[n, i] y[n, i]) over the length, and 0 beyond.
  ///
  /// - Parameters:
  ///   - outputGradient: dy [rows, columns].
  ///   - output: y [rows, columns], the forward's result.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func softmaxBackward<T: Scalar>(
    _ outputGradient: [T], output: [T], rows: Int, columns: Int, lengths: [Int]? = nil
  ) throws -> [T] {
    try require(outputGradient, "outputGradient", rows, columns)
    try require(output, "output", rows, columns)
    try requireLengths(lengths, rows: rows, maximum: columns)
    var dx: [T] = []
    for n in 0..<rows {
      dx += softmaxBackward(
        row(outputGradient, n, columns), output: row(output, n, columns), length: lengths?[n] ?? columns)
    }
    return dx
  }

  /// y[n, j] = x[n, j] − log Σᵢ exp(x[n, i]) over i < length[n], and −∞, the logarithm of the softmax's 0, beyond.
  ///
  /// - Parameters:
  ///   - x: [rows, columns].
  ///   - lengths: [rows], each 0 ... columns; nil for whole rows.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func logSoftmax<T: Scalar>(
    _ x: [T], rows: Int, columns: Int, lengths: [Int]? = nil
  ) throws -> [T] {
    try require(x, "x", rows, columns)
    try requireLengths(lengths, rows: rows, maximum: columns)
    var y: [T] = []
    for n in 0..<rows {
      y += logSoftmax(row(x, n, columns), length: lengths?[n] ?? columns)
    }
    return y
  }

  /// Inverts y = logSoftmax(x): dx[n, j] = dy[n, j] − exp(y[n, j]) Σᵢ dy[n, i] over the length, and 0 beyond.
  ///
  /// - Parameters:
  ///   - outputGradient: dy [rows, columns].
  ///   - output: y [rows, columns], the forward's result.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func logSoftmaxBackward<T: Scalar>(
    _ outputGradient: [T], output: [T], rows: Int, columns: Int, lengths: [Int]? = nil
  ) throws -> [T] {
    try require(outputGradient, "outputGradient", rows, columns)
    try require(output, "output", rows, columns)
    try requireLengths(lengths, rows: rows, maximum: columns)
    var dx: [T] = []
    for n in 0..<rows {
      let length = lengths?[n] ?? columns
      let dy = row(outputGradient, n, columns).prefix(length)
      let sum = dy.reduce(0, +)
      dx += zip(dy, row(output, n, columns)).map { dy, y in dy - T.exp(y) * sum }
      dx += Array(repeating: 0, count: columns - length)
    }
    return dx
  }
}

// MARK: - One row

extension Reference {
  /// The softmax of x's first `length` elements, padded with zeros to x's width.
  @inlinable
  static func softmax<T: Scalar>(_ x: ArraySlice<T>, length: Int) -> [T] {
    let scores = x.prefix(length)
    let padding = [T](repeating: 0, count: x.count - length)
    guard let maximum = scores.max() else { return padding }
    let exponentials = scores.map { T.exp($0 - maximum) }
    let sum = exponentials.reduce(0, +)
    return exponentials.map { $0 / sum } + padding
  }

  /// dx = y (dy − Σᵢ dyᵢ yᵢ) of the first `length` elements, padded with zeros.
  @inlinable
  static func softmaxBackward<T: Scalar>(
    _ outputGradient: ArraySlice<T>, output: ArraySlice<T>, length: Int
  ) -> [T] {
    let dy = outputGradient.prefix(length)
    let y = output.prefix(length)
    let mean = dot(dy, y)
    return zip(dy, y).map { dy, y in y * (dy - mean) } + Array(repeating: 0, count: output.count - length)
  }

  /// x − log Σ exp(x) of the first `length` elements, padded with −∞.
  @inlinable
  static func logSoftmax<T: Scalar>(_ x: ArraySlice<T>, length: Int) -> [T] {
    let logits = x.prefix(length)
    let padding = [T](repeating: -T.infinity, count: x.count - length)
    guard let maximum = logits.max() else { return padding }
    let logSum = T.log(logits.map { T.exp($0 - maximum) }.reduce(0, +))
    return logits.map { $0 - maximum - logSum } + padding
  }
}

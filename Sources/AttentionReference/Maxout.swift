extension Reference {
  /// Maxout over pairs of neighbours (Goodfellow et al. 2013, §3): y[i] = max(x[2i], x[2i + 1]), of half as many elements.
  ///
  /// - Throws: ``ReferenceError/configuration(_:)`` where an element of x has no neighbour.
  @inlinable
  public static func maxout<T: Scalar>(_ x: [T]) throws -> [T] {
    try requirePairs(x)
    return (0..<x.count / 2).map { max(x[2 * $0], x[2 * $0 + 1]) }
  }

  /// Inverts y[i] = max(x[2i], x[2i + 1]): dy[i] goes to the larger of the two, of equals to the first.
  ///
  /// - Parameter outputGradient: dy, of half as many elements as x.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func maxoutBackward<T: Scalar>(_ outputGradient: [T], x: [T]) throws -> [T] {
    try requirePairs(x)
    try require(outputGradient, "outputGradient", x.count / 2)
    return outputGradient.indices.flatMap { i in
      x[2 * i] >= x[2 * i + 1] ? [outputGradient[i], 0] : [0, outputGradient[i]]
    }
  }

  @inlinable
  static func requirePairs<T>(_ x: [T]) throws {
    guard x.count.isMultiple(of: 2) else {
      throw ReferenceError.configuration(
        "maxout takes pairs, and \(x.count) elements are odd; make them even")
    }
  }
}

extension Reference {
  /// y[n] = table[ids[n]], of the shape [ids.count, width].
  ///
  /// - Parameters:
  ///   - table: [vocabulary, width].
  ///   - ids: Each 0 ... vocabulary − 1.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func embedding<T: Scalar>(
    _ table: [T], ids: [Int], vocabulary: Int, width: Int
  ) throws -> [T] {
    try require(table, "table", vocabulary, width)
    try requireIndices(ids, "ids", minimum: 0, count: vocabulary)
    return ids.flatMap { row(table, $0, width) }
  }

  /// Inverts y[n] = table[ids[n]]: dtable[i] = Σ dy[n] over the n with ids[n] = i, of the shape [vocabulary, width].
  ///
  /// - Parameter outputGradient: dy [ids.count, width].
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func embeddingBackward<T: Scalar>(
    _ outputGradient: [T], ids: [Int], vocabulary: Int, width: Int
  ) throws -> [T] {
    try require(outputGradient, "outputGradient", ids.count, width)
    try requireIndices(ids, "ids", minimum: 0, count: vocabulary)
    var table = [T](repeating: 0, count: vocabulary * width)
    for (n, id) in ids.enumerated() { add(1, row(outputGradient, n, width), to: &table, row: id) }
    return table
  }

  /// Throws unless every index is in `minimum ..< count`, which is not negative.
  @inlinable
  static func requireIndices(_ indices: [Int], _ argument: String, minimum: Int, count: Int) throws {
    guard count >= 0 else {
      throw ReferenceError.outOfRange(
        argument: "vocabulary", position: 0, value: count, expected: 0...Int.max)
    }
    for (n, index) in indices.enumerated() where index < minimum || index >= count {
      throw ReferenceError.outOfRange(
        argument: argument, position: n, value: index, expected: minimum...max(minimum, count - 1))
    }
  }
}

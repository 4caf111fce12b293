/// Which keys a query may attend to.
public enum Mask: Sendable, Equatable {
  /// All of them.
  case none
  /// The first `lengths[b]` of source `b`; 0 is allowed and gives zeros.
  case lengths([Int])

  init(_ lengths: [Int]?) { self = lengths.map(Mask.lengths) ?? .none }

  /// The lengths as the kernels take them, checked against the batch and the number of keys.
  func lengths(batch: Int, keys: Int) throws(AttentionError) -> [Int32]? {
    guard case .lengths(let lengths) = self else { return nil }
    guard lengths.count == batch else {
      throw .shape(argument: "lengths", expected: "[\(batch)]", found: [lengths.count])
    }
    if let index = lengths.firstIndex(where: { $0 < 0 || $0 > keys }) {
      throw .value(argument: "lengths[\(index)]", expected: "0 to \(keys)", found: "\(lengths[index])")
    }
    return lengths.map(Int32.init)
  }

  /// Keys [B, Tk, H] with zeros beyond the lengths: a product over all rows then sees nothing of what stood there, where
  /// 0 · NaN would be NaN.
  func applied(to keys: Tensor) -> Tensor {
    guard case .lengths(let lengths) = self else { return keys }
    let (positions, width) = (keys.shape[1], keys.shape[2])
    var result = keys
    result.withUnsafeMutablePointer { pointer in
      for (b, length) in lengths.enumerated() {
        let first = (b * positions + length) * width
        (pointer + first).update(repeating: 0, count: (positions - length) * width)
      }
    }
    return result
  }
}

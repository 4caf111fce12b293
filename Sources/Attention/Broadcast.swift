import CKernels

/// A shape of at most four dimensions stretched over a target of four, aligned at the right: a dimension is the target's or 1.
/// The last one is always the target's, since the kernels read rows of adjacent elements.
struct Broadcast: Sendable {
  let shape: [Int]
  let target: [Int]
  /// Of the first three dimensions; 0 where the elements repeat.
  private let strides: [Int]

  init(_ shape: [Int], over target: [Int], _ argument: String) throws(AttentionError) {
    let extents = Self.aligned(shape)
    guard shape.count <= 4, extents[3] == target[3],
      zip(extents, target).allSatisfy({ $0 == $1 || $0 == 1 })
    else {
      throw .shape(argument: argument, expected: "one that broadcasts to \(target)", found: shape)
    }
    guard Tensor.isAddressable(extents) else {
      throw .shape(argument: argument, expected: "one of at most 2⁴⁰ elements", found: shape)
    }
    self.shape = shape
    self.target = target
    var (strides, stride) = ([0, 0, 0], extents[3])
    for dimension in (0..<3).reversed() {
      if extents[dimension] != 1 { strides[dimension] = stride }
      stride *= extents[dimension]
    }
    self.strides = strides
  }

  /// The last four dimensions, with ones before those that a shape has.
  static func aligned(_ shape: [Int]) -> [Int] {
    Array(repeating: 1, count: max(4 - shape.count, 0)) + shape.suffix(4)
  }

  var kernel: ck_strides {
    ck_strides(batch: Int64(strides[0]), head: Int64(strides[1]), row: Int64(strides[2]))
  }

  /// Where each row of the target, in its order, lies in the smaller array.
  var rowOffsets: [Int] {
    var offsets = [Int]()
    offsets.reserveCapacity(target[..<3].reduce(1, *))
    for b in 0..<target[0] {
      for head in 0..<target[1] {
        for t in 0..<target[2] { offsets.append(b * strides[0] + head * strides[1] + t * strides[2]) }
      }
    }
    return offsets
  }

  /// The stretched array's elements.
  func stretched(_ tensor: Tensor) -> Tensor {
    let result = Tensor(uninitialized: target)
    for (row, offset) in rowOffsets.enumerated() {
      (result.storage.pointer + row * target[3]).update(
        from: tensor.storage.pointer + offset, count: target[3])
    }
    return result
  }

  /// The gradient of the smaller array from that of the stretched one: its sums over what was repeated.
  func sums(_ gradient: Tensor) -> Tensor {
    let result = Tensor(zeros: shape)
    let (sums, terms) = (result.storage.pointer, gradient.storage.pointer)
    for (row, offset) in rowOffsets.enumerated() {
      for i in 0..<target[3] { sums[offset + i] += terms[row * target[3] + i] }
    }
    return result
  }
}

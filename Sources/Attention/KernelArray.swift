/// Constants for the kernels to read, at an address that stays as long as the array lives.
///
/// Unchecked: it is never written after its initialiser.
final class KernelArray<Element: BitwiseCopyable & Equatable & Sendable>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Element>
  let count: Int

  init(_ elements: [Element]) {
    count = elements.count
    pointer = .allocate(capacity: max(count, 1))
    pointer.initialize(from: elements, count: count)
  }

  deinit { pointer.deallocate() }

  var elements: [Element] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
}

extension KernelArray: Equatable {
  static func == (a: KernelArray, b: KernelArray) -> Bool { a === b || a.elements == b.elements }
}

/// Lengths as the kernels take them, one for each of `count` rows, in 0…maximum.
func kernelLengths(_ lengths: [Int]?, count: Int, maximum: Int) throws(AttentionError) -> [Int32]? {
  guard let lengths else { return nil }
  guard lengths.count == count else {
    throw .shape(argument: "lengths", expected: "[\(count)]", found: [lengths.count])
  }
  let maximum = min(maximum, Int(Int32.max))
  if let index = lengths.firstIndex(where: { $0 < 0 || $0 > maximum }) {
    throw .value(argument: "lengths[\(index)]", expected: "0 to \(maximum)", found: "\(lengths[index])")
  }
  return lengths.map(Int32.init)
}

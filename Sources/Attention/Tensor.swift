import CKernels

/// A dense, row-major array of `Float` with a shape, 64-byte aligned.
///
/// Value semantics by copy-on-write: assigning shares the storage, the first write after that copies it.
public struct Tensor: Sendable {
  /// The extent of every dimension, outermost first.
  public private(set) var shape: [Int]
  private(set) var buffer: Buffer

  /// A tensor of zeros.
  ///
  /// - Precondition: No dimension is negative, and memory has room for all elements.
  public init(zeros shape: [Int]) {
    guard let count = Self.count(shape) else { preconditionFailure("no tensor has the shape \(shape)") }
    self.shape = shape
    buffer = Buffer(count: count)
    buffer.pointer.initialize(repeating: 0, count: buffer.count)
  }

  /// A tensor of the given elements in row-major order.
  ///
  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` when the number of elements does not fill the shape.
  public init(_ elements: some Collection<Float>, shape: [Int]) throws(AttentionError) {
    guard elements.count == Self.count(shape) else {
      throw .shape(argument: "elements", expected: "\(shape)", found: [elements.count])
    }
    self.init(uninitialized: shape)
    _ = UnsafeMutableBufferPointer(start: buffer.pointer, count: buffer.count).initialize(from: elements)
  }

  /// The elements of a shape; nil for one that no tensor can have.
  static func count(_ shape: [Int]) -> Int? {
    guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
    if shape.contains(0) { return 0 }
    var count = 1
    for extent in shape {
      let (product, overflows) = count.multipliedReportingOverflow(by: extent)
      if overflows { return nil }
      count = product
    }
    return count
  }

  /// Whether the kernels can address an array of this shape: 2⁴⁰ elements at most, where an empty dimension counts as one.
  static func isAddressable(_ shape: [Int]) -> Bool {
    guard let count = count(shape.map { $0 == 0 ? 1 : $0 }) else { return false }
    return count <= 1 << 40
  }

  /// A tensor over a buffer that a kernel has filled.
  package init(_ buffer: Buffer, shape: [Int]) {
    precondition(buffer.count == Self.count(shape))
    self.shape = shape
    self.buffer = buffer
  }

  package init(uninitialized shape: [Int]) {
    self.init(Buffer(count: Self.count(shape)!), shape: shape)
  }

  /// The memory, for kernels to read.
  var storage: Buffer { buffer }

  /// The number of elements.
  public var count: Int { buffer.count }

  /// The elements in row-major order.
  public var elements: [Float] { withUnsafePointer { Array(UnsafeBufferPointer(start: $0, count: count)) } }

  /// The same elements under another shape of the same count.
  public func reshaped(_ shape: [Int]) throws(AttentionError) -> Tensor {
    guard Self.count(shape) == count else {
      throw .shape(argument: "shape", expected: "\(count) elements", found: shape)
    }
    return Tensor(buffer, shape: shape)
  }

  /// The element at an index of every dimension.
  public subscript(_ index: Int...) -> Float {
    get { withUnsafePointer { $0[offset(index)] } }
    set {
      let offset = offset(index)
      withUnsafeMutablePointer { $0[offset] = newValue }
    }
  }

  private func offset(_ index: [Int]) -> Int {
    precondition(index.count == shape.count, "\(index.count) indices for the shape \(shape)")
    var offset = 0
    for (i, extent) in zip(index, shape) {
      precondition(i >= 0 && i < extent, "the index \(index) lies outside the shape \(shape)")
      offset = offset * extent + i
    }
    return offset
  }

  /// The same with zeros in some rows of `width` elements; copied only if there are such.
  func withZeros(rowsOf width: Int, where isZero: (_ row: Int) -> Bool) -> Tensor {
    var result = self
    for row in 0..<(width == 0 ? 0 : count / width) where isZero(row) {
      result.withUnsafeMutablePointer { ($0 + row * width).update(repeating: 0, count: width) }
    }
    return result
  }

  /// Calls `body` with the elements, read-only.
  public func withUnsafePointer<R, E: Error>(_ body: (UnsafePointer<Float>) throws(E) -> R) throws(E) -> R {
    // `buffer` outlives the call: `self` is borrowed for its whole length.
    try body(UnsafePointer(buffer.pointer))
  }

  /// Calls `body` with the elements, after making them this tensor's own.
  public mutating func withUnsafeMutablePointer<R, E: Error>(
    _ body: (UnsafeMutablePointer<Float>) throws(E) -> R
  ) throws(E) -> R {
    if !isKnownUniquelyReferenced(&buffer) { buffer = buffer.copy() }
    return try body(buffer.pointer)
  }
}

extension Tensor: Equatable {
  /// Equal shapes and equal elements (so a tensor that holds a NaN differs from itself).
  public static func == (a: Tensor, b: Tensor) -> Bool {
    a.shape == b.shape && (0..<a.count).allSatisfy { a.buffer.pointer[$0] == b.buffer.pointer[$0] }
  }
}

/// The memory under tensors and work space: `count` floats, aligned to a cache line, freed with the last reference.
///
/// Unchecked: a buffer is written only while one owner holds it, either a uniquely referenced ``Tensor`` or
/// the function that allocated it.
package final class Buffer: @unchecked Sendable {
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int

  package init(count: Int) {
    guard let memory = ck_allocate_f32(Int64(count)) else { fatalError("no memory for \(count) floats") }
    pointer = memory
    self.count = count
  }

  deinit { ck_free_f32(pointer, Int64(count)) }

  package func copy() -> Buffer {
    let result = Buffer(count: count)
    result.pointer.initialize(from: pointer, count: count)
    return result
  }
}

/// The formulas of attention and of recurrent sequence-to-sequence models as plain loops, for `Float` and `Double`.
///
/// It is written to be read and to be compared against: no blocking, no vectors, no fused passes, sums from left to
/// right. Each forward stands beside a backward derived by hand. In `Double` it is the truth that faster code is held
/// against; in `Float` it is the yardstick of how large a rounding error is natural.
///
/// Arrays are flat and row-major, batch first; sizes are stated beside them. Position `i` of a sequence is masked when
/// `i >= length`: what stands there is never read, so that NaN in padding reaches no result.
///
/// Everything is inlinable, because a generic loop that its caller cannot specialise runs a hundred times slower.
public enum Reference {
  /// What the formulas need of a number: arithmetic and the elementary functions.
  public typealias Scalar = ElementaryFunctions & BinaryFloatingPoint & Sendable
}

/// A mistake in the arguments of a ``Reference`` function.
public enum ReferenceError: Error, Equatable, Sendable {
  /// An array does not hold the number of elements that its shape has, or a size of the shape is negative.
  case shape(argument: String, expected: [Int], count: Int)
  /// An integer lies outside of the range that it indexes or counts.
  case outOfRange(argument: String, position: Int, value: Int, expected: ClosedRange<Int>)
  /// A parameter that the configuration asks for is absent (`found` is nil) or has another shape.
  case parameter(name: String, expected: [Int], found: [Int]?)
  /// The settings contradict each other or make no model.
  case configuration(String)
}

extension ReferenceError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .shape(let argument, let expected, let count):
      "'\(argument)' has \(count) elements; expected the shape \(expected), every size at least 0"
    case .outOfRange(let argument, let position, let value, let expected):
      "'\(argument)' has \(value) at \(position); expected \(expected.lowerBound) to \(expected.upperBound)"
    case .parameter(let name, let expected, nil):
      "the parameter '\(name)' is missing; expected one of the shape \(expected)"
    case .parameter(let name, let expected, let found?):
      "the parameter '\(name)' has the shape \(found); expected \(expected)"
    case .configuration(let message): message
    }
  }
}

// MARK: - What every family uses

extension Reference {
  /// Throws unless `array` has exactly the elements of `shape`.
  @inlinable
  static func require<Element>(_ array: [Element], _ argument: String, _ shape: Int...) throws {
    try require(array, argument, shape: shape)
  }

  /// Throws unless `array` has exactly the elements of `shape`.
  @inlinable
  static func require<Element>(_ array: [Element], _ argument: String, shape: [Int]) throws {
    var count = 1
    for size in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow else {
        throw ReferenceError.shape(argument: argument, expected: shape, count: array.count)
      }
      count = product
    }
    guard array.count == count else {
      throw ReferenceError.shape(argument: argument, expected: shape, count: array.count)
    }
  }

  /// Throws unless there are `rows` lengths, each in `0 ... maximum`.
  @inlinable
  static func requireLengths(_ lengths: [Int]?, rows: Int, maximum: Int) throws {
    guard let lengths else { return }
    try require(lengths, "lengths", rows)
    for (row, length) in lengths.enumerated() where length < 0 || length > maximum {
      throw ReferenceError.outOfRange(
        argument: "lengths", position: row, value: length, expected: 0...max(maximum, 0))
    }
  }

  /// Row `index` of an array of rows of `width` elements.
  @inlinable
  static func row<T>(_ array: [T], _ index: Int, _ width: Int) -> ArraySlice<T> {
    array[index * width..<(index + 1) * width]
  }

  /// Σᵢ xᵢ yᵢ, from left to right.
  @inlinable
  static func dot<T: Scalar>(_ x: ArraySlice<T>, _ y: ArraySlice<T>) -> T {
    var sum: T = 0
    for (a, b) in zip(x, y) { sum += a * b }
    return sum
  }

  /// Adds factor · x to row `index` of `array`.
  @inlinable
  static func add<T: Scalar>(_ factor: T, _ x: ArraySlice<T>, to array: inout [T], row index: Int) {
    for (j, value) in x.enumerated() { array[index * x.count + j] += factor * value }
  }

  /// 1 / (1 + e⁻ˣ).
  @inlinable
  static func sigmoid<T: Scalar>(_ x: T) -> T { 1 / (1 + T.exp(-x)) }
}

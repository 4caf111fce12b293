import Attention

/// Something that holds named parameters, in a fixed order.
///
/// The gradient of a layer is a value of the layer's own type: the same names, the same shapes. So are the moments of an
/// optimiser and the content of a checkpoint.
public protocol Parameterized: Sendable {
  /// Calls `body` with every parameter, named from `prefix` on, always in the same order.
  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
}

extension Parameterized {
  /// Every parameter under its name, in order.
  public var parameters: [(name: String, tensor: Tensor)] {
    var copy = self
    var result: [(name: String, tensor: Tensor)] = []
    copy.forEachParameter(prefix: "") { name, tensor in result.append((name, tensor)) }
    return result
  }

  /// The number of trainable numbers.
  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.tensor.count } }
}

extension SeededGenerator {
  /// A tensor whose elements are drawn one after the other.
  mutating func tensor(_ shape: [Int], of draw: (inout SeededGenerator) -> Float) -> Tensor {
    var tensor = Tensor(zeros: shape)
    let count = tensor.count
    tensor.withUnsafeMutablePointer { pointer in
      for i in 0..<count { pointer[i] = draw(&self) }
    }
    return tensor
  }

  /// A tensor of uniform numbers in ±bound.
  mutating func uniform(_ shape: [Int], bound: Float) -> Tensor {
    // 24 bits, the width of a float's fraction: every value is exact.
    tensor(shape) { bound * (Float($0.next() >> 40) * 0x1p-23 - 1) }
  }

  /// The weight of a map from `columns` inputs, uniform in ±1/√columns.
  mutating func weight(_ rows: Int, _ columns: Int) -> Tensor {
    uniform([rows, columns], bound: 1 / Float(columns).squareRoot())
  }
}

import Attention
import Foundation

extension EncoderDecoder {
  /// Draws all weights anew as Bahdanau, Cho, Bengio 2015, appendix B.1: recurrent matrices orthogonal, those that attention
  /// projects with from N(0, 0.001²), its v at 0, every other weight from N(0, 0.01²). Biases stay where they are, and so do the
  /// normed score's v, which at 0 would have no direction, and its gain.
  mutating func startOrthogonal(_ generator: inout SeededGenerator) {
    let configuration = configuration
    forEachParameter(prefix: "") { name, parameter in
      switch name.split(separator: ".").last! {
      case "recurrent": parameter = generator.orthogonal(parameter.shape[0], parameter.shape[1])
      case "v" where configuration.score == .normedConcat: break
      case "v": parameter = Tensor(zeros: parameter.shape)
      case "query", "key": parameter = generator.normal(parameter.shape, deviation: 0.001)
      case "bias", "recurrentBias", "gain": break
      default: parameter = generator.normal(parameter.shape, deviation: 0.01)
      }
    }
  }
}

extension SeededGenerator {
  /// A tensor of normal numbers around 0 (Box & Muller 1958).
  mutating func normal(_ shape: [Int], deviation: Float) -> Tensor {
    tensor(shape) { generator in
      // 1 − u lies in (0, 1], where the logarithm is finite.
      let radius = (-2 * log(1 - generator.uniform())).squareRoot()
      return deviation * Float(radius * cos(2 * .pi * generator.uniform()))
    }
  }

  /// Random orthogonal matrices [columns, columns], one above the other: rows of normal numbers, made orthonormal in turn
  /// (Gram and Schmidt, the modified form), are uniform over all such matrices.
  ///
  /// - Complexity: O(rows · columns²)
  mutating func orthogonal(_ rows: Int, _ columns: Int) -> Tensor {
    precondition(rows.isMultiple(of: columns))
    var tensor = normal([rows, columns], deviation: 1)
    tensor.withUnsafeMutablePointer { pointer in
      for first in stride(from: 0, to: rows, by: columns) {
        let block = (0..<columns).map { row in
          UnsafeMutableBufferPointer(start: pointer + (first + row) * columns, count: columns)
        }
        for (index, row) in block.enumerated() {
          scale(row, by: 1 / product(row, row).squareRoot())
          for other in block[(index + 1)...] { subtract(row, times: product(row, other), from: other) }
        }
      }
    }
    return tensor
  }
}

/// Σ x y. Eight sums at once: the compiler may not reorder a single one.
private func product(
  _ x: UnsafeMutableBufferPointer<Float>, _ y: UnsafeMutableBufferPointer<Float>
) -> Float {
  var sums = SIMD8<Float>.zero
  let whole = x.count & ~7
  for i in stride(from: 0, to: whole, by: 8) {
    for lane in 0..<8 { sums[lane] += x[i + lane] * y[i + lane] }
  }
  return (whole..<x.count).reduce(sums.sum()) { $0 + x[$1] * y[$1] }
}

private func scale(_ x: UnsafeMutableBufferPointer<Float>, by factor: Float) {
  for i in x.indices { x[i] *= factor }
}

private func subtract(
  _ x: UnsafeMutableBufferPointer<Float>, times factor: Float,
  from y: UnsafeMutableBufferPointer<Float>
) {
  for i in y.indices { y[i] -= factor * x[i] }
}

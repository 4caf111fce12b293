import CKernels

/// The cross entropy of every row, in nats, of `softmax(x Wᵀ + b)` against its target, in one pass that never holds
/// the logits of all rows; 0 where the target is negative.
///
/// - Parameters: x [N, H], weight [V, H], bias [V], targets [N] below V
package func projectedCrossEntropy(
  _ x: Matrix, weight: Tensor, bias: Tensor, targets: [Int32]
) -> [Float] {
  var loss = [Float](repeating: 0, count: x.rows)
  precondition(x.isContiguous && targets.count == x.rows && weight.shape == [bias.count, x.columns])
  check(
    ck_projected_cross_entropy_f32(
      &loss, nil, nil, nil, x.pointer, weight.storage.pointer, bias.storage.pointer, targets, 1, 0,
      Int64(x.rows), Int64(bias.count), Int64(x.columns)))
  return loss
}

package struct CrossEntropyGradients {
  package let loss: [Float]
  package let dx: Matrix
  package let weight: Tensor
  package let bias: Tensor
}

/// ``projectedCrossEntropy(_:weight:bias:targets:)`` with the gradients of `scale · Σ loss`, made in the same pass.
/// Of the smoothed loss, where `smoothing`, 0 to 1, is the share of the target's probability that is spread over the
/// vocabulary.
package func projectedCrossEntropyGradients(
  _ x: Matrix, weight: Tensor, bias: Tensor, targets: [Int32], scale: Float, smoothing: Float
) -> CrossEntropyGradients {
  var loss = [Float](repeating: 0, count: x.rows)
  let dx = Matrix(rows: x.rows, columns: x.columns)
  let (dW, db) = (Tensor(zeros: weight.shape), Tensor(zeros: bias.shape))
  precondition(x.isContiguous && targets.count == x.rows && weight.shape == [bias.count, x.columns])
  check(
    ck_projected_cross_entropy_f32(
      &loss, dx.pointer, dW.storage.pointer, db.storage.pointer, x.pointer, weight.storage.pointer,
      bias.storage.pointer, targets, scale, smoothing, Int64(x.rows), Int64(bias.count), Int64(x.columns)))
  return CrossEntropyGradients(loss: loss, dx: dx, weight: dW, bias: db)
}

/// The 2-norm of all elements of all tensors together.
package func globalNorm(_ tensors: [Tensor]) -> Double {
  var sum = 0.0
  for tensor in tensors { check(ck_sum_squares_f32(&sum, tensor.storage.pointer, Int64(tensor.count))) }
  return sum.squareRoot()
}

extension Tensor {
  /// Inverted dropout in place; of the gradient, the same call is the backward.
  package mutating func dropOut(rate: Float, seed: UInt64) {
    let count = Int64(count)
    withUnsafeMutablePointer { check(ck_dropout_f32($0, $0, rate, seed, 0, count)) }
  }

  /// Adds a tensor of the same shape.
  package mutating func add(_ other: Tensor) {
    precondition(other.shape == shape)
    let count = Int64(count)
    withUnsafeMutablePointer { check(ck_add_f32($0, other.storage.pointer, count)) }
  }

  /// One step of Adam (Kingma & Ba 2015, algorithm 1) on this parameter and its moments; `step` counts from 1.
  package mutating func adamStep(
    gradient: Tensor, gradientScale: Float, m: inout Tensor, v: inout Tensor, rate: Float, beta1: Float,
    beta2: Float, epsilon: Float, step: Int
  ) {
    precondition(gradient.shape == shape && m.shape == shape && v.shape == shape)
    let count = Int64(count)
    withUnsafeMutablePointer { p in
      m.withUnsafeMutablePointer { m in
        v.withUnsafeMutablePointer { v in
          check(
            ck_adam_f32(
              p, m, v, gradient.storage.pointer, gradientScale, rate, beta1, beta2, epsilon, Int64(step),
              count))
        }
      }
    }
  }
}

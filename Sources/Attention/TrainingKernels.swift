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

/// The constants of Adam (Kingma & Ba 2015, algorithm 1), with decoupled weight decay (Loshchilov & Hutter 2019).
package struct AdamConstants {
  let beta1, beta2, epsilon, weightDecay: Float

  package init(beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }
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

  /// One step of Adam on this parameter and its moments; `step` counts from 1.
  package mutating func adamStep(
    gradient: Tensor, gradientScale: Float, m: inout Tensor, v: inout Tensor, rate: Float,
    _ constants: AdamConstants, step: Int
  ) {
    precondition(gradient.shape == shape && m.shape == shape && v.shape == shape)
    let (count, c) = (Int64(count), constants)
    withUnsafeMutablePointer { p in
      m.withUnsafeMutablePointer { m in
        v.withUnsafeMutablePointer { v in
          check(
            ck_adam_f32(
              p, m, v, gradient.storage.pointer, gradientScale, rate, c.beta1, c.beta2, c.epsilon,
              c.weightDecay, Int64(step), count))
        }
      }
    }
  }

  /// One step of Adadelta (Zeiler 2012, algorithm 1) with decoupled weight decay.
  package mutating func adadeltaStep(
    gradient: Tensor, gradientScale: Float, squares: inout Tensor, steps: inout Tensor, rate: Float,
    decay: Float, epsilon: Float, weightDecay: Float
  ) {
    precondition(gradient.shape == shape && squares.shape == shape && steps.shape == shape)
    let count = Int64(count)
    withUnsafeMutablePointer { p in
      squares.withUnsafeMutablePointer { squares in
        steps.withUnsafeMutablePointer { steps in
          check(
            ck_adadelta_f32(
              p, squares, steps, gradient.storage.pointer, gradientScale, rate, decay, epsilon, weightDecay,
              count))
        }
      }
    }
  }

  /// One step of gradient descent with decoupled weight decay.
  package mutating func descend(gradient: Tensor, gradientScale: Float, rate: Float, weightDecay: Float) {
    precondition(gradient.shape == shape)
    let count = Int64(count)
    withUnsafeMutablePointer { p in
      check(ck_sgd_f32(p, nil, gradient.storage.pointer, gradientScale, rate, 0, weightDecay, count))
    }
  }

  /// The same with momentum (Polyak 1964).
  package mutating func descend(
    gradient: Tensor, gradientScale: Float, velocity: inout Tensor, rate: Float, momentum: Float,
    weightDecay: Float
  ) {
    precondition(gradient.shape == shape && velocity.shape == shape)
    let count = Int64(count)
    withUnsafeMutablePointer { p in
      velocity.withUnsafeMutablePointer { velocity in
        check(
          ck_sgd_f32(
            p, velocity, gradient.storage.pointer, gradientScale, rate, momentum, weightDecay, count))
      }
    }
  }

  /// self += share · (other − self).
  package mutating func move(toward other: Tensor, share: Float) {
    precondition(other.shape == shape)
    let count = Int64(count)
    withUnsafeMutablePointer { check(ck_lerp_f32($0, other.storage.pointer, share, count)) }
  }
}

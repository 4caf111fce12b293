import Attention

/// Adam (Kingma & Ba 2015, algorithm 1), with gradients clipped by their global norm (Pascanu et al. 2013).
public struct Adam: Sendable {
  /// α, the size of a step.
  public var rate: Float
  public var beta1: Float
  public var beta2: Float
  /// ε, added outside of the root, as in the paper.
  public var epsilon: Float
  /// The largest norm of all gradients together; nil does not clip.
  public var clipNorm: Float?

  /// The updates made so far.
  public private(set) var steps: Int
  /// First and second moments, in the order of the parameters; empty before the first update.
  var m: [Tensor]
  var v: [Tensor]

  public init(
    rate: Float = 1e-3, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, clipNorm: Float? = 5
  ) {
    self.init(
      rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, clipNorm: clipNorm, steps: 0, m: [], v: [])
  }

  init(
    rate: Float, beta1: Float, beta2: Float, epsilon: Float, clipNorm: Float?, steps: Int, m: [Tensor],
    v: [Tensor]
  ) {
    self.rate = rate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.clipNorm = clipNorm
    self.steps = steps
    self.m = m
    self.v = v
  }

  /// One update, in place.
  ///
  /// - Returns: the norm of the gradient before clipping. When it is not finite, nothing is updated.
  /// - Complexity: O(parameters)
  @discardableResult
  public mutating func update<Model: Parameterized>(_ model: inout Model, gradient: Model) -> Double {
    let gradients = gradient.parameters.map(\.tensor)
    let norm = globalNorm(gradients)
    guard norm.isFinite else { return norm }
    if m.isEmpty {
      m = gradients.map { Tensor(zeros: $0.shape) }
      v = m
    }
    steps += 1
    // As PyTorch's clip_grad_norm_: the constant keeps a norm of zero from dividing.
    let scale = clipNorm.map { min(1, $0 / (Float(norm) + 1e-6)) } ?? 1
    var index = 0
    model.forEachParameter(prefix: "") { _, parameter in
      parameter.adamStep(
        gradient: gradients[index], gradientScale: scale, m: &m[index], v: &v[index], rate: rate,
        beta1: beta1,
        beta2: beta2, epsilon: epsilon, step: steps)
      index += 1
    }
    return norm
  }
}

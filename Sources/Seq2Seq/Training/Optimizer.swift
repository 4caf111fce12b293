import Attention

/// What makes updates from gradients, by the rule of its options; gradients are clipped by their global norm first (Pascanu
/// et al. 2013).
public struct Optimizer: Sendable {
  public let options: OptimizerOptions
  /// The largest norm of all gradients together; nil does not clip.
  public var clipNorm: Float?

  /// The updates made so far.
  public private(set) var steps: Int
  /// What the rule remembers of each parameter, in their order: Adam's first and second moments, Adadelta's mean squares, or the velocity;
  /// empty before the first update.
  private(set) var moments: [[Tensor]]

  public init(_ options: OptimizerOptions = OptimizerOptions(), clipNorm: Float? = 5) {
    self.init(options, clipNorm: clipNorm, steps: 0, moments: [])
  }

  init(_ options: OptimizerOptions, clipNorm: Float?, steps: Int, moments: [[Tensor]]) {
    self.options = options
    self.clipNorm = clipNorm
    self.steps = steps
    self.moments = moments
  }

  /// How many tensors the rule remembers of a parameter.
  static func memory(_ options: OptimizerOptions) -> Int {
    switch options.rule {
    case .adam, .adamw, .adadelta: 2
    case .sgd: options.momentum > 0 ? 1 : 0
    }
  }

  /// One update, in place.
  ///
  /// - Parameter rate: the size of the step
  /// - Returns: the norm of the gradient before clipping. When it is not finite, nothing is updated.
  /// - Complexity: O(parameters)
  @discardableResult
  public mutating func update<Model: Parameterized>(
    _ model: inout Model, gradient: Model, rate: Float
  ) -> Double {
    let gradients = gradient.parameters.map(\.tensor)
    let norm = globalNorm(gradients)
    guard norm.isFinite else { return norm }
    if moments.isEmpty {
      let zeros = gradients.map { Tensor(zeros: $0.shape) }
      moments = Array(repeating: zeros, count: Self.memory(options))
    }
    steps += 1
    // As PyTorch's clip_grad_norm_: the constant keeps a norm of zero from dividing.
    let scale = clipNorm.map { min(1, $0 / (Float(norm) + 1e-6)) } ?? 1
    var index = 0
    model.forEachParameter(prefix: "") { _, parameter in
      step(&parameter, index, gradients[index], scale: scale, rate: rate)
      index += 1
    }
    return norm
  }

  private mutating func step(
    _ parameter: inout Tensor, _ index: Int, _ gradient: Tensor, scale: Float, rate: Float
  ) {
    switch options.rule {
    case .adam, .adamw:
      let constants = AdamConstants(
        beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon,
        weightDecay: options.weightDecay)
      let step = steps
      withBothMoments(index) { m, v in
        parameter.adamStep(
          gradient: gradient, gradientScale: scale, m: &m, v: &v, rate: rate, constants, step: step)
      }
    case .adadelta:
      let (decay, epsilon, weightDecay) = (options.beta2, options.epsilon, options.weightDecay)
      withBothMoments(index) { squares, steps in
        parameter.adadeltaStep(
          gradient: gradient, gradientScale: scale, squares: &squares, steps: &steps, rate: rate,
          decay: decay, epsilon: epsilon, weightDecay: weightDecay)
      }
    case .sgd where options.momentum > 0:
      parameter.descend(
        gradient: gradient, gradientScale: scale, velocity: &moments[0][index], rate: rate,
        momentum: options.momentum, weightDecay: options.weightDecay)
    case .sgd:
      parameter.descend(
        gradient: gradient, gradientScale: scale, rate: rate, weightDecay: options.weightDecay)
    }
  }

  /// Lends both moments of a parameter out of their arrays: two elements of one array cannot be lent at once.
  private mutating func withBothMoments(_ index: Int, _ body: (inout Tensor, inout Tensor) -> Void) {
    var (first, second) = (Tensor(zeros: []), Tensor(zeros: []))
    swap(&first, &moments[0][index])
    swap(&second, &moments[1][index])
    body(&first, &second)
    swap(&first, &moments[0][index])
    swap(&second, &moments[1][index])
  }
}

/// The rule that makes an update from a gradient, and its constants.
public struct OptimizerOptions: Codable, Sendable, Equatable {
  public enum Rule: String, Codable, CaseIterable, Sendable {
    /// Kingma & Ba 2015, algorithm 1.
    case adam
    /// Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).
    case adamw
    /// Zeiler 2012, algorithm 1; its rate is 1.
    case adadelta
    /// Gradient descent, with momentum (Polyak 1964) if there is any.
    case sgd

    /// The rate to begin with: Zeiler's and, for gradient descent, Luong's.
    public var usualRate: Float {
      switch self {
      case .adam, .adamw: 2e-3
      case .adadelta, .sgd: 1
      }
    }
  }

  public var rule: Rule
  /// Adam's decay of the mean of gradients.
  public var beta1: Float
  /// The decay of the mean of their squares: Adam's β₂, Adadelta's ρ.
  public var beta2: Float
  /// ε, which Adam adds outside of the root and Adadelta inside, as in their papers.
  public var epsilon: Float
  /// Gradient descent's μ.
  public var momentum: Float
  /// λ: every update also takes rate · λ of each weight away. Plain Adam has none.
  public var weightDecay: Float

  /// A rule with its usual constants.
  public init(_ rule: Rule = .adam) {
    self.rule = rule
    beta1 = 0.9
    beta2 = rule == .adadelta ? 0.95 : 0.999
    epsilon = rule == .adadelta ? 1e-6 : 1e-8
    momentum = 0
    weightDecay = rule == .adamw ? 0.01 : 0
  }

  /// The options that cannot be, as ``TrainingOptions/validate()`` lists them.
  var checks: [(option: String, isValid: Bool, expected: String, found: String)] {
    [
      ("beta1", (0..<1).contains(beta1), "at least 0, less than 1", "\(beta1)"),
      ("beta2", (0..<1).contains(beta2), "at least 0, less than 1", "\(beta2)"),
      ("epsilon", epsilon > 0 && epsilon.isFinite, "a positive number", "\(epsilon)"),
      (
        "momentum", rule == .sgd ? (0..<1).contains(momentum) : momentum == 0,
        rule == .sgd ? "at least 0, less than 1" : "0 but for sgd", "\(momentum)"
      ),
      (
        "weightDecay", rule == .adam ? weightDecay == 0 : (0..<1).contains(weightDecay),
        rule == .adam ? "0 with adam; adamw, adadelta and sgd have it" : "at least 0, less than 1",
        "\(weightDecay)"
      ),
    ]
  }
}

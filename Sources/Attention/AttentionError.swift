/// A mistake that a caller of this module can make.
public enum AttentionError: Error, Equatable, Sendable {
  /// An argument's shape is not the one that the formula needs.
  case shape(argument: String, expected: String, found: [Int])
  /// A value lies outside of what the function takes.
  case value(argument: String, expected: String, found: String)
  /// The kernels cannot run: an instruction set that is unknown, or that this machine does not have.
  case kernel(String)
}

extension AttentionError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .shape(let argument, let expected, let found):
      "'\(argument)' has the shape \(found); expected \(expected)"
    case .value(let argument, let expected, let found):
      "'\(argument)' is \(found); expected \(expected)"
    case .kernel(let message): message
    }
  }
}

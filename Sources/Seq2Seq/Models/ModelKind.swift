/// The kinds of model that there are, each with its defaults.
public enum ModelKind: String, Codable, CaseIterable, Sendable {
  /// Attends after the cell.
  case luong
  /// Attends before the cell.
  case bahdanau
  /// Does not attend.
  case plain

  public init(_ configuration: ModelConfiguration) {
    switch configuration.decoder {
    case .luong: self = configuration.score == nil ? .plain : .luong
    case .bahdanau: self = .bahdanau
    }
  }

  public var standard: ModelConfiguration {
    switch self {
    case .luong: .luong()
    case .bahdanau: .bahdanau()
    case .plain: .plain()
    }
  }
}

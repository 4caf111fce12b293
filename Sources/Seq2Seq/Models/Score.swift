/// How the state s that asks is compared with a state h_i of the source: the scores of Luong, Pham, Manning 2015 (§3.1), and three that
/// others gave them.
public enum Score: String, Codable, Sendable, CaseIterable {
  /// sᵀ h_i
  case dot
  /// sᵀ h_i / √H (Vaswani et al. 2017, equation 1).
  case scaledDot = "scaled-dot"
  /// ŝᵀ ĥ_i / temperature, x̂ = x / ‖x‖ (Graves, Wayne, Danihelka 2014, equation 6).
  case cosine
  /// sᵀ W_a h_i
  case general
  /// v_aᵀ tanh(W_a [s; h_i]), which is the alignment model of Bahdanau, Cho, Bengio 2015 (appendix A.1.2).
  case concat
  /// g v̂_aᵀ tanh(W_a [s; h_i]), v̂ = v / ‖v‖: concat with the weight normalisation of Salimans, Kingma 2016, as in Raffel et al. 2017.
  case normedConcat = "normed-concat"
  /// (W_a s)_i, whatever stands there, with a row of W_a for each position that a source can have (equation 8).
  case location

  /// v_aᵀ tanh(…), with projected states on both sides.
  var isAdditive: Bool { self == .concat || self == .normedConcat }
}

/// The part of a source that a step of the decoder attends to, and all that it computes: positions within `radius`, the papers' D, of
/// p_t (Luong, Pham, Manning 2015, §3.2).
public enum AttentionWindow: Sendable, Equatable {
  /// "local-m": p_t = t. A target much longer than its source runs out of it: its steps attend to nothing.
  case monotonic(radius: Int)
  /// "local-p": p_t = S · sigmoid(v_pᵀ tanh(W_p s_t)) of a source of S tokens. The weights are multiplied by
  /// exp(−(i − p_t)² / 2σ²), σ = radius / 2, and not normalised again, so that p_t learns.
  case predictive(radius: Int)

  /// D.
  public var radius: Int {
    switch self {
    case .monotonic(let radius), .predictive(let radius): radius
    }
  }
}

extension AttentionWindow {
  /// The same window with another D.
  public func with(radius: Int) -> AttentionWindow {
    switch self {
    case .monotonic: .monotonic(radius: radius)
    case .predictive: .predictive(radius: radius)
    }
  }
}

extension AttentionWindow: CustomStringConvertible {
  public var description: String {
    switch self {
    case .monotonic(let radius): "\(Kind.monotonic.rawValue) with radius \(radius)"
    case .predictive(let radius): "\(Kind.predictive.rawValue) with radius \(radius)"
    }
  }
}

/// As `{"kind": "local-p", "radius": 10}`.
extension AttentionWindow: Codable {
  private enum Kind: String, Codable {
    case monotonic = "local-m"
    case predictive = "local-p"
  }
  private enum CodingKeys: String, CodingKey { case kind, radius }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let radius = try values.decode(Int.self, forKey: .radius)
    switch try values.decode(Kind.self, forKey: .kind) {
    case .monotonic: self = .monotonic(radius: radius)
    case .predictive: self = .predictive(radius: radius)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    switch self {
    case .monotonic: try values.encode(Kind.monotonic, forKey: .kind)
    case .predictive: try values.encode(Kind.predictive, forKey: .kind)
    }
    try values.encode(radius, forKey: .radius)
  }
}

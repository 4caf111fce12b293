import AttentionReference

/// A call of attention with one of the scores under one of the masks: 2 sources, 4 heads over 2 key heads, Tq 3, Tk 4, H 3, D 2.
struct AttentionSample {
  typealias Input = Reference.AttentionInput<Double>
  typealias Gradient = Reference.AttentionGradient<Double>

  enum Kind: CaseIterable {
    case dot, scaledDot, cosine, general, additive, biasedAdditive, normedAdditive, location

    var keyWidth: Int { self == .general ? 5 : self == .location ? 0 : 3 }

    var score: Reference.Score<Double> {
      switch self {
      case .dot: .dot(scale: 1)
      case .scaledDot: .dot(scale: 0.5)
      case .cosine: .cosine(temperature: 0.25)
      case .general: .general(weight: numbers(15, seed: 9), keyWidth: 5)
      case .additive: .additive(v: numbers(3, seed: 8))
      case .biasedAdditive: .additive(v: numbers(3, seed: 8), bias: numbers(3, seed: 7))
      case .normedAdditive: .normedAdditive(v: numbers(3, seed: 8), gain: 1.5, bias: numbers(3, seed: 7))
      // One position more than there are keys.
      case .location: .location(weight: numbers(15, seed: 6))
      }
    }
  }

  /// In most there is a query with nothing to attend to.
  enum Masking: CaseIterable {
    case none, lengths, emptySource, causal, causalWithOffsets, window, localM, localP, boolean, bias,
      softcap, dropout
    case everything
  }

  static let (batch, heads, keyHeads, queryLength, keyLength, hidden, valueWidth) = (2, 4, 2, 3, 4, 3, 2)
  static let pairs = batch * heads * queryLength * keyLength

  let kind: Kind
  let masking: Masking
  var input: Input
  var contextGradient = numbers(batch * heads * queryLength * valueWidth, seed: 4)

  var score: Reference.Score<Double> { kind.score }

  init(_ kind: Kind, _ masking: Masking) {
    self.kind = kind
    self.masking = masking
    let (b, tk) = (Self.batch, Self.keyLength)
    input = Input(
      queries: numbers(b * Self.heads * Self.queryLength * Self.hidden, seed: 1),
      keys: numbers(b * Self.keyHeads * tk * kind.keyWidth, seed: 2),
      values: numbers(b * Self.keyHeads * tk * Self.valueWidth, seed: 3),
      batch: b, heads: Self.heads, keyHeads: Self.keyHeads, queryLength: Self.queryLength, keyLength: tk,
      hidden: Self.hidden, valueWidth: Self.valueWidth)
    switch masking {
    case .none: break
    case .lengths: input.lengths = [4, 2]
    case .emptySource: input.lengths = [3, 0]
    case .causal: input.shaping.window = .causal()
    case .causalWithOffsets: input.shaping.window = .causal(offsets: [1, -2])
    case .window: input.shaping.window = .init(left: 1, right: 0, offsets: [3, -1])
    case .localM: input.shaping.window = .monotonic(radius: 1)
    case .localP: input.shaping.window = .predictive(centres: Self.centres, radius: 2)
    case .boolean: input.shaping.allowed = Self.allowed
    case .bias: input.shaping.bias = Self.bias
    case .softcap: input.shaping.softcap = 0.75
    case .dropout: input.shaping.dropout = Self.dropout
    case .everything:
      input.lengths = [4, 3]
      input.shaping = Reference.AttentionShaping(
        softcap: 1.5, bias: Self.bias, allowed: Self.allowed,
        window: .predictive(centres: Self.centres, radius: 1), dropout: Self.dropout)
    }
  }

  /// Of −1 ..< 4, some of them without a key near.
  static var centres: [Double] { numbers(batch * heads * queryLength, seed: 11).map { 2.5 * $0 + 1.5 } }
  /// Two of three, none of the first row.
  static var allowed: [Bool] { numbers(pairs, seed: 12).indices.map { $0 >= 4 && $0 % 3 != 0 } }
  /// One of five masks, and all of the last row.
  static var bias: [Double] {
    numbers(pairs, seed: 13).enumerated().map { $0 % 5 == 0 || $0 >= pairs - 4 ? -.infinity : $1 }
  }
  /// A rate of 1/4.
  static var dropout: [Double] { numbers(pairs, seed: 14).map { $0 < -0.5 ? 0 : 4 / 3 } }

  func result() throws -> Reference.AttentionResult<Double> { try Reference.attention(input, score: score) }

  func gradient() throws -> Gradient {
    try Reference.attentionBackward(contextGradient, result(), input, score: score)
  }

  // MARK: What each mask hides, said once more

  struct Pair {
    let b, h, t, i: Int
    var query: Int { (b * heads + h) * queryLength + t }
    var key: Int { (b * keyHeads + h / 2) * keyLength + i }
    var index: Int { query * keyLength + i }
  }

  static var allPairs: [Pair] {
    (0..<pairs).map { index in
      let row = index / keyLength
      return Pair(
        b: row / queryLength / heads, h: row / queryLength % heads, t: row % queryLength, i: index % keyLength
      )
    }
  }

  func isVisible(_ pair: Pair) -> Bool {
    let (b, t, i) = (pair.b, pair.t, pair.i)
    return switch masking {
    case .none, .softcap, .dropout: true
    case .lengths: i < [4, 2][b]
    case .emptySource: b == 0 && i < 3
    case .causal: i <= t
    case .causalWithOffsets: i <= t + [1, -2][b]
    case .window: b == 0 ? i == t + 2 || i == t + 3 : i == t - 2 || i == t - 1
    case .localM: abs(i - t) <= 1
    case .localP: abs(Double(i) - Self.centres[pair.query]) <= 2
    case .boolean: Self.allowed[pair.index]
    case .bias: Self.bias[pair.index].isFinite
    case .everything:
      i < [4, 3][b] && abs(Double(i) - Self.centres[pair.query]) <= 1 && Self.allowed[pair.index]
        && Self.bias[pair.index].isFinite
    }
  }

  /// The rows of queries that see no key, and those of keys that no query sees.
  var hidden: (queries: Set<Int>, keys: Set<Int>) {
    let visible = Self.allPairs.filter(isVisible)
    return (
      Set(Self.allPairs.map(\.query)).subtracting(visible.map(\.query)),
      Set(Self.allPairs.map(\.key)).subtracting(visible.map(\.key))
    )
  }
}

extension Reference.AttentionGradient<Double> {
  /// All of it, by name.
  var parts: [String: [Double]] {
    [
      "queries": queries, "keys": keys, "values": values, "score parameter": scoreParameter,
      "score bias": scoreBias, "gain": [gain], "bias": bias, "centres": centres,
    ]
  }
}

extension [Double] {
  /// The rows of `width` elements, each in turn.
  func rows(_ width: Int) -> [[Double]] {
    width == 0 ? [] : stride(from: 0, to: count, by: width).map { Array(self[$0..<$0 + width]) }
  }
}

import Attention
import AttentionReference
import TestSupport

/// What shapes the scores of an ``AttentionCase``, once as the reference takes it and once as the fast path does.
struct CaseShaping {
  typealias Stretched = (elements: [Float], shape: [Int])

  /// [B, heads, Tq, Tk].
  let pairs: [Int]
  private(set) var lengths: [Int]?
  private(set) var left, right: Int?
  private(set) var offsets: [Int]?
  private(set) var allowed: (elements: [Bool], shape: [Int])?
  private(set) var bias: Stretched?
  private(set) var centres: Stretched?
  private(set) var softcap: Float?
  private(set) var dropout: Float = 0
  static let seed: UInt64 = 77
  private(set) var isMonotonic = false

  init(_ shape: AttentionCase.Shape, _ pairs: [Int], isPacked: Bool, seed: UInt64) {
    self.pairs = pairs
    var random = SeededRandom(seed)
    switch shape {
    case .none: break
    case .lengths: addLengths()
    case .causal: right = 0
    case .window: (left, right) = (2, 1)
    case .windows: (left, right, offsets) = (1, 2, [0, 3, -4, 9])
    case .boolean: addBoolean(pairs, &random)
    case .sharedBoolean: addBoolean([pairs[2], pairs[3]], &random)
    case .bias: addBias(pairs, &random)
    case .sharedBias: addBias([pairs[1], 1, pairs[3]], &random)
    case .localM: (left, right, isMonotonic) = (2, 2, true)
    case .localP: addCentres([pairs[0], pairs[1], pairs[2]], &random)
    case .sharedLocalP: addCentres([pairs[0], 1, pairs[2]], &random)
    case .softcap: softcap = 0.8
    case .dropout: dropout = 0.4
    case .everything, .everythingLocalP:
      addLengths()
      addBoolean([pairs[0], 1, 1, pairs[3]], &random)
      addBias([pairs[0], pairs[1], 1, pairs[3]], &random)
      (softcap, dropout) = (1.5, 0.3)
      if shape == .everything {
        (left, right) = (4, 3)
      } else {
        addCentres(Array(pairs[..<3]), &random)
      }
    }
  }

  /// In place of what booleans there are.
  mutating func hideFromLastQueries(_ count: Int) {
    let elements = (0..<pairs[2] * pairs[3]).map { $0 / pairs[3] < pairs[2] - count }
    allowed = (elements, [pairs[2], pairs[3]])
  }

  mutating func setCentre(_ row: Int, to centre: Float) { centres?.elements[row] = centre }

  mutating func hideEverything() { lengths = lengths!.map { _ in 0 } }

  private mutating func addLengths() { lengths = [pairs[3], 0, (pairs[3] + 1) / 3, max(pairs[3] - 4, 0)] }

  /// Two of three are let through, and of the first row none.
  private mutating func addBoolean(_ shape: [Int], _ random: inout SeededRandom) {
    var elements = random.integers(shape.reduce(1, *), in: 0...2).map { $0 > 0 }
    for i in 0..<min(pairs[3], elements.count) { elements[i] = false }
    allowed = (elements, shape)
  }

  /// One of eight is −∞, and all of the last key's.
  private mutating func addBias(_ shape: [Int], _ random: inout SeededRandom) {
    let count = shape.reduce(1, *)
    let isMasked = random.integers(count, in: 0...7).map { $0 == 0 }
    let elements = zip(random.floats(count), isMasked).map { $1 ? -.infinity : $0 }
    bias = (elements.enumerated().map { $0 % pairs[3] == pairs[3] - 1 ? -.infinity : $1 }, shape)
  }

  /// Positions within the sentence, and one far beyond its end.
  private mutating func addCentres(_ shape: [Int], _ random: inout SeededRandom) {
    var elements = random.floats(shape.reduce(1, *), 0, Float(pairs[3]))
    if elements.count > 1 { elements[1] = Float(pairs[3]) + 40.5 }
    centres = (elements, shape)
    (left, right) = (3, 3)
  }

  // MARK: The reference's

  func reference<T: Reference.Scalar>() throws -> Reference.AttentionShaping<T> {
    var shaping = Reference.AttentionShaping<T>()
    shaping.softcap = softcap.map { T($0) }
    shaping.bias = bias.map { stretched($0.elements, $0.shape, over: pairs).converted() }
    shaping.allowed = allowed.map { stretched($0.elements, $0.shape, over: pairs) }
    shaping.window.left = left
    shaping.window.right = right
    shaping.window.offsets = offsets
    if let centres {
      shaping.window.centres = stretched(centres.elements, centres.shape, over: [1] + pairs[..<3]).converted()
      shaping.window.deviation = T(left!) / 2
    }
    if dropout > 0 { shaping.dropout = try factors().converted() }
    return shaping
  }

  /// What dropout multiplies each weight with, seen through equal weights and values that are unit vectors.
  private func factors() throws -> [Float] {
    let (b, heads, tq, tk) = (pairs[0], pairs[1], pairs[2], pairs[3])
    var unit = [Float](repeating: 0, count: b * tk * tk)
    for row in 0..<b * tk { unit[row * tk + row % tk] = 1 }
    let keep = 1 / (1 - dropout)
    let attended = try DotAttention().forward(
      queries: Tensor(zeros: [b, heads, tq, 1]), keys: Tensor(zeros: [b, 1, tk, 1]),
      values: Tensor(unit, shape: [b, 1, tk, tk]),
      options: AttentionOptions(dropout: dropout, seed: Self.seed))
    return attended.context.elements.map { $0 == 0 ? 0 : keep }
  }

  // MARK: The fast path's

  func mask() throws -> Mask {
    var masks: [Mask] = []
    if let lengths { masks.append(.lengths(lengths)) }
    if centres == nil, !isMonotonic, left != nil || right != nil {
      masks.append(
        offsets.map { .windows(left: left, right: right, offsets: $0) }
          ?? (left == nil && right == 0 ? .causal() : .window(left: left, right: right)))
    }
    if let allowed { masks.append(.boolean(try BooleanMask(allowed.elements, shape: allowed.shape))) }
    if let bias { masks.append(.bias(try Tensor(bias.elements, shape: bias.shape), isLearned: true)) }
    return masks.isEmpty ? .none : masks.count == 1 ? masks[0] : .all(masks)
  }

  func window() throws -> Window {
    if isMonotonic { return .monotonic(radius: left!) }
    guard let centres else { return .global }
    let isShared = centres.shape[1] == 1
    return .predictive(
      centres: try Tensor(
        centres.elements, shape: isShared ? [centres.shape[0], centres.shape[2]] : centres.shape),
      radius: left!)
  }

  func options(heads: Int?, keyHeads: Int?, packed: PackedLengths?) -> AttentionOptions {
    AttentionOptions(
      heads: heads, keyHeads: keyHeads, packed: packed, softcap: softcap, dropout: dropout, seed: Self.seed)
  }
}

// MARK: - Stretching

/// For every element of the target, in order, the index of the smaller array's that stands for it.
private func sources(_ shape: [Int], over target: [Int]) -> [Int] {
  let extents = [Int](repeating: 1, count: target.count - shape.count) + shape
  return (0..<target.reduce(1, *)).map { index in
    var (rest, place, stride) = (index, 0, 1)
    for dimension in target.indices.reversed() {
      place += (extents[dimension] == 1 ? 0 : rest % target[dimension]) * stride
      stride *= extents[dimension]
      rest /= target[dimension]
    }
    return place
  }
}

func stretched<T>(_ array: [T], _ shape: [Int], over target: [Int]) -> [T] {
  sources(shape, over: target).map { array[$0] }
}

/// The gradient of the smaller array: its sums over what was repeated.
func reduced<T: Numeric>(_ gradient: [T], _ shape: [Int], over target: [Int]) -> [T] {
  var sums = [T](repeating: 0, count: shape.reduce(1, *))
  for (index, source) in sources(shape, over: target).enumerated() { sums[source] += gradient[index] }
  return sums
}

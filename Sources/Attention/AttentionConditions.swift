/// A mask and a window in the kernels' terms: at most one condition of each kind.
struct AttentionConditions: Sendable {
  private(set) var lengths: [Int]?
  private(set) var band: Band?
  private(set) var boolean: BooleanMask?
  private(set) var bias: Tensor?
  private(set) var biasIsLearned = false
  private(set) var centres: Tensor?
  /// D of the centres' window.
  private(set) var radius = 0

  init(_ mask: Mask, _ window: Window) throws(AttentionError) {
    try add(mask)
    switch window {
    case .global: break
    case .monotonic(let radius):
      guard radius >= 0 else {
        throw .value(argument: "window.radius", expected: "at least 0", found: "\(radius)")
      }
      try add(.window(left: radius, right: radius))
    case .predictive(let centres, let radius):
      guard (1...Band.limit).contains(radius) else {
        throw .value(argument: "window.radius", expected: "1 to \(Band.limit)", found: "\(radius)")
      }
      guard band == nil else {
        throw .value(
          argument: "mask", expected: "no window beside predicted positions; a boolean mask can say the same",
          found: "a window")
      }
      (self.centres, self.radius) = (centres, radius)
    }
  }

  private mutating func add(_ mask: Mask) throws(AttentionError) {
    switch mask {
    case .none: break
    case .lengths(let new): lengths = try Self.shorter(lengths, new)
    case .window(let left, let right, let offset):
      try add(Band(left: left, right: right, offsets: [offset], name: "offset"))
    case .windows(let left, let right, let offsets):
      try add(Band(left: left, right: right, offsets: offsets, name: "offsets"))
    case .boolean(let new): boolean = try boolean?.and(new) ?? new
    case .bias(let new, let isLearned):
      guard bias == nil else {
        throw .value(argument: "mask", expected: "one bias at most", found: "two")
      }
      (bias, biasIsLearned) = (new, isLearned)
    case .all(let masks): for mask in masks { try add(mask) }
    }
  }

  private mutating func add(_ new: Band) throws(AttentionError) {
    band = try band?.intersection(new) ?? new
  }

  private static func shorter(_ a: [Int]?, _ b: [Int]) throws(AttentionError) -> [Int] {
    guard let a else { return b }
    guard a.count == b.count else {
      throw .shape(argument: "lengths", expected: "[\(a.count)]", found: [b.count])
    }
    return zip(a, b).map(min)
  }
}

/// The keys `t + low ≤ i ≤ t + high` of query t; bounds are nil, the same for all sources, or one for each.
struct Band: Sendable, Equatable {
  let low, high: [Int]?

  /// What bounds and offsets may be, so that the kernels' 32 bits hold their sums. A bound beyond it bounds nothing.
  static let limit = 1 << 30 - 1

  init(left: Int?, right: Int?, offsets: [Int], name: String) throws(AttentionError) {
    for (side, bound) in [("left", left), ("right", right)] {
      guard bound ?? 0 >= 0 else {
        throw .value(argument: side, expected: "at least 0, or nil for no bound", found: "\(bound!)")
      }
    }
    if let offset = offsets.first(where: { $0.magnitude > Self.limit }) {
      throw .value(argument: name, expected: "−\(Self.limit) to \(Self.limit)", found: "\(offset)")
    }
    low = left.flatMap { left in left > Self.limit ? nil : offsets.map { $0 - left } }
    high = right.flatMap { right in right > Self.limit ? nil : offsets.map { $0 + right } }
  }

  private init(low: [Int]?, high: [Int]?) { (self.low, self.high) = (low, high) }

  /// No key at all: what lies as far before the first one as a bound can.
  private static let nothing = Band(low: [-limit], high: [-limit])

  func intersection(_ other: Band) throws(AttentionError) -> Band {
    let both = Band(
      low: try Self.combine(low, other.low, max), high: try Self.combine(high, other.high, min))
    guard let low = both.low, let high = both.high else { return both }
    let widths = Set(try Self.combine(high, low, -)!)
    if !widths.isEmpty, widths.allSatisfy({ $0 < 0 }) { return .nothing }
    guard widths.count <= 1 else {
      throw .value(
        argument: "mask",
        expected: "windows that have the same number of positions in common everywhere, or a boolean mask",
        found: "\(widths.sorted().map { max($0 + 1, 0) })")
    }
    return both
  }

  private static func combine(_ a: [Int]?, _ b: [Int]?, _ operation: (Int, Int) -> Int) throws(AttentionError)
    -> [Int]?
  {
    guard let a, let b else { return a ?? b }
    guard a.count == b.count || a.count == 1 || b.count == 1 else {
      throw .shape(argument: "offsets", expected: "[\(a.count)]", found: [b.count])
    }
    let count = a.count == 1 ? b.count : a.count
    return (0..<count).map { operation(a[a.count == 1 ? 0 : $0], b[b.count == 1 ? 0 : $0]) }
  }

  /// As the kernels say it: `p − left ≤ i ≤ p + right` with p = t + offset, negative for no bound.
  var kernel: (left: Int, right: Int, offsets: [Int]) {
    guard let low else { return (-1, high == nil ? -1 : 0, high ?? [0]) }
    guard let high else { return (0, -1, low) }
    return (0, high.isEmpty || low.isEmpty ? 0 : high[0] - low[0], low)
  }
}

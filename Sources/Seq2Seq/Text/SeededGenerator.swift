/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
///
/// The system's generator cannot be seeded, and the standard library promises neither the order of
/// `shuffled(using:)` nor the numbers of `random(in:using:)` from one version to the next. A run that names
/// its seed should repeat on any platform and compiler, so what a run draws is drawn by the methods here.
public struct SeededGenerator: RandomNumberGenerator, Sendable, Equatable {
  private var state: UInt64

  /// Any seed is as good as any other, but for those that lie multiples of 0x9E37_79B9_7F4A_7C15 apart: one's numbers
  /// are the other's some places on.
  public init(seed: UInt64) { state = seed }

  /// One of many generators of a seed, each of which draws numbers of its own.
  package init(seed: UInt64, stream: Int) {
    var streams = SeededGenerator(seed: seed &+ UInt64(truncatingIfNeeded: stream) &* 0x9E37_79B9_7F4A_7C15)
    state = streams.next()
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A whole number from `0..<bound`, each equally likely; `bound` is positive.
  ///
  /// Lemire's multiplication ("Fast random integer generation in an interval", 2019): the high half of a
  /// product is the number, and the few low halves that would favour some numbers are drawn again.
  public mutating func integer(below bound: Int) -> Int {
    precondition(bound > 0, "no whole number lies in 0..<\(bound)")
    let bound = UInt64(bound)
    let unfair = (0 &- bound) % bound
    while true {
      let product = next().multipliedFullWidth(by: bound)
      if product.low >= unfair { return Int(product.high) }
    }
  }

  /// A number from `0..<1`, a multiple of 2⁻⁵³.
  public mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// The elements in a random order, each order equally likely (Fisher and Yates).
  ///
  /// - Complexity: O(n).
  public mutating func shuffled<Element>(_ elements: some Sequence<Element>) -> [Element] {
    var result = Array(elements)
    for last in stride(from: result.count - 1, to: 0, by: -1) {
      result.swapAt(last, integer(below: last + 1))
    }
    return result
  }
}

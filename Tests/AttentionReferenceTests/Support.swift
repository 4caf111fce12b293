import AttentionReference
import Testing

/// `count` numbers in −1 ..< 1 that Float holds exactly, the same on every run (SplitMix64, Steele et al. 2014).
func numbers(_ count: Int, seed: UInt64) -> [Double] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  return (0..<count).map { _ in
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return Double((z ^ (z >> 31)) >> 41) / Double(1 << 22) - 1
  }
}

func floats(_ array: [Double]) -> [Float] { array.map(Float.init) }

/// Float's unit roundoff: a rounded sum or product is wrong by at most u times itself.
let u = 0x1p-24

/// Expects |found − expected| ≤ bound, element by element, and says where it is worst. NaN fails.
func expectClose<T: BinaryFloatingPoint>(
  _ found: [T], _ expected: [Double], within bound: (Int) -> Double, _ name: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard found.count == expected.count else {
    Issue.record("\(name): \(found.count) elements, not \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  let used = found.indices.map { i in
    let error = abs(Double(found[i]) - expected[i])
    return found[i] == T(expected[i]) ? 0 : error.isNaN ? .infinity : error / bound(i)
  }
  guard let worst = used.indices.max(by: { used[$0] < used[$1] }), used[worst] > 1 else { return }
  Issue.record(
    "\(name)[\(worst)] is \(found[worst]), not \(expected[worst]): \(used[worst]) of the tolerance",
    sourceLocation: sourceLocation)
}

/// Expects what a hand computation in double gives, up to the few roundings by which two ways of writing it differ.
func expectEqual(
  _ found: [Double], _ expected: [Double], _ name: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    found, expected, within: { 16 * Double.ulpOfOne * max(1, abs(expected[$0])) }, name,
    sourceLocation: sourceLocation)
}

/// Expects `analytic` to be the gradient of f(x) = Σ weights · outputs(x) by central differences.
///
/// (f(x + h) − f(x − h)) / 2h is off by h² |f‴| / 6, and by some k roundings of the sum S = Σ |weights · outputs|,
/// hence k ε S / h. With h = ε^⅓ both are multiples of ε^⅔ ≈ 4e-11; 100 ε^⅔ max(1, S) leaves room for
/// |f‴| = 600 or k = 100, and a wrong term is larger by orders of magnitude.
func expectGradient(
  _ analytic: [Double], at x: [Double], weights: [Double], _ name: String,
  sourceLocation: SourceLocation = #_sourceLocation, outputs: ([Double]) throws -> [Double]
) rethrows {
  let step = 0x1p-17
  func loss(_ x: [Double]) throws -> Double { zip(try outputs(x), weights).reduce(0) { $0 + $1.0 * $1.1 } }
  let magnitude = zip(try outputs(x), weights).reduce(0) { $0 + abs($1.0 * $1.1) }
  let numeric = try x.indices.map { i in
    var (above, below) = (x, x)
    above[i] += step
    below[i] -= step
    return (try loss(above) - loss(below)) / (above[i] - below[i])
  }
  expectClose(
    analytic, numeric, within: { _ in 100 * 3.7e-11 * max(1, magnitude) }, "d\(name)",
    sourceLocation: sourceLocation)
}

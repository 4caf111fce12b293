/// How far a result may lie from the truth: the one table of tolerances, a row a function below, each with its
/// derivation. To loosen a row is a change of its own, with the reason.
///
/// u = 2⁻²⁴ is half the distance from 1 to the next `Float`: every rounded operation is off by a factor of at most 1 ± u.
public struct Tolerance: Sendable {
  /// What a failure calls it.
  public let name: String
  /// The largest error allowed to the element of an index, given its true value.
  let bound: @Sendable (_ index: Int, _ truth: Double) -> Double

  /// Half an ulp of 1.
  public static let u = 0x1p-24
  /// Half of the least subnormal number: what a result below all normal ones may be off by.
  static let underflow = 0x1p-150
}

extension Tolerance {
  /// Row 1: no error. Copies, masked weights, sums whose order the contract fixes.
  public static let exact = Tolerance(name: "exact") { _, _ in 0 }

  /// Row 2: a function of one element, in units in the last place of the true value; subnormal results have the
  /// spacing of the least normal one.
  public static func ulps(_ count: Double) -> Tolerance {
    Tolerance(name: "\(count) ulp") { _, truth in count * spacing(truth) }
  }

  /// Row 2 for exp. The polynomial of degree 6 on |r| ≤ ln 2 / 2 is off by 0.1 u; rounding its last two steps, and r
  /// itself (its error is that of n · ln 2 in two parts), leaves about 1. Over all floats 1.05; the contract says 2.
  public static let exponential = ulps(2)
  /// Row 2 for tanh = (2ⁿ − 1 + (2ⁿ + 1) t) / (2ⁿ + 1 + (2ⁿ − 1) t). The odd polynomial for t is off by 0.9 u, rounding
  /// it by u, numerator, denominator and quotient by u / 2 each and more where they fall below a power of two. Over all
  /// floats 2.56, unfused 2.77; the contract says 3.
  public static let hyperbolicTangent = ulps(3)
  /// Row 2 for 1 / (1 + e⁻ˣ) = 2ⁿ (1 + t) / (2ⁿ (1 + t) + 1 − t): t as above, of which at most a fifth counts, two sums
  /// and a quotient. Over all floats 2.58; the contract says 3.
  public static let sigmoid = ulps(3)

  /// Row 3: sums of products. Each of the K products and K − 1 sums (and a bias or a former value, one sum each)
  /// multiplies what it touches by 1 ± u, in whatever order and with or without a fused multiply-add, so that
  ///
  ///     |error| ≤ (K + 2) u Σ |a| |b|
  ///
  /// element by element (Higham 2002, §3.1; the terms in u² are below one part in 10⁵ here).
  ///
  /// - Parameters:
  ///   - terms: K.
  ///   - magnitudes: Σ |a| |b| of every element, bias and former value with it.
  public static func sum(terms: Int, magnitudes: [Double]) -> Tolerance {
    let factor = Double(terms + 2) * u
    return Tolerance(name: "(\(terms) + 2) u Σ|a||b|") { index, _ in
      factor * magnitudes[index] + Double(terms + 2) * underflow
    }
  }

  /// Row 3 in bfloat16 by an instruction that takes what lies below the least normal number for zero: a factor, which
  /// leaves out that times the other one, and a product or sum, of which there are K each.
  ///
  /// - Parameter factors: Σ |a| + Σ |b| of every element, both as rounded.
  public static func flushed(terms: Int, magnitudes: [Double], factors: [Double]) -> Tolerance {
    let least = Double(Float.leastNormalMagnitude)
    let sums = sum(terms: terms, magnitudes: magnitudes)
    return Tolerance(name: "\(sums.name) + 2⁻¹²⁶ (2 K + Σ|a| + Σ|b|)") { index, truth in
      sums.bound(index, truth) + least * (2 * Double(terms) + factors[index])
    }
  }

  /// Row 3 in int8, whose sums are exact: what integers and scales make of the product passes seven roundings (scales of
  /// row and column, the sum as a `Float`, two products, two sums), what is added to it two; what the integers themselves
  /// are off by is the caller's.
  ///
  /// - Parameter roundings: 7 |s t Σ q r| + 2 (|bias| + |former value|) of every element.
  public static func quantised(roundings: [Double], errors: [Double]) -> Tolerance {
    Tolerance(name: "7 u |product| + 2 u |added| + integers") { index, _ in
      u * roundings[index] * (1 + 0x1p-20) + errors[index] + 2 * underflow
    }
  }

  /// Row 4, forward: attention, softmax and cells. Their natural error depends on the data, and the naive
  /// computation in `Float` shows it: a kernel may have twice the largest error of that one.
  ///
  /// The floor, 8 u of the largest magnitude, is for data on which the naive one happens to be exact. It is what a
  /// softmax weight passes besides its score: exp (2 ulp, twice over with the sum's), a sum, a reciprocal, a product.
  /// And 2⁻¹²⁶, because a softmax may take an exponential below the least normal number for 0, which is all that is left
  /// of a gradient where the weights are saturated.
  ///
  /// - Parameter scale: The largest magnitude; nil for the largest true value's.
  public static func forward(naive: [Float], truth: [Double], scale: Double? = nil) -> Tolerance {
    natural("forward", 2, 8, naive, truth, scale)
  }

  /// Row 4, gradients: three times the naive computation's largest error, and twice the forward's floor: they pass the
  /// forward's results and then as many roundings of their own.
  public static func gradient(naive: [Float], truth: [Double], scale: Double? = nil) -> Tolerance {
    natural("gradient", 3, 16, naive, truth, scale)
  }

  private static func natural(
    _ name: String, _ factor: Double, _ floor: Double, _ naive: [Float], _ truth: [Double], _ scale: Double?
  ) -> Tolerance {
    let error = zip(naive, truth).reduce(0) { max($0, $1.1.isFinite ? abs(Double($1.0) - $1.1) : 0) }
    let largest = scale ?? truth.reduce(0) { max($0, $1.isFinite ? abs($1) : 0) }
    let bound = factor * error + floor * u * largest + Double(Float.leastNormalMagnitude)
    return Tolerance(name: "\(name): \(factor) × naive \(error) + \(floor) u × \(largest)") { _, _ in bound }
  }

  /// What passes two stages, one after the other: their errors add up.
  public static func + (a: Tolerance, b: Tolerance) -> Tolerance {
    Tolerance(name: "\(a.name) + \(b.name)") { a.bound($0, $1) + b.bound($0, $1) }
  }

  /// The distance between neighbouring numbers at `truth`.
  static func spacing(_ truth: Double) -> Double {
    let exponent = max(abs(truth), Double(Float.leastNormalMagnitude)).exponent
    return Double(sign: .plus, exponent: exponent - 23, significand: 1)
  }
}

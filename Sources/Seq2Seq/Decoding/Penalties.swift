import Foundation

/// What ranks outputs beside their log-probability (Wu et al. 2016, "Google's Neural Machine Translation System", §7, equation 14):
///
///     s(Y, X)  = log P(Y | X) / lp(Y) + cp(X; Y)
///     lp(Y)    = ((5 + |Y|) / 6)^α
///     cp(X; Y) = β Σ_i log(min(Σ_t α_ti, 1))
///
/// |Y| counts the end, whose probability is part of P(Y | X). Without penalties s is the log-probability.
public struct Penalties: Sendable, Equatable {
  /// α ≥ 0: how much of its length an output's log-probability is divided by. Wu et al. found 0.2 best.
  public var length: Float
  /// β ≥ 0: how much it costs not to look at every source token with a weight of 1 altogether. Wu et al. found 0.2 best.
  public var coverage: Float

  public init(length: Float = 0, coverage: Float = 0) {
    (self.length, self.coverage) = (length, coverage)
  }

  /// s(Y, X).
  ///
  /// - Parameters:
  ///   - logProbability: log P(Y | X), in nats
  ///   - steps: |Y|
  ///   - alignment: α [|Y|, source]; empty without attention
  public func score(_ logProbability: Double, steps: Int, alignment: [[Float]]) -> Double {
    // Without penalties to the bit what went in.
    let normalised =
      length == 0 ? logProbability : logProbability / pow(Double(5 + steps) / 6, Double(length))
    return coverage == 0 ? normalised : normalised + Double(coverage) * logCoverage(alignment)
  }

  /// A token that no window ever reaches has a weight of exactly 0, whatever the output: its logarithm is kept finite.
  private static let leastWeight = 1e-10

  /// Σ_i log(min(Σ_t α_ti, 1)), at most 0.
  private func logCoverage(_ alignment: [[Float]]) -> Double {
    guard let first = alignment.first else { return 0 }
    var sums = [Double](repeating: 0, count: first.count)
    for row in alignment {
      for (source, weight) in row.enumerated() { sums[source] += Double(weight) }
    }
    return sums.reduce(0) { $0 + log(min(max($1, Self.leastWeight), 1)) }
  }

  func validate() throws(ModelError) {
    for (option, value) in [("lengthPenalty", length), ("coveragePenalty", coverage)] {
      guard value >= 0, value.isFinite else {
        throw .configuration(option: option, expected: "a number of at least 0", found: "\(value)")
      }
    }
  }
}

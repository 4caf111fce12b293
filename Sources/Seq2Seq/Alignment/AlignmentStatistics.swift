import Foundation

/// How sharply a model looks, over a set of alignments. Rows without any weight, of windows beyond a source's end, have no say.
public struct AlignmentStatistics: Sendable, Equatable {
  /// The rows with weights so far.
  public private(set) var rows = 0
  private var entropies = 0.0
  private var largestWeights = 0.0

  public init() {}

  /// The mean over rows a of −Σ p_i log p_i, p = a / Σ a, in nats: from 0, one position, to the logarithm of the source's length, all
  /// alike. Nil without rows.
  public var entropy: Double? { rows == 0 ? nil : entropies / Double(rows) }

  /// The mean of the rows' largest weights, as they are: under a local-p window a row's sum is below 1. Nil without rows.
  public var largestWeight: Double? { rows == 0 ? nil : largestWeights / Double(rows) }

  /// Adds the rows of an alignment, [target, source].
  public mutating func add(_ alignment: [[Float]]) {
    for row in alignment {
      let weights = row.lazy.map(Double.init).filter { $0 > 0 }
      let sum = weights.reduce(0, +)
      guard sum > 0 else { continue }
      rows += 1
      entropies += log(sum) - weights.reduce(0) { $0 + $1 * log($1) } / sum
      largestWeights += weights.max()!
    }
  }
}

import Foundation

/// Corpus BLEU-4 (Papineni et al. 2002) over tokens.
///
///     BLEU = 100 · BP · exp(¼ Σₙ log pₙ)      BP = min(1, exp(1 − r/h))
///
/// pₙ is the share of the hypotheses' n-grams that stand in their references, each counted at most as often
/// as in the reference that has it most often; h is the summed length of the hypotheses, r that of the references whose length is the nearest
/// to the hypothesis', the shorter of two. The k-th order without a match counts as pₙ = 1 / (2ᵏ · total) ("exp" smoothing). The number is sacrebleu's for `tokenize='none'`,
/// `smooth_method='exp'`, case kept and `effective_order` off.
public struct BLEU: Sendable {
  private static let order = 4
  private var matches = Array(repeating: 0, count: order)
  private var totals = Array(repeating: 0, count: order)
  private var hypothesisLength = 0
  private var referenceLength = 0

  public init() {}

  /// Counts one sentence.
  ///
  /// - Parameter references: at least one
  public mutating func add(hypothesis: [String], references: [[String]]) {
    let lengths = references.map(\.count)
    guard
      let nearest = lengths.min(by: { (abs($0 - hypothesis.count), $0) < (abs($1 - hypothesis.count), $1) })
    else { preconditionFailure("a sentence without a reference") }
    hypothesisLength += hypothesis.count
    referenceLength += nearest
    for n in 1...Self.order where hypothesis.count >= n {
      let accepted = references.reduce(into: [:]) { $0.merge(Self.counts($1, n), uniquingKeysWith: max) }
      totals[n - 1] += hypothesis.count - n + 1
      matches[n - 1] += Self.counts(hypothesis, n).reduce(0) { $0 + min($1.value, accepted[$1.key] ?? 0) }
    }
  }

  /// The score of the sentences so far, `0...100`; 0 when no hypothesis has four tokens.
  public var score: Double {
    guard matches[0] > 0, !totals.contains(0) else { return 0 }
    var smoothing = 1.0
    var logarithms = 0.0
    for (matched, total) in zip(matches, totals) {
      if matched == 0 { smoothing *= 2 }
      logarithms += log((matched == 0 ? 1 / smoothing : Double(matched)) / Double(total))
    }
    let brevity = min(0, 1 - Double(referenceLength) / Double(hypothesisLength))
    return 100 * exp(brevity + logarithms / Double(Self.order))
  }

  private static func counts(_ tokens: [String], _ n: Int) -> [ArraySlice<String>: Int] {
    guard tokens.count >= n else { return [:] }
    return (0...tokens.count - n).reduce(into: [:]) { $0[tokens[$1..<$1 + n], default: 0] += 1 }
  }
}

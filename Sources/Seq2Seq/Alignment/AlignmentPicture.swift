import Attention

/// What a model looked at: a heat map of the alignment α, a row for each target token, a column for each
/// source token.
///
///     α_ti ∈ [0, 1]        how much of source token i went into target token t; a row of a softmax sums to 1
///
/// The form of Bahdanau, Cho and Bengio 2015, figure 3. A weight outside of 0...1 is drawn as the nearer end,
/// one that is not a number as 0.
public struct AlignmentPicture: Sendable, Equatable {
  public let source: [String]
  public let target: [String]
  /// `[target.count][source.count]`.
  public let weights: [[Float]]

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` when the weights do not fit the tokens.
  public init(source: [String], target: [String], weights: [[Float]]) throws(AttentionError) {
    let expected =
      "\([target.count, source.count]) for \(target.count) target and \(source.count) source tokens"
    guard weights.count == target.count else {
      throw .shape(argument: "weights", expected: expected, found: [weights.count])
    }
    if let row = weights.first(where: { $0.count != source.count }) {
      throw .shape(argument: "weights", expected: expected, found: [weights.count, row.count])
    }
    self.source = source
    self.target = target
    self.weights = weights
  }

  /// A weight as pictures show it.
  static func shown(_ weight: Float) -> Double { weight.isNaN ? 0 : Double(min(max(weight, 0), 1)) }
}

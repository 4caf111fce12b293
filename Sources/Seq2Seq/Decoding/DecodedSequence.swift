/// One output that decoding ended: ids without the end token, log-probability with it.
struct DecodedSequence {
  let ids: [Int32]
  /// Σ log p over the ids and the end token. Nats.
  let logProbability: Double
  /// What it is ranked by: the log-probability under the penalties.
  let score: Double
  /// The attention's weights for every id and for the end, [ids + 1, source]; empty without attention.
  let alignment: [[Float]]
  /// Ended by the end token, not by the limit.
  let isComplete: Bool
}

/// A token of a hypothesis, the last link of a chain: hypotheses share what they have in common.
final class HypothesisNode {
  private let previous: HypothesisNode?
  private let id: Int32
  private let alignment: [Float]

  init(previous: HypothesisNode?, id: Int32, alignment: [Float]) {
    self.previous = previous
    self.id = id
    self.alignment = alignment
  }

  /// The output that this node, an end, closes.
  func sequence(_ logProbability: Double, penalties: Penalties, isComplete: Bool) -> DecodedSequence {
    var ids: [Int32] = []
    var rows = [alignment]
    var node = previous
    while let current = node {
      ids.append(current.id)
      rows.append(current.alignment)
      node = current.previous
    }
    let alignment: [[Float]] = alignment.isEmpty ? [] : rows.reversed()
    return DecodedSequence(
      ids: ids.reversed(), logProbability: logProbability,
      score: penalties.score(logProbability, steps: ids.count + 1, alignment: alignment),
      alignment: alignment, isComplete: isComplete)
  }
}

extension DecodedSequence {
  /// What a model answers whose probabilities are no numbers.
  static let nothing = DecodedSequence(
    ids: [], logProbability: -.infinity, score: -.infinity, alignment: [], isComplete: false)
}

extension [DecodedSequence] {
  /// By falling score; equals keep their order, which Swift's own sort does not promise.
  var bestFirst: [DecodedSequence] {
    enumerated().sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }.map(\.element)
  }
}

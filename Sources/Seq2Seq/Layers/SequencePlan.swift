/// How sentences of different lengths lie in the packed time-major order that the recurrent kernels work in.
///
/// The sentences are ranked by falling length. Step t holds those still running, in the order of their ranks, and
/// its rows follow those of step t − 1:
///
///     lengths 3 1 2 → ranks 0 2 1 → rows  a₀ c₀ b₀ | a₁ c₁ | a₂
///
/// There is no padding, so nothing is computed for it.
package struct SequencePlan {
  /// By sentence.
  package let lengths: [Int]
  /// The sentences from the longest to the shortest; equals keep their order.
  let order: [Int]
  /// The place of every sentence in `order`.
  let ranks: [Int]
  /// The sentences still running at every step.
  let counts: [Int32]
  /// The first row of every step.
  let offsets: [Int]
  /// The number of rows: the sum of the lengths.
  package let rows: Int

  package init(lengths: [Int]) {
    self.lengths = lengths
    order = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
    var ranks = [Int](repeating: 0, count: lengths.count)
    for (rank, sentence) in order.enumerated() { ranks[sentence] = rank }
    self.ranks = ranks
    var counts: [Int32] = []
    var offsets: [Int] = []
    var row = 0
    for step in 0..<(lengths.max() ?? 0) {
      let running = lengths.reduce(0) { $0 + ($1 > step ? 1 : 0) }
      counts.append(Int32(running))
      offsets.append(row)
      row += running
    }
    self.counts = counts
    self.offsets = offsets
    rows = row
  }

  package var steps: Int { counts.count }

  package func row(step: Int, sentence: Int) -> Int { offsets[step] + ranks[sentence] }

  func range(step: Int) -> Range<Int> { offsets[step]..<offsets[step] + Int(counts[step]) }

  /// The tokens of ragged sentences, row by row.
  package func packed(_ sentences: [[Int32]]) -> [Int32] {
    indices { step, sentence in sentences[sentence][step] }
  }

  /// For every row, the row of the same sentence one step before, or −1.
  var previousRows: [Int32] {
    indices { step, sentence in step == 0 ? -1 : Int32(row(step: step - 1, sentence: sentence)) }
  }

  /// For every row, the row at the same distance from the sentence's other end. Applying it twice changes nothing.
  var reversal: [Int32] {
    indices { step, sentence in Int32(row(step: lengths[sentence] - 1 - step, sentence: sentence)) }
  }

  /// For every sentence, the row of its last step, or −1 for an empty one.
  var lastRows: [Int32] {
    lengths.indices.map { lengths[$0] == 0 ? -1 : Int32(row(step: lengths[$0] - 1, sentence: $0)) }
  }

  /// For every place of a padded batch [B, steps], its row, or −1 for padding.
  var paddedRows: [Int32] {
    lengths.indices.flatMap { sentence in
      (0..<steps).map { $0 < lengths[sentence] ? Int32(row(step: $0, sentence: sentence)) : -1 }
    }
  }

  /// For every place of a padded batch [B, steps], its position in the sentence, or −1 for padding.
  var paddedPositions: [Int32] {
    lengths.flatMap { length in (0..<steps).map { $0 < length ? Int32($0) : -1 } }
  }

  /// For every row, its place in a padded batch [B, steps].
  var places: [Int32] { indices { step, sentence in Int32(sentence * steps + step) } }

  private func indices(_ body: (_ step: Int, _ sentence: Int) -> Int32) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(rows)
    for (step, count) in counts.enumerated() {
      for rank in 0..<Int(count) { result.append(body(step, order[rank])) }
    }
    return result
  }
}

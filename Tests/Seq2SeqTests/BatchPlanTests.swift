import Seq2Seq
import Testing

@Suite("The order in which epochs see their pairs")
struct BatchPlanTests {
  private static let lengths = Array(repeating: (source: 5, target: 5), count: 20_000)

  private func batches(epoch: Int) -> [[Int]] {
    BatchPlan(lengths: Self.lengths, limit: .pairs(64), seed: 1, epoch: epoch).batches
  }

  @Test func everyPairOnce() {
    let batches = batches(epoch: 3)
    #expect(batches.flatMap { $0 }.sorted() == Array(0..<Self.lengths.count))
    #expect(batches.count { $0.count == 64 } >= batches.count - 7)
  }

  @Test("pairs of like length share a batch, and batches come in no order of length")
  func likeLengths() {
    var generator = SeededGenerator(seed: 2)
    let lengths = (0..<2000).map { _ in (source: 5, target: 1 + generator.integer(below: 40)) }
    let targets = BatchPlan(lengths: lengths, limit: .pairs(20), seed: 1, epoch: 1).batches.map { batch in
      batch.map { lengths[$0].target }
    }
    // A pool has 50 batches, of 40 lengths.
    #expect(targets.allSatisfy { $0.max()! - $0.min()! <= 3 })
    let longer = zip(targets, targets.dropFirst()).count { $0[0] < $1[0] }
    #expect((35...65).contains(longer))
  }

  @Test("no epoch of a seed is one of another seed")
  func seeds() {
    let plans = (1...4).flatMap { seed in
      (1...4).map { epoch in
        BatchPlan(lengths: Array(Self.lengths[..<1000]), limit: .pairs(10), seed: seed, epoch: epoch).batches
      }
    }
    #expect(Set(plans).count == 16)
  }

  /// The share of batch-mates of one epoch that are batch-mates in another.
  private func kept(from first: Int, to second: Int) -> Double {
    var batch = Array(repeating: 0, count: Self.lengths.count)
    for (index, pairs) in batches(epoch: second).enumerated() { for pair in pairs { batch[pair] = index } }
    var (mates, kept) = (0, 0)
    for pairs in batches(epoch: first) {
      for (one, other) in zip(pairs, pairs.dropFirst()) {
        mates += 1
        kept += batch[one] == batch[other] ? 1 : 0
      }
    }
    return Double(kept) / Double(mates)
  }

  /// A shuffle that goes on from the one before would keep twice as many together.
  @Test("epochs beside each other have no more batches in common than epochs far apart")
  func independentEpochs() {
    let far = (20...23).map { kept(from: 1, to: $0) }.reduce(0, +) / 4
    for epoch in [2, 3] { #expect(kept(from: 1, to: epoch) < 1.15 * far, "\(far)") }
  }
}

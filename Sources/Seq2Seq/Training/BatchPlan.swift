/// The order in which an epoch sees its pairs: random, yet with pairs of similar length in one batch.
///
/// Shuffled pairs are cut into pools of some batches, each pool is sorted by length and cut into batches, and the batches
/// are shuffled. The seed and the epoch alone decide, so that a resumed epoch goes on where it stopped.
struct BatchPlan {
  private static let batchesPerPool = 50

  let batches: [[Int]]

  init(lengths: [(source: Int, target: Int)], batchSize: Int, seed: UInt64, epoch: Int) {
    var generator = SeededGenerator(seed: seed &+ UInt64(epoch) &* 0x9E37_79B9_7F4A_7C15)
    let shuffled = generator.shuffled(lengths.indices)
    var batches: [[Int]] = []
    let pool = batchSize * Self.batchesPerPool
    for start in stride(from: 0, to: shuffled.count, by: pool) {
      let sorted = shuffled[start..<min(start + pool, shuffled.count)].sorted {
        (lengths[$0].target, lengths[$0].source, $0) < (lengths[$1].target, lengths[$1].source, $1)
      }
      for first in stride(from: 0, to: sorted.count, by: batchSize) {
        batches.append(Array(sorted[first..<min(first + batchSize, sorted.count)]))
      }
    }
    self.batches = generator.shuffled(batches)
  }
}

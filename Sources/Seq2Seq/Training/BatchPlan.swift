/// How much goes into one batch.
package enum BatchLimit {
  case pairs(Int)
  /// Tokens, of whichever side has more; a pair that has more than that is a batch of its own.
  case tokens(Int)
}

/// The order in which an epoch sees its pairs: random, yet with pairs of similar length in one batch.
///
/// Shuffled pairs are cut into pools of some batches, each pool is sorted by length and cut into batches, and the batches
/// are shuffled. The seed and the epoch alone decide, so that a resumed epoch goes on where it stopped.
package struct BatchPlan {
  private static let batchesPerPool = 50

  package let batches: [[Int]]

  package init(lengths: [(source: Int, target: Int)], limit: BatchLimit, seed: UInt64, epoch: Int) {
    var generator = SeededGenerator(seed: seed, stream: epoch)
    let shuffled = generator.shuffled(lengths.indices)
    var batches: [[Int]] = []
    let pool = Self.pairs(limit, lengths) * Self.batchesPerPool
    for start in stride(from: 0, to: shuffled.count, by: pool) {
      let sorted = shuffled[start..<min(start + pool, shuffled.count)].sorted {
        (lengths[$0].target, lengths[$0].source, $0) < (lengths[$1].target, lengths[$1].source, $1)
      }
      batches += Self.cut(sorted, limit, lengths)
    }
    self.batches = generator.shuffled(batches)
  }

  /// The tokens that a pair adds to a batch; its target has an end.
  private static func tokens(_ length: (source: Int, target: Int)) -> Int {
    max(length.source, length.target + 1)
  }

  /// The pairs of a batch, on average.
  private static func pairs(_ limit: BatchLimit, _ lengths: [(source: Int, target: Int)]) -> Int {
    switch limit {
    case .pairs(let count): return count
    case .tokens(let count):
      let all = lengths.reduce(0) { $0 + tokens($1) }
      return min(max(1, count * lengths.count / max(all, 1)), max(lengths.count, 1))
    }
  }

  private static func cut(
    _ sorted: [Int], _ limit: BatchLimit, _ lengths: [(source: Int, target: Int)]
  ) -> [[Int]] {
    var batches: [[Int]] = []
    var batch: [Int] = []
    var sum = 0
    for pair in sorted {
      let size: Int
      let most: Int
      switch limit {
      case .pairs(let count): (size, most) = (1, count)
      case .tokens(let count): (size, most) = (tokens(lengths[pair]), count)
      }
      if !batch.isEmpty && sum + size > most {
        batches.append(batch)
        (batch, sum) = ([], 0)
      }
      batch.append(pair)
      sum += size
    }
    return batch.isEmpty ? batches : batches + [batch]
  }
}

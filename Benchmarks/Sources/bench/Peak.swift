import CPeak
import Dispatch

/// The measured ceilings of this machine under an instruction set and a number of threads: the best of five runs of
/// loops that do nothing else (CPeak), one on each thread. Each ceiling is measured when first asked for.
final class Peak {
  private struct Key: Hashable {
    let set: String
    let threads: Int
    /// Of the data that is passed over; nil for the arithmetic peak.
    let bytes: Int?
  }
  private var known: [Key: Double] = [:]

  /// The ceiling of this kind of work: multiply-adds in registers, or passes over as many bytes as the work moves,
  /// so that data that fits a cache is held against that cache.
  func rate(_ work: Work, set: String, threads: Int) -> Double {
    switch work {
    case .operations: operations(set, threads)
    case .bytes(let bytes): bandwidth(set, threads, bytes: Int(bytes))
    }
  }

  private func operations(_ set: String, _ threads: Int) -> Double {
    remembered(Key(set: set, threads: threads, bytes: nil)) {
      let rounds: Int64 = 2_000_000
      let amount = peak_multiply_add(set, 1) * Double(rounds)
      return bestRate(threads, amount: amount) { _ in _ = peak_multiply_add(set, rounds) }
    }
  }

  /// The better of reading alone and of updating in place, whose bytes count when read and when written: memory
  /// moves in both directions at once.
  private func bandwidth(_ set: String, _ threads: Int, bytes: Int) -> Double {
    // Beyond 256 MiB no cache helps, and more would only take longer.
    let data = Floats(zeros: min(max(bytes, 1 << 14), 1 << 28) / 4)
    return remembered(Key(set: set, threads: threads, bytes: data.count)) {
      let share = data.count / threads
      let passes = max(1, (1 << 26) / data.count)
      let amount = Double(4 * share * passes)
      let read = bestRate(threads, amount: amount) { thread in
        for _ in 0..<passes { peak_read(set, data.pointer + thread * share, Int64(share)) }
      }
      let update = bestRate(threads, amount: 2 * amount) { thread in
        for _ in 0..<passes { peak_negate(set, data.pointer + thread * share, Int64(share)) }
      }
      return max(read, update)
    }
  }

  private func remembered(_ key: Key, _ measure: () -> Double) -> Double {
    if let rate = known[key] { return rate }
    let rate = measure()
    known[key] = rate
    return rate
  }

  /// The most work a second that `threads` threads did together, each the given amount.
  private func bestRate(_ threads: Int, amount: Double, _ work: @Sendable (_ thread: Int) -> Void) -> Double {
    (0..<5).map { _ in
      let start = ContinuousClock.now
      DispatchQueue.concurrentPerform(iterations: threads, execute: work)
      return Double(threads) * amount / ((ContinuousClock.now - start) / .seconds(1))
    }.max()!
  }
}

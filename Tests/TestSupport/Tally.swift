import Foundation
import Synchronization

/// Counts what a test run has compared, and says so when the process ends.
public final class Tally: Sendable {
  public static let shared = Tally()

  private struct State {
    var kernels: Set<String> = []
    var sets: Set<String> = []
    var runs: Set<String> = []
    var comparisons = 0
    var numbers = 0
    var closest = (share: 0.0, name: "")
  }
  private let state = Mutex(State())

  private init() {
    atexit { print(Tally.shared.summary) }
  }

  func add(_ trial: Trial, output: String, numbers: Int, share: Double) {
    state.withLock {
      $0.kernels.insert(trial.kernel)
      $0.sets.insert(trial.set)
      $0.runs.insert("\(trial.kernel) \(trial.set) \(trial.shape)")
      $0.comparisons += 1
      $0.numbers += numbers
      if share > $0.closest.share {
        $0.closest = (share, "\(trial.kernel) \(output) on \(trial.set), \(trial.shape)")
      }
    }
  }

  /// "compared N kernels × M sets × shapes: …", and which came closest to its tolerance.
  public var summary: String {
    state.withLock {
      """
      compared \($0.kernels.count) kernels × \($0.sets.count) sets (\($0.sets.sorted().joined(separator: ", "))) \
      × shapes, \($0.runs.count) in all: \($0.comparisons) comparisons of \($0.numbers) numbers; \
      closest to its tolerance, at \((100 * $0.closest.share).rounded()) %: \($0.closest.name)
      """
    }
  }
}

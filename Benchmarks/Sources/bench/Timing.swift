import Foundation

/// How much time a measurement may take.
struct Effort: Codable {
  /// Measure for about this long,
  let seconds: Double
  /// but at least this often,
  let minimumRuns: Int
  /// unless the first run alone takes longer than this: then it is the measurement.
  let patience: Double

  static let thorough = Effort(seconds: 0.5, minimumRuns: 5, patience: 10)
  /// A scalar training step takes a minute to repeat, and nobody waits for its third digit.
  static let glance = Effort(seconds: 0.2, minimumRuns: 3, patience: 1)
  static let quick = Effort(seconds: 0.1, minimumRuns: 2, patience: 1)

  /// One turn of several that sides take in a comparison. A run longer than a turn needs none before it: what the caches
  /// lost to the other side comes back in milliseconds.
  static let turn = Effort(seconds: 0.2, minimumRuns: 1, patience: 0.2)
  static let quickTurn = Effort(seconds: 0.05, minimumRuns: 1, patience: 0.05)
}

/// The seconds of single runs, after one that warms up.
///
/// Runs too short for the clock are timed a few milliseconds at a time, and the mean of those is one sample.
func measure(_ effort: Effort, _ run: () throws -> Void) throws -> [Double] {
  let first = try seconds(run)
  if first > effort.patience { return [first] }
  let second = try seconds(run)
  let calls = max(1, Int(0.002 / max(second, 1e-9)))
  var samples = calls == 1 ? [second] : []
  var total = samples.reduce(0, +)
  while total < effort.seconds || samples.count < effort.minimumRuns {
    let sample = try seconds { for _ in 0..<calls { try run() } }
    samples.append(sample / Double(calls))
    total += sample
  }
  return samples
}

/// Idle threads of an OpenMP runtime spin for up to 200 ms after their last work, and would take a core from the side
/// that is timed next.
func settle() { Thread.sleep(forTimeInterval: 0.3) }

private func seconds(_ run: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try run()
  return (ContinuousClock.now - start) / .seconds(1)
}

/// The middle of some samples and how far they spread: robust against the odd interruption.
struct Summary: Codable {
  let median: Double
  let lowerQuartile: Double
  let upperQuartile: Double
  let samples: Int

  init(_ seconds: [Double]) {
    let sorted = seconds.sorted()
    median = Self.quantile(0.5, sorted)
    lowerQuartile = Self.quantile(0.25, sorted)
    upperQuartile = Self.quantile(0.75, sorted)
    samples = sorted.count
  }

  var interquartileRange: Double { upperQuartile - lowerQuartile }

  private static func quantile(_ share: Double, _ sorted: [Double]) -> Double {
    let place = share * Double(sorted.count - 1)
    let (below, above) = (Int(place.rounded(.down)), Int(place.rounded(.up)))
    return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
  }
}

import Foundation

/// One line of the results.
struct Measurement: Codable {
  let benchmark: String
  let shape: String
  /// "naive", an instruction set, or a peer.
  let path: String
  let threads: Int
  /// Seconds a run, of the whole case; of its part alone where `share` is less than 1.
  let seconds: Summary
  /// The part of the case's work that was run.
  let share: Double
  /// Work a second, in `unit`.
  let rate: Double
  let unit: String
  /// The rate as a part of the machine's measured peak under this set and number of threads; nil for other paths.
  let ofPeak: Double?
  /// A peer's seconds over ours, of the same benchmark and threads; nil for our own paths.
  let ratio: Double?

  init(
    _ benchmark: Case, path: String, threads: Int, samples: [Double], share: Double = 1, peak: Double? = nil,
    ratio: Double? = nil
  ) {
    self.benchmark = benchmark.name
    shape = benchmark.shape
    self.path = path
    self.threads = threads
    seconds = Summary(samples)
    self.share = share
    let perSecond = share * benchmark.work.amount / seconds.median
    rate = perSecond / 1e9
    unit = benchmark.work.unit
    ofPeak = peak.map { perSecond / $0 }
    self.ratio = ratio
  }

  /// The seconds that the whole case would take at this rate.
  var wholeSeconds: Double { seconds.median / share }
}

/// Prints results as they come and keeps them for a file.
struct Report: Codable {
  let machine: Machine
  var measurements: [Measurement] = []
  /// The largest error of every case and set, as a part of the largest true value.
  var errors: [String: [String: Double]] = [:]

  init() {
    machine = Machine()
    say(machine.summary)
    if machine.load > 0.3 * Double(machine.cores) {
      say(
        "          This machine is busy: these times, above all those of several threads, are not to be quoted."
      )
    }
  }

  func begin(_ benchmark: Case) { say("\n\(benchmark.name)  \(benchmark.shape)") }

  mutating func add(_ benchmark: Case, set: String, _ deviation: Deviation) {
    errors[benchmark.name, default: [:]][set] = deviation.error
    let (error, limit) = (deviation.error.scientific, deviation.limit.scientific)
    say("  checked \(set): largest error \(error) of the largest '\(deviation.output)'; at most \(limit)")
  }

  mutating func add(_ measurement: Measurement, note: String = "") {
    measurements.append(measurement)
    let m = measurement
    let threads = m.threads == 1 ? "1 thread " : "\(m.threads) threads"
    let spread = 500 * m.seconds.interquartileRange / m.share
    let columns = [
      m.path.padded(18), threads.padded(10), (1000 * m.wholeSeconds).formatted(3).aligned(11) + " ms",
      (m.seconds.samples == 1 ? "1 run" : "± \(spread.formatted(3))").padded(10),
      m.rate.formatted(2).aligned(9) + " " + m.unit.padded(7),
      m.ofPeak.map { (100 * $0).formatted(0).aligned(4) + " % of peak" } ?? "",
      m.ratio.map { "ours is \($0.formatted(2)) × as fast" } ?? "", note,
    ]
    say("  " + columns.filter { !$0.isEmpty }.joined(separator: "  "))
  }

  func write(to path: String?) throws {
    say("\nload at the end \(Machine.currentLoad.formatted(2))")
    guard let path else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(self).write(to: URL(filePath: path))
    say("wrote \(path)")
  }
}

/// Prints a line at once, into a file too: a run takes minutes, and may end in an error on another stream.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

extension Double {
  func formatted(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
  var scientific: String { String(format: "%.1e", self) }
}

extension String {
  func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  func aligned(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

import Foundation

/// One line of the results.
struct Measurement: Codable {
  let benchmark: String
  let shape: String
  /// "naive", an instruction set, or a ``Peer`` and its form: "torch packed".
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

  init(
    _ benchmark: Case, path: String, threads: Int, samples: [Double], share: Double = 1, peak: Double? = nil
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
  }

  static let naive = "naive"
  static let ours = "swift-attention"

  var peer: Peer? { Peer(path: path) }
  var isSet: Bool { peer == nil && path != Self.naive }

  /// The seconds that the whole case would take at this rate.
  var wholeSeconds: Double { seconds.median / share }
}

/// Prints results as they come and keeps them for a file.
struct Report: Codable {
  let machine: Machine
  /// The peers and their versions.
  let peer: String?
  var measurements: [Measurement] = []
  /// The largest error of every case and set, as a part of the largest true value.
  var errors: [String: [String: Double]] = [:]
  /// The most bytes that a run takes beyond inputs and results, of every case and side.
  var memory: [String: [String: Int]] = [:]

  init(peer: String?) {
    machine = Machine()
    self.peer = peer
    say(machine.summary)
    if let peer { say("peers     \(peer)") }
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
    let spread = 500 * m.seconds.interquartileRange / m.share
    let columns = [
      m.path.padded(18), threadCount(m.threads).padded(10),
      (1000 * m.wholeSeconds).formatted(3).aligned(11) + " ms",
      (m.seconds.samples == 1 ? "1 run" : "± \(spread.formatted(3))").padded(10),
      m.rate.formatted(2).aligned(9) + " " + m.unit.padded(7),
      m.ofPeak.map { (100 * $0).formatted(0).aligned(4) + " % of peak" } ?? "", note,
    ]
    say("  " + columns.filter { !$0.isEmpty }.joined(separator: "  "))
  }

  mutating func add(_ bytes: Int, of benchmark: Case, path: String) {
    memory[benchmark.name, default: [:]][path] = bytes
    say("  \(path.padded(18))  \(mebibytes(bytes).aligned(10)) MiB at most beyond inputs and results")
  }

  /// Says what the lines of a case come to.
  func end(_ benchmark: Case) {
    for sentence in ratios(benchmark.name).sentences { say("  → \(sentence)") }
  }

  func ratios(_ name: String) -> Ratios { Ratios(measurements.filter { $0.benchmark == name }) }

  /// The names of the measured cases, in their order.
  var names: [String] {
    measurements.reduce(into: []) { names, m in if names.last != m.benchmark { names.append(m.benchmark) } }
  }

  /// Prints the table of ratios and writes the files CPU-DATE.json and CPU-DATE.svg.
  func finish(in folder: String?) throws {
    say("\n" + RatioTable(self).text + "\nload at the end \(Machine.currentLoad.formatted(2))")
    guard let folder else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let base = URL(filePath: folder).appending(path: machine.fileName)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try encoder.encode(self).write(to: base.appendingPathExtension("json"))
    try Data(ChartPicture(self).svg.utf8).write(to: base.appendingPathExtension("svg"))
    say("wrote \(base.path).json and .svg")
  }
}

/// Prints a line at once, into a file too: a run takes minutes, and may end in an error on another stream.
func say(_ line: String) {
  print(line)
  fflush(nil)
}

func threadCount(_ count: Int) -> String { count == 1 ? "1 thread" : "\(count) threads" }

func mebibytes(_ bytes: Int) -> String { (Double(bytes) / 0x1p20).formatted(1) }

extension Double {
  func formatted(_ digits: Int) -> String { String(format: "%.\(digits)f", self) }
  var scientific: String { String(format: "%.1e", self) }

  /// A ratio in about three digits: 0.34, 2.31, 42.
  var ratio: String { formatted(self < 10 ? 2 : self < 100 ? 1 : 0) }
}

extension String {
  func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  func aligned(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}

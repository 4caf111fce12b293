import ArgumentParser
import Attention
import Foundation

/// Every case as naive Swift, on each instruction set, at each number of threads and, if asked for, by the peers.
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the cases: naive Swift, the instruction sets, the numbers of threads, and the peers.")

  @OptionGroup var options: Options

  @Option(help: ArgumentHelp("Time the peers too, with a Python that has them.", valueName: "path"))
  var python: String?

  @Option(help: ArgumentHelp("The peers' script.", valueName: "path"))
  var script = "Benchmarks/peers/torch_peers.py"

  @Option(
    help: ArgumentHelp("Write CPU-SET-DATE.json and its chart, CPU-SET-DATE.svg, here.", valueName: "folder"))
  var output: String?

  func run() throws {
    let (sets, threads, peak) = (try instructionSets, options.threadCounts, Peak())
    let peers = try python.map { _ in try startPeers() }
    var report = Report(peer: peers?.name)
    for benchmark in options.cases {
      report.begin(benchmark)
      let variants = peers?.variants[benchmark.name] ?? []
      do {
        let body = try benchmark.make()
        let truth = try body.check.truth()
        try measureNaive(benchmark, body.naive, &report)
        for set in sets {
          try KernelRuntime.select(instructionSet: set)
          try KernelRuntime.setThreads(threads.max())
          try body.prepare()
          report.add(
            benchmark, set: set, try body.check.deviation(from: truth, of: "\(benchmark.name) on \(set)"))
          for count in threads {
            try KernelRuntime.setThreads(count)
            let ceiling = peak.rate(benchmark.work, set: set, threads: count)
            let rivals = set == sets.last ? variants : []
            let effort = set == sets.last ? options.effort : options.glance
            let samples = try measure(benchmark, body, effort, threads: count, beside: rivals, of: peers)
            report.add(
              Measurement(benchmark, path: set, threads: count, samples: samples.ours, peak: ceiling))
            for (variant, theirs) in zip(rivals, samples.theirs) {
              report.add(Measurement(benchmark, path: variant, threads: count, samples: theirs))
            }
          }
        }
      }
      try measureMemory(benchmark, threads: threads.max()!, &report)
      report.end(benchmark)
    }
    try report.finish(in: output)
  }

  /// Slowest first; the one that the environment's `CKERNELS_ISA` names alone, when it does.
  private var instructionSets: [String] {
    get throws {
      guard ProcessInfo.processInfo.environment["CKERNELS_ISA"] == nil else {
        return [try KernelRuntime.instructionSet]
      }
      return KernelRuntime.availableInstructionSets.reversed()
    }
  }

  private func startPeers() throws -> PeerProcess {
    try PeerProcess(
      [python ?? "python3", script],
      remedy: "does this Python have torch and scipy-openblas32? `make bench-peers` sees to that")
  }

  private func measureNaive(_ benchmark: Case, _ naive: Naive, _ report: inout Report) throws {
    switch naive {
    case .skipped(let reason): say("  naive skipped: \(reason)")
    case .run(let share, let note, let run):
      let samples = try bench.measure(options.glance, run)
      let measurement = Measurement(
        benchmark, path: Measurement.naive, threads: 1, samples: samples, share: share)
      report.add(measurement, note: note.isEmpty ? "" : "from \(note)")
    }
  }

  /// Ours alone; or ours, then each of theirs, and again: whatever else the machine does meets all of them.
  ///
  /// Two turns are enough for a form that takes twice as long as its peer's fastest one.
  private func measure(
    _ benchmark: Case, _ body: Body, _ effort: Effort, threads: Int, beside variants: [String],
    of peers: PeerProcess?
  ) throws -> (ours: [Double], theirs: [[Double]]) {
    guard let peers, !variants.isEmpty else { return (try bench.measure(effort, body.run), []) }
    var ours: [Double] = []
    var theirs = variants.map { _ in [Double]() }
    var running = Array(variants.indices)
    settle()
    for round in 0..<(options.quick ? 2 : 5) {
      // A single thread leaves no idle ones behind.
      if threads > 1 { settle() }
      ours += try bench.measure(options.turn, body.run)
      for index in running {
        if threads > 1 { settle() }
        theirs[index] += try peers.time(benchmark.name, variants[index], threads: threads, options.turn)
      }
      guard round == 1 else { continue }
      let medians = theirs.map { Summary($0).median }
      running = running.filter { index in
        let rivals = running.filter { Peer(path: variants[$0]) == Peer(path: variants[index]) }
        return medians[index] < 2 * rivals.map { medians[$0] }.min()!
      }
    }
    return (ours, theirs)
  }

  /// Ours and each peer's fastest form, each in a process of its own, whose memory nothing else has touched.
  private func measureMemory(_ benchmark: Case, threads: Int, _ report: inout Report) throws {
    guard benchmark.measuresMemory, Memory.isMeasurable else { return }
    let ours = try PeerProcess.ours(Bundle.main.executablePath!)
    report.add(try ours.memory(benchmark.name, "", threads: threads), of: benchmark, path: Measurement.ours)
    for rival in report.ratios(benchmark.name).rivals(threads: threads) {
      let bytes = try startPeers().memory(benchmark.name, rival.path, threads: threads)
      report.add(bytes, of: benchmark, path: rival.path)
    }
  }
}

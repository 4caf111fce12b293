import ArgumentParser
import Attention
import Foundation

/// Every case as naive Swift, on each instruction set, at each number of threads and, if asked for, in PyTorch.
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the cases: naive Swift, the instruction sets, the numbers of threads, and PyTorch.")

  @OptionGroup var options: Options

  @Option(help: ArgumentHelp("Time PyTorch too, with a Python that has torch.", valueName: "path"))
  var python: String?

  @Option(help: ArgumentHelp("The peers' script.", valueName: "path"))
  var script = "Benchmarks/peers/torch_peers.py"

  @Option(help: ArgumentHelp("Write CPU-DATE.json and its chart, CPU-DATE.svg, here.", valueName: "folder"))
  var output: String?

  func run() throws {
    let (sets, threads, peak) = (try instructionSets, options.threadCounts, Peak())
    let torch = try python.map { _ in try startTorch() }
    var report = Report(peer: torch?.name)
    for benchmark in options.cases {
      report.begin(benchmark)
      let variants = torch?.variants[benchmark.name] ?? []
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
            let samples = try measure(benchmark, body, threads: count, beside: rivals, of: torch)
            report.add(
              Measurement(benchmark, path: set, threads: count, samples: samples.ours, peak: ceiling))
            for (variant, theirs) in zip(rivals, samples.theirs) {
              report.add(
                Measurement(benchmark, path: Measurement.torch(variant), threads: count, samples: theirs))
            }
          }
        }
      }
      try measureMemory(benchmark, variants, threads: threads.max()!, &report)
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

  private func startTorch() throws -> PeerProcess {
    try PeerProcess(
      [python ?? "python3", script], remedy: "does this Python have torch? `make bench-peers` sees to that")
  }

  private func measureNaive(_ benchmark: Case, _ naive: Naive, _ report: inout Report) throws {
    switch naive {
    case .skipped(let reason): say("  naive skipped: \(reason)")
    case .run(let share, let note, let run):
      let samples = try bench.measure(options.effort, run)
      let measurement = Measurement(
        benchmark, path: Measurement.naive, threads: 1, samples: samples, share: share)
      report.add(measurement, note: note.isEmpty ? "" : "from \(note)")
    }
  }

  /// Ours alone; or ours, then each of theirs, and again: whatever else the machine does meets all of them.
  private func measure(
    _ benchmark: Case, _ body: Body, threads: Int, beside variants: [String], of torch: PeerProcess?
  ) throws -> (ours: [Double], theirs: [[Double]]) {
    guard let torch, !variants.isEmpty else { return (try bench.measure(options.effort, body.run), []) }
    var ours: [Double] = []
    var theirs = variants.map { _ in [Double]() }
    for _ in 0..<(options.quick ? 2 : 5) {
      settle()
      ours += try bench.measure(options.turn, body.run)
      for (index, variant) in variants.enumerated() {
        settle()
        theirs[index] += try torch.time(benchmark.name, variant, threads: threads, options.turn)
      }
    }
    return (ours, theirs)
  }

  /// Each in a process of its own, whose memory nothing else has touched.
  private func measureMemory(
    _ benchmark: Case, _ variants: [String], threads: Int, _ report: inout Report
  ) throws {
    guard benchmark.measuresMemory, Memory.isMeasurable else { return }
    let ours = try PeerProcess.ours(Bundle.main.executablePath!)
    report.add(try ours.memory(benchmark.name, "", threads: threads), of: benchmark, path: Measurement.ours)
    for variant in variants {
      let bytes = try startTorch().memory(benchmark.name, variant, threads: threads)
      report.add(bytes, of: benchmark, path: Measurement.torch(variant))
    }
  }
}

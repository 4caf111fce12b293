import ArgumentParser
import Attention

/// Every case as naive Swift and on each instruction set of the machine.
struct Paths: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare naive Swift and the instruction sets of this machine.")

  @OptionGroup var options: Options

  func run() throws {
    let (sets, threads, peak) = (try options.instructionSets, options.threadCounts, Peak())
    var report = Report()
    for benchmark in options.cases {
      report.begin(benchmark)
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
          let samples = try measure(options.effort, body.run)
          let ceiling = peak.rate(benchmark.work, set: set, threads: count)
          report.add(Measurement(benchmark, path: set, threads: count, samples: samples, peak: ceiling))
        }
      }
    }
    try report.write(to: options.json)
  }

  private func measureNaive(_ benchmark: Case, _ naive: Naive, _ report: inout Report) throws {
    switch naive {
    case .skipped(let reason): say("  naive skipped: \(reason)")
    case .run(let share, let note, let run):
      let samples = try measure(options.effort, run)
      let measurement = Measurement(benchmark, path: "naive", threads: 1, samples: samples, share: share)
      report.add(measurement, note: note.isEmpty ? "" : "from \(note)")
    }
  }
}

import ArgumentParser
import Attention
import Foundation

/// Every case on the best instruction set and in PyTorch, in turns.
struct Peers: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare with PyTorch, ours and theirs in turns in the same run.")

  @OptionGroup var options: Options

  @Option(help: ArgumentHelp("A Python that has torch.", valueName: "path"))
  var python = "python3"

  @Option(help: ArgumentHelp("The peers' script.", valueName: "path"))
  var script = "Benchmarks/peers/torch_peers.py"

  func run() throws {
    let set = try KernelRuntime.instructionSet
    let peers = try PeerProcess(python: python, script: script)
    var report = Report()
    say("peer      \(peers.name)")
    for benchmark in options.cases {
      let variants = peers.variants[benchmark.name] ?? []
      guard !variants.isEmpty else { continue }
      report.begin(benchmark)
      let body = try benchmark.make()
      try body.prepare()
      report.add(benchmark, set: set, try body.check.deviation(from: body.check.truth(), of: benchmark.name))
      try body.run()
      for count in options.threadCounts {
        try KernelRuntime.setThreads(count)
        try compare(benchmark, body, count, with: variants, of: peers, &report)
      }
    }
    try report.write(to: options.json)
  }

  /// Ours, then each variant of theirs, and again: whatever else the machine does meets all of them.
  private func compare(
    _ benchmark: Case, _ body: Body, _ threads: Int, with variants: [String], of peers: PeerProcess,
    _ report: inout Report
  ) throws {
    let rounds = options.quick ? 2 : 5
    var ours: [Double] = []
    var theirs = variants.map { _ in [Double]() }
    for _ in 0..<rounds {
      ours += try measure(roundEffort, body.run)
      settle()
      for (index, variant) in variants.enumerated() {
        theirs[index] += try peers.time(benchmark.name, variant, threads: threads, roundEffort)
        settle()
      }
    }
    let set = try KernelRuntime.instructionSet
    report.add(Measurement(benchmark, path: set, threads: threads, samples: ours))
    let median = Summary(ours).median
    for (variant, samples) in zip(variants, theirs) {
      report.add(
        Measurement(
          benchmark, path: "torch \(variant)", threads: threads, samples: samples,
          ratio: Summary(samples).median / median))
    }
  }

  private var roundEffort: Effort { Effort(seconds: options.quick ? 0.05 : 0.2, minimumRuns: 1, patience: 1) }

  /// An OpenMP runtime's idle threads spin for up to 200 ms after their last work, and would take a core from the
  /// next one to be timed.
  private func settle() { Thread.sleep(forTimeInterval: 0.3) }
}

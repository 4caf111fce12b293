import ArgumentParser
import Attention
import Foundation

@main
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the kernels and models.",
    discussion: """
      Every case is checked against the reference before it is timed. Times are the median and half of the \
      interquartile range. A share of the peak is of what loops that only multiply and add, or only move data, reach here \
      under the same instruction set and number of threads; "scalar" is held against the baseline's vectors.
      """,
    subcommands: [Run.self, Against.self, Chart.self, Serve.self], defaultSubcommand: Run.self)
}

/// What all commands that time cases take.
struct Options: ParsableArguments {
  @Option(help: ArgumentHelp("Run the cases whose names contain one of these.", valueName: "names"))
  var only: String?

  @Option(parsing: .upToNextOption, help: "The numbers of threads. (default: 1 and one for each core)")
  var threads: [Int] = []

  @Flag(help: "Measure for a fifth of the time: to see that all works, not to quote.")
  var quick = false

  func validate() throws {
    try refuseDebugBuild()
    if let count = threads.first(where: { !(1...1024).contains($0) }) {
      throw ValidationError("'--threads \(count)': expected 1 to 1024")
    }
    if cases.isEmpty {
      throw ValidationError(
        "no case's name contains '\(only ?? "")'; there are \(allCases.map(\.name).joined(separator: ", "))")
    }
  }

  var cases: [Case] { allCases.filter { includes($0.name) } }

  func includes(_ name: String) -> Bool { only?.split(separator: ",").contains { name.contains($0) } ?? true }

  var threadCounts: [Int] {
    guard threads.isEmpty else { return threads }
    return KernelRuntime.threads == 1 ? [1] : [1, KernelRuntime.threads]
  }

  var effort: Effort { quick ? .quick : .thorough }
  /// For what stands beside the best set.
  var glance: Effort { quick ? .quick : .glance }
  var turn: Effort { quick ? .quickTurn : .turn }
}

func refuseDebugBuild() throws {
  #if DEBUG
    throw ValidationError("this is a debug build; build with `-c release`")
  #endif
}

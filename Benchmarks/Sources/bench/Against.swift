import ArgumentParser
import Foundation

/// This program and another commit's, in turns: is anything slower than it was?
struct Against: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare with the benchmarks of another commit, and fail where this one is slower.",
    discussion: """
      Both run the cases that both know, in processes of their own and in turns. A round's ratio is the median of this \
      commit's times over that of the other's. A case is slower when three quarters of its rounds say so by more than \
      the threshold, and again when it is measured once more at the end.
      """)

  @Argument(help: ArgumentHelp("The other commit's `bench`.", valueName: "path"))
  var other: String

  @OptionGroup var options: Options

  @Option(help: "How much slower is too slow, as a part of the other's time.")
  var threshold = 0.05

  @Option(help: "How often both sides take their turns.")
  var rounds = 8

  func validate() throws {
    guard rounds >= 4 else { throw ValidationError("'--rounds \(rounds)': expected at least 4") }
    guard threshold >= 0 else { throw ValidationError("'--threshold \(threshold)': expected at least 0") }
  }

  private struct Pairing {
    let name: String
    let threads: Int
  }

  func run() throws {
    let (this, base) = (try PeerProcess.ours(Bundle.main.executablePath!), try PeerProcess.ours(other))
    let shared = allCases.map(\.name).filter { options.includes($0) && base.variants[$0] != nil }
    let unknown = options.cases.map(\.name).filter { base.variants[$0] == nil }
    say(Machine().summary)
    if !unknown.isEmpty { say("only here  \(unknown.joined(separator: ", "))") }
    guard !shared.isEmpty else { throw BenchError("the other commit has none of these cases") }
    say("\nTime here over time there, its quartiles over \(rounds) rounds; below 1 is faster.")
    var suspects: [Pairing] = []
    for name in shared {
      for threads in options.threadCounts {
        let pairing = Pairing(name: name, threads: threads)
        if try isSlower(pairing, this, base) { suspects.append(pairing) }
      }
    }
    if !suspects.isEmpty { say("\nOnce more:") }
    let slower = try suspects.filter { try isSlower($0, this, base) }
    guard slower.isEmpty else {
      say("\nslower than before: \(Set(slower.map(\.name)).sorted().joined(separator: ", "))")
      throw ExitCode.failure
    }
    say("\nnothing is slower than before by more than \((100 * threshold).formatted(0)) %")
  }

  private func isSlower(_ pairing: Pairing, _ this: PeerProcess, _ base: PeerProcess) throws -> Bool {
    func time(_ peer: PeerProcess) throws -> Double {
      settle()
      return Summary(try peer.time(pairing.name, "", threads: pairing.threads, options.turn)).median
    }
    var (ratios, ours, theirs): ([Double], [Double], [Double]) = ([], [], [])
    for round in 0..<rounds {
      // Who begins changes: whatever drifts then meets both.
      let first = round % 2 == 0 ? try time(this) : nil
      theirs.append(try time(base))
      ours.append(try first ?? time(this))
      ratios.append(ours.last! / theirs.last!)
    }
    let ratio = Summary(ratios)
    let slower = ratio.lowerQuartile > 1 + threshold
    let columns = [
      pairing.name.padded(36), (pairing.threads == 1 ? "1 thread" : "\(pairing.threads) threads").padded(10),
      (1000 * Summary(theirs).median).formatted(3).aligned(11) + " →",
      (1000 * Summary(ours).median).formatted(3).aligned(11) + " ms", ratio.median.formatted(3).aligned(8),
      "(\(ratio.lowerQuartile.formatted(3))…\(ratio.upperQuartile.formatted(3)))", slower ? "SLOWER" : "",
    ]
    say("  " + columns.joined(separator: "  "))
    return slower
  }
}

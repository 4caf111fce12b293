import ArgumentParser
import Foundation

@main
struct Attend: ParsableCommand {
  static let version = "0.1.0"

  static let configuration = CommandConfiguration(
    abstract: "Train, run and look at attention models on the CPU.",
    discussion: """
      Results go to standard output, progress and notes to standard error. Start with: attend demo
      """,
    version: version,
    subcommands: [
      Demo.self, Train.self, Average.self, Translate.self, ScoreTargets.self, Evaluate.self, Compare.self,
      Align.self, BPE.self, Info.self,
    ])

  /// Parses, runs, and tells of a failure in one line. Mistakes in the arguments themselves are told, with the
  /// usage, by the parser (exit status 64).
  static func main() {
    // A reader that goes away is seen where we write, so that training can save first.
    signal(SIGPIPE, SIG_IGN)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      guard !(error is ExitCode), exitCode(for: error) == .failure else { exit(withError: error) }
      Console.note("attend: \(error)")
      exit(withError: ExitCode.failure)
    }
  }
}

/// A failure that only the command knows of; the library's errors speak for themselves.
struct CommandError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

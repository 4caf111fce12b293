import ArgumentParser
import Attention
import Foundation
import Seq2Seq

/// What every command that computes takes.
struct RuntimeArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Threads to compute with; the results do not depend on it. Where others use the cores, one is faster than several that wait for "
        + "each other. (default: OMP_NUM_THREADS, else the cores)",
      valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); expected 1 to 1024")
    }
  }

  /// Sets the threads and makes sure of the instruction set, so that a wrong `CKERNELS_ISA` is told at once.
  func apply() throws {
    try Self.checkEnvironment()
    try KernelRuntime.setThreads(threads)
    _ = try KernelRuntime.instructionSet
  }

  /// libomp takes what is no number for some number, or ends the process.
  private static func checkEnvironment() throws {
    let name = "OMP_NUM_THREADS"
    guard let value = ProcessInfo.processInfo.environment[name] else { return }
    // One number for every level of nesting.
    let levels = value.split(separator: ",", omittingEmptySubsequences: false)
    let isValid = levels.allSatisfy {
      Int($0.trimmingCharacters(in: .whitespaces)).map { (1...1024).contains($0) } ?? false
    }
    guard isValid else {
      throw CommandError(
        "the environment's \(name) is '\(value)'; expected 1 to 1024: set it so, or unset it")
    }
  }
}

extension Precision: ExpressibleByArgument {}

/// What every command that translates takes.
struct DecodingArguments: ParsableArguments {
  @Option(
    help: """
      What translating rounds weights to, and what they meet in products; targets that are given are scored in float32.
      """)
  var precision: Precision = .float32

  /// Reads the folder of a model that is to translate.
  func model(at path: String) throws -> TranslationModel {
    var model = try TranslationModel(contentsOf: URL(fileURLWithPath: path))
    model.precision = precision
    return model
  }
}

/// Throws unless a beam is one that decoding takes.
func requireBeam(_ beam: Int) throws {
  guard (1...1000).contains(beam) else { throw ValidationError("--beam is \(beam); expected 1 to 1000") }
}

import ArgumentParser
import Foundation
import Seq2Seq

/// The models of a command that translates or scores: one, or several that do so together.
struct ModelArguments: ParsableArguments {
  @Option(
    help: "The model's folder. Given several times, the models' probabilities are averaged at every step.",
    completion: .directory)
  var model: [String]

  /// Reads the folders.
  func ensemble(_ decoding: DecodingArguments? = nil) throws -> Ensemble {
    try Ensemble(
      model.map { try decoding?.model(at: $0) ?? TranslationModel(contentsOf: URL(fileURLWithPath: $0)) })
  }
}

/// What ranks outputs beside their log-probability.
struct PenaltyArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Divide an output's log-probability by ((5 + tokens) / 6)^a; 0 does not, 1 nearly is the mean a token.",
      valueName: "a"))
  var lengthPenalty: Float = 0
  @Option(
    help: ArgumentHelp(
      "Add b times the sum, over the source's tokens, of the logarithm of the attention they got, at most 0.",
      valueName: "b"))
  var coveragePenalty: Float = 0

  var penalties: Penalties { Penalties(length: lengthPenalty, coverage: coveragePenalty) }

  func validate() throws { try DecodingOptions(penalties: penalties).requireValid() }
}

/// How the likeliest outputs are searched for.
struct SearchArguments: ParsableArguments {
  @Option(help: ArgumentHelp("Hypotheses kept at every step; 1 is greedy. (default: 1)", valueName: "k"))
  var beam: Int?
  @OptionGroup var penalties: PenaltyArguments
  @Option(
    help: ArgumentHelp(
      "Most tokens of an output. (default: twice the longest target that was learnt from, and 10)",
      valueName: "n"))
  var maxOutput: Int?

  var options: DecodingOptions {
    DecodingOptions(beam: beam ?? 1, penalties: penalties.penalties, maximumLength: maxOutput)
  }

  func validate() throws { try options.requireValid() }
}

extension DecodingOptions {
  /// Throws what the library does not take in the words of the command line.
  func requireValid() throws {
    do {
      try validate()
    } catch {
      guard case .configuration(let option, let expected, let found) = error else { throw error }
      throw ValidationError("--\(Self.names[option] ?? option) is \(found); expected \(expected)")
    }
  }

  /// The library's names of options, as the command line spells them.
  private static let names = [
    "lengthPenalty": "length-penalty", "coveragePenalty": "coverage-penalty", "maximumLength": "max-output",
    "topK": "top-k", "topP": "top-p", "samples": "n-best",
  ]
}

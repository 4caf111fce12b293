import ArgumentParser
import Foundation
import Seq2Seq

/// What becomes of words that a model writes as unknown.
struct UnknownArguments: ParsableArguments {
  @Flag(help: "Write the source word that the model looked at most where it wrote an unknown one.")
  var copyUnknown = false
  @Option(
    help:
      "With --copy-unknown: a file of lines 'source word TAB target word', to write the target's where it has one.",
    completion: .file())
  var dictionary: String?

  func validate() throws {
    if dictionary != nil && !copyUnknown { throw ValidationError("--dictionary needs --copy-unknown") }
  }

  /// Nil without --copy-unknown.
  func replacement(for ensemble: Ensemble) throws -> UnknownReplacement? {
    guard copyUnknown else { return nil }
    guard let dictionary else { return UnknownReplacement() }
    return try UnknownReplacement(
      dictionaryAt: URL(fileURLWithPath: dictionary), lowercase: ensemble.models[0].source.lowercase)
  }
}

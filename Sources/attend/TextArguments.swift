import ArgumentParser
import Foundation
import Seq2Seq

extension Tokenization.Unit: ExpressibleByArgument {}

/// What text is cut into, and what of it the vocabularies take in.
struct TextArguments: ParsableArguments {
  @Option(help: "What a token of the source is. (default: characters)")
  var sourceTokens: Tokenization.Unit?
  @Option(help: "What a token of the target is. (default: characters)")
  var targetTokens: Tokenization.Unit?
  @Flag(help: "Lowercase the text of both sides.")
  var lowercase = false
  @Option(
    help: ArgumentHelp(
      "Leave tokens out of a side's vocabulary that it has less often. (default: 1)", valueName: "n"))
  var minCount: Int?
  @Option(
    help: ArgumentHelp(
      "Most tokens of each vocabulary, the \(Vocabulary.reserved.count) reserved ones included. (default: no limit)",
      valueName: "n"))
  var maxVocabulary: Int?

  func lay(over recipe: inout Recipe) {
    lay(over: &recipe.source, unit: sourceTokens)
    lay(over: &recipe.target, unit: targetTokens)
    if let minCount { recipe.vocabulary.minimumCount = minCount }
    if let maxVocabulary { recipe.vocabulary.maximumSize = maxVocabulary }
  }

  private func lay(over tokenization: inout Tokenization, unit: Tokenization.Unit?) {
    if let unit { tokenization.unit = unit }
    if lowercase { tokenization.lowercase = true }
  }
}

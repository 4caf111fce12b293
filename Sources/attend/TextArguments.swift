import ArgumentParser
import Foundation
import Seq2Seq

extension Tokenization.Unit: ExpressibleByArgument {}

/// What text is cut into, and what of it the vocabularies take in.
struct TextArguments: ParsableArguments {
  @Option(help: "What a token of the source is. (default: characters; whitespace with subwords)")
  var sourceTokens: Tokenization.Unit?
  @Option(help: "What a token of the target is. (default: characters; whitespace with subwords)")
  var targetTokens: Tokenization.Unit?
  @Option(
    help: "Cut the source's tokens into subwords by this file, of attend bpe, subword-nmt or SentencePiece.",
    completion: .file())
  var sourceSubwords: String?
  @Option(help: "The same for the target; it may be the same file.", completion: .file())
  var targetSubwords: String?
  @Flag(help: "Lowercase the text of both sides.")
  var lowercase = false
  @Option(
    help: ArgumentHelp(
      "Leave tokens out of a side's vocabulary that it has less often. (default: 1)", valueName: "n"))
  var minCount: Int?
  @Option(
    help: ArgumentHelp(
      "Most tokens of the source's vocabulary, the \(Vocabulary.reserved.count) reserved ones included. (default: no limit)",
      valueName: "n"))
  var sourceVocabulary: Int?
  @Option(help: ArgumentHelp("The same of the target's.", valueName: "n"))
  var targetVocabulary: Int?

  /// Whether files of subwords are to be read.
  var namesFiles: Bool { sourceSubwords != nil || targetSubwords != nil }

  /// - Throws: ``CheckpointError`` for a file of subwords.
  func lay(over recipe: inout Recipe) throws {
    try lay(over: &recipe.source, sourceTokens, sourceSubwords)
    try lay(over: &recipe.target, targetTokens, targetSubwords)
    lay(over: &recipe.vocabulary.source, sourceVocabulary)
    lay(over: &recipe.vocabulary.target, targetVocabulary)
  }

  private func lay(over tokenization: inout Tokenization, _ unit: Tokenization.Unit?, _ subwords: String?)
    throws
  {
    if let subwords {
      // Of characters, the usual unit, there are no parts.
      if tokenization.subwords == nil && tokenization.unit == .characters { tokenization.unit = .whitespace }
      tokenization.subwords = try Subwords(contentsOf: URL(fileURLWithPath: subwords))
    }
    if let unit { tokenization.unit = unit }
    if lowercase { tokenization.lowercase = true }
  }

  private func lay(over limits: inout Vocabulary.Limits, _ size: Int?) {
    if let minCount { limits.minimumCount = minCount }
    if let size { limits.maximumSize = size }
  }
}

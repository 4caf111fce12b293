import ArgumentParser
import Foundation
import Seq2Seq

struct BPE: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bpe",
    abstract: "Learn subwords from pairs of sentences (byte-pair encoding).",
    discussion: """
      Writes the codes file that attend train takes with --source-subwords and --target-subwords, and subword-nmt with \
      --codes. Give it the text as the model will get it: the same --tokens, and --lowercase for a model that lowercases.
      """)

  enum Side: String, ExpressibleByArgument, CaseIterable { case source, target, both }

  /// The units that have parts.
  enum Words: String, ExpressibleByArgument, CaseIterable {
    case whitespace, words

    var unit: Tokenization.Unit {
      switch self {
      case .whitespace: .whitespace
      case .words: .words
      }
    }
  }

  @Option(
    help: "The file, a line 'source TAB target [TAB further accepted targets]'.", completion: .file())
  var data: String
  @Option(help: "Which side to learn from; from both, where they share letters and names.")
  var side = Side.both
  @Option(help: ArgumentHelp("How many pairs to merge at most.", valueName: "n"))
  var merges = 8000
  @Option(help: ArgumentHelp("Merge no pair that is seen less often.", valueName: "n"))
  var minCount = 2
  @Option(help: "What subwords are cut from.")
  var tokens = Words.whitespace
  @Flag(help: "Lowercase the text.")
  var lowercase = false
  @Option(help: "The codes file to write.", completion: .file())
  var output: String

  func validate() throws {
    guard (1...1_000_000).contains(merges) else {
      throw ValidationError("--merges is \(merges); expected 1 to 1000000")
    }
    guard minCount >= 1 else { throw ValidationError("--min-count is \(minCount); expected at least 1") }
    let places = [data, output].map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path }
    guard places[0] != places[1] else {
      throw ValidationError("--output is \(output), which --data names too; choose another name")
    }
  }

  func run() throws {
    let text = Tokenization(tokens.unit, lowercase: lowercase)
    let corpus = try ParallelCorpus(
      contentsOf: URL(fileURLWithPath: data), source: text, target: text, maximumLength: .max)
    // As often as a model will learn from them.
    let sources = side == .target ? [] : corpus.pairs.map(\.source)
    let targets = side == .source ? [] : corpus.pairs.map(\.target)
    let codes = BytePairEncoding(learning: sources + targets, merges: merges, minimumCount: minCount)
    guard codes.count > 0 else {
      throw CommandError(
        "\(data): no two letters stand beside each other \(Format.count(minCount, "time")) in what was to be learnt from; "
          + "lower --min-count, or give it more text")
    }
    try codes.write(to: URL(fileURLWithPath: output))
    try Console.print("\(Format.count(codes.count, "merge")) in \(output)")
  }
}

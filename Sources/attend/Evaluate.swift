import ArgumentParser
import Foundation
import Seq2Seq

struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare a model's outputs with the accepted ones of a file.",
    discussion: """
      Lines with the same source are one example. Of several accepted targets the one at the least edit distance counts; BLEU \
      takes all of them.
      """)

  @OptionGroup var models: ModelArguments
  @Option(help: "The file, a line 'source TAB target [TAB further accepted targets]'.", completion: .file())
  var data: String
  @OptionGroup var search: SearchArguments
  @Flag(help: "Print one JSON object: rates are fractions in it, BLEU is 0 to 100.")
  var json = false
  @Flag(help: "Show no progress.")
  var quiet = false
  @OptionGroup var unknown: UnknownArguments
  @OptionGroup var decoding: DecodingArguments
  @OptionGroup var runtime: RuntimeArguments

  func run() throws {
    try runtime.apply()
    let ensemble = try models.ensemble(decoding)
    // What the strictest reads, all of them do.
    let reader = ensemble.models.min { $0.configuration.maximumLength < $1.configuration.maximumLength }!
    let examples = try Reports.corpus(data, for: reader).examples
    Reports.noteUnknown(examples, reader, in: data)
    var options = search.options
    options.unknown = try unknown.replacement(for: ensemble)
    var display = ProgressDisplay(quiet: quiet)
    let evaluation = try ensemble.evaluate(examples, options: options) { done in
      display.show(
        "evaluating", fraction: Double(done) / Double(examples.count),
        details: "\(Format.count(done)) of \(Format.count(examples.count))")
      return true
    }
    display.clear()
    if json {
      try Console.print(String(decoding: evaluation.json(), as: UTF8.self))
    } else {
      try Console.write(Self.table(evaluation))
    }
  }

  private static func table(_ evaluation: Evaluation) -> String {
    var rows = [
      ("examples", Format.count(evaluation.examples)),
      ("exact match", Format.percent(evaluation.exactMatch)),
      ("sequence error rate", Format.percent(evaluation.sequenceErrorRate)),
      ("token error rate", Format.percent(evaluation.tokenErrorRate)),
      ("BLEU-4", Format.decimals(evaluation.bleu, 2)),
      ("cross entropy", Format.decimals(evaluation.crossEntropy, 4) + " nats a token"),
      ("perplexity", Format.decimals(evaluation.perplexity, 4)),
    ]
    if let entropy = evaluation.alignmentEntropy, let sharpness = evaluation.alignmentSharpness {
      rows += [
        ("alignment entropy", Format.decimals(entropy, 4) + " nats"),
        ("alignment sharpness", Format.decimals(sharpness, 4)),
      ]
    }
    rows += [
      ("decoding", Format.decimals(evaluation.seconds, 2) + " s"),
      ("speed", Format.speed(evaluation.tokensPerSecond)),
    ]
    return rows.map { $0.0.padding(toLength: 22, withPad: " ", startingAt: 0) + $0.1 + "\n" }.joined()
  }
}

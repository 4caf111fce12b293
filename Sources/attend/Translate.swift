import ArgumentParser
import Foundation
import Seq2Seq

struct Translate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Translate lines from standard input.",
    discussion: """
      A line in, a line out, in the same order and as soon as it is there. With --n-best a line in gives several: \
      'rank TAB score TAB text', rank 1 first; the score is the log-probability in nats, under the penalties where there are such. \
      An empty line stays empty. A line that cannot be translated \
      gives an empty one and a note on standard error, and the exit status is then 1.
      """)

  @OptionGroup var models: ModelArguments
  @OptionGroup var search: SearchArguments
  @Option(
    help: ArgumentHelp(
      "Print the n best outputs of every line, with scores; the beam is n unless it is given.", valueName: "n"
    ))
  var nBest: Int?
  @OptionGroup var sampling: SamplingArguments
  @OptionGroup var unknown: UnknownArguments
  @OptionGroup var decoding: DecodingArguments
  @OptionGroup var runtime: RuntimeArguments

  private var options: DecodingOptions {
    var options = search.options
    options.sampling = sampling.sampling(count: nBest ?? 1)
    guard options.sampling == nil else { return options }
    options.beam = search.beam ?? nBest ?? 1
    options.outputs = nBest ?? 1
    return options
  }

  func validate() throws {
    if let nBest, nBest < 1 { throw ValidationError("--n-best is \(nBest); expected at least 1") }
    if sampling.sample && search.beam != nil {
      throw ValidationError("--beam searches and --sample draws; leave one of them out")
    }
    if let nBest, !sampling.sample, nBest > options.beam {
      throw ValidationError("--n-best \(nBest) needs a beam as wide: --beam \(nBest)")
    }
    try options.requireValid()
  }

  func run() throws {
    try runtime.apply()
    let ensemble = try models.ensemble(decoding)
    var options = options
    options.unknown = try unknown.replacement(for: ensemble)
    var unread = UnknownTokens()
    defer { Reports.note(unread, in: "standard input") }
    var answers = LineAnswers(batch: options.batchSize, failure: "translated") { line in
      try ensemble.read(line)
    } answer: { sources in
      for source in sources { unread.add(source.unknown) }
      let outputs = try ensemble.translate(sources, options: options)
      options.sampling?.firstSource += sources.count
      return try zip(sources, outputs).map(text)
    }
    try answers.run()
  }

  private func text(_ source: TranslationModel.Source, _ hypotheses: [Ensemble.Hypothesis]) throws -> String {
    guard !source.tokens.isEmpty else { return "\n" }
    guard let nBest else { return try Reports.best(hypotheses).text + "\n" }
    return hypotheses.prefix(nBest).enumerated().map { index, hypothesis in
      "\(index + 1)\t\(Format.score(hypothesis.score))\t\(hypothesis.text)\n"
    }.joined()
  }
}

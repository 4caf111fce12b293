import ArgumentParser
import Foundation
import Seq2Seq

struct ScoreTargets: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Score given targets.",
    discussion: """
      Reads lines 'source TAB target [TAB further targets]' from standard input and writes for each the log-probabilities of its \
      targets in nats, their ends included, with a TAB between them: what 'translate --n-best' shows of its \
      outputs (with subwords, of those that it cuts as the codes do); '<unk>' in a target is an unknown token. An empty line stays empty. A line that cannot be scored \
      gives an empty one and a note on standard error, and the exit status is then 1.
      """)

  @OptionGroup var models: ModelArguments
  @OptionGroup var penalties: PenaltyArguments
  @Flag(
    help: "Write after each score the log-probabilities of the target's tokens and of its end, with spaces.")
  var tokens = false
  @OptionGroup var runtime: RuntimeArguments

  func run() throws {
    try runtime.apply()
    let ensemble = try models.ensemble()
    guard ensemble.hasAttention || penalties.coveragePenalty == 0 else { throw ModelError.noAlignment }
    let vocabulary = ensemble.models[0].targetVocabulary
    var (sources, targets) = (UnknownTokens(), UnknownTokens())
    defer {
      Reports.note(sources, in: "the sources of standard input")
      Reports.note(targets, in: "the targets of standard input")
    }
    var answers = LineAnswers(batch: 64, failure: "scored") { line in
      try Request(line, ensemble)
    } answer: { requests in
      for request in requests {
        sources.add(request.source?.unknown ?? [])
        for target in request.targets {
          targets.add(target.filter { vocabulary.id(of: $0) == Vocabulary.unknown })
        }
      }
      return try scores(requests, ensemble)
    }
    try answers.run()
  }

  /// A source and targets; neither where the line is empty.
  private struct Request {
    var source: TranslationModel.Source?
    var targets: [[String]] = []

    init(_ line: String, _ ensemble: Ensemble) throws {
      guard !line.isEmpty else { return }
      let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      guard columns.count > 1 else {
        throw CommandError("no TAB; write the line as 'source TAB target'")
      }
      source = try ensemble.read(columns[0])
      targets = try columns.dropFirst().map { try ensemble.read(target: $0) }
    }
  }

  private func scores(_ requests: [Request], _ ensemble: Ensemble) throws -> [String] {
    let pairs = requests.flatMap { request in
      request.targets.map { (source: request.source?.tokens ?? [], target: $0) }
    }
    var scores = try ensemble.score(pairs)[...]
    return requests.map { request in
      request.targets.map { _ in text(scores.removeFirst()) }.joined(separator: "\t") + "\n"
    }
  }

  private func text(_ score: EncoderDecoder.ForcedScore) -> String {
    let numbers = [score.score(penalties.penalties)] + (tokens ? score.logProbabilities : [])
    return numbers.map(Format.score).joined(separator: " ")
  }
}

import ArgumentParser
import Foundation
import Seq2Seq

struct Translate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Translate lines from standard input.",
    discussion: """
      A line in, a line out, in the same order and as soon as it is there. With --n-best a line in gives several: \
      'rank TAB log-probability TAB text', rank 1 first. An empty line stays empty. A line that cannot be translated \
      gives an empty one and a note on standard error, and the exit status is then 1.
      """)

  @Option(help: "The model's folder.", completion: .directory)
  var model: String
  @Option(
    help: ArgumentHelp(
      "Hypotheses kept at every step; 1 is greedy. (default: n-best, else 1)", valueName: "k"))
  var beam: Int?
  @Option(help: ArgumentHelp("Print the n best outputs of every line, with scores.", valueName: "n"))
  var nBest: Int?
  @OptionGroup var decoding: DecodingArguments
  @OptionGroup var runtime: RuntimeArguments

  private var width: Int { beam ?? nBest ?? 1 }

  func validate() throws {
    try requireBeam(width)
    guard let nBest else { return }
    guard nBest >= 1 else { throw ValidationError("--n-best is \(nBest); expected at least 1") }
    guard nBest <= width else {
      throw ValidationError("--n-best \(nBest) needs a beam as wide: --beam \(nBest)")
    }
  }

  func run() throws {
    try runtime.apply()
    let model = try decoding.model(at: model)
    var input = LineInput()
    var (lines, failures) = (0, 0)
    var unknown = UnknownTokens()
    while true {
      // About the same number of rows whatever the beam.
      let batch = try input.lines(atMost: max(1, 128 / width))
      if batch.isEmpty { break }
      let sources = batch.enumerated().map { index, line in
        source(line, number: lines + index + 1, model)
      }
      try answer(sources, model)
      lines += batch.count
      failures += sources.count { $0 == nil }
      for source in sources { unknown.add(source?.unknown ?? []) }
    }
    Reports.note(unknown, in: "standard input")
    if failures > 0 {
      throw CommandError("\(failures) of \(Format.count(lines, "line")) could not be translated; see above")
    }
  }

  /// The line as the model reads it; nil, with a note, where it cannot.
  private func source(_ line: ArraySlice<UInt8>, number: Int, _ model: TranslationModel)
    -> TranslationModel.Source?
  {
    do {
      guard let text = String(validating: line, as: UTF8.self) else {
        throw CommandError("not UTF-8; convert the input, for instance with iconv")
      }
      return try model.read(text)
    } catch {
      Console.note("attend: standard input:\(number): \(error)")
      return nil
    }
  }

  private func answer(_ sources: [TranslationModel.Source?], _ model: TranslationModel) throws {
    var outputs = try model.translate(sources.compactMap(\.self), beam: width)[...]
    var text = ""
    for source in sources {
      let hypotheses = source == nil ? [] : outputs.popFirst() ?? []
      if source?.tokens.isEmpty ?? true {
        text += "\n"
      } else if nBest == nil {
        text += try Reports.best(hypotheses).text + "\n"
      } else {
        text += ranked(hypotheses)
      }
    }
    try Console.write(text)
  }

  private func ranked(_ hypotheses: [TranslationModel.Hypothesis]) -> String {
    hypotheses.prefix(nBest ?? 1).enumerated().map { index, hypothesis in
      "\(index + 1)\t\(Format.decimals(Double(hypothesis.score), 4))\t\(hypothesis.text)\n"
    }.joined()
  }
}

import Foundation
import Seq2Seq

/// The sentences that ``Align`` looks at.
enum AlignInput {
  struct Sentence {
    let text: String
    let source: TranslationModel.Source
    /// The text to write; nil for the model's own output.
    let target: String?
  }

  /// Those of the command line; `targets` holds none, or one for each source.
  static func options(_ sources: [String], _ targets: [String], _ model: TranslationModel) throws
    -> [Sentence]
  {
    let sentences = try sources.enumerated().map { index, text in
      let place = sources.count == 1 ? "--source" : "--source number \(index + 1)"
      return try sentence(text, targets.isEmpty ? nil : targets[index], model, place)
    }
    noteUnknown(sentences, model, sources: "--source", targets: "--target")
    return sentences
  }

  /// Those of standard input.
  static func lines(_ model: TranslationModel) throws -> [Sentence] {
    let sentences = try allLines().enumerated().compactMap { index, line -> Sentence? in
      let place = "standard input:\(index + 1)"
      guard let text = String(validating: line, as: UTF8.self) else {
        throw CommandError("\(place): not UTF-8; convert the input, for instance with iconv")
      }
      guard !text.allSatisfy(\.isWhitespace) else { return nil }
      let columns = text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return try sentence(columns[0], columns.count > 1 ? columns[1] : nil, model, place)
    }
    guard !sentences.isEmpty else {
      throw CommandError("no text to look at; give it with --source, or as lines of standard input")
    }
    noteUnknown(
      sentences, model, sources: "the sources of standard input", targets: "the targets of standard input")
    return sentences
  }

  private static func allLines() throws -> [ArraySlice<UInt8>] {
    var input = LineInput()
    var lines: [ArraySlice<UInt8>] = []
    while true {
      let some = try input.lines(atMost: 1024)
      if some.isEmpty { return lines }
      lines += some
    }
  }

  private static func sentence(_ text: String, _ target: String?, _ model: TranslationModel, _ place: String)
    throws -> Sentence
  {
    let source: TranslationModel.Source
    do {
      source = try model.read(text)
    } catch {
      throw CommandError("\(place): \(error)")
    }
    guard !source.tokens.isEmpty else {
      throw CommandError("\(place) holds no token; give it a text to look at")
    }
    return Sentence(text: text, source: source, target: target)
  }

  private static func noteUnknown(
    _ sentences: [Sentence], _ model: TranslationModel, sources: String, targets: String
  ) {
    var unknown = UnknownTokens()
    for sentence in sentences { unknown.add(sentence.source.unknown) }
    Reports.note(unknown, in: sources)
    Reports.note(
      UnknownTokens(
        in: sentences.compactMap(\.target).map(model.target.outputTokens(of:)),
        vocabulary: model.targetVocabulary),
      in: targets)
  }
}

import Attention
import Foundation
import Seq2Seq

/// What several commands tell in the same words.
enum Reports {
  /// Reads a corpus as a model reads text.
  ///
  /// - Throws: ``CorpusError``; for a sentence that is too long an error that knows that the model sets the limit.
  static func corpus(_ path: String, for model: TranslationModel) throws -> ParallelCorpus {
    try corpus(path, for: model, limit: model.configuration.maximumLength, longPairs: .refuse)
  }

  /// The same of pairs to learn, without those of more tokens on a side than `limit`.
  static func corpus(_ path: String, toLearnBy model: TranslationModel, limit: Int) throws -> ParallelCorpus {
    try corpus(path, for: model, limit: limit, longPairs: .leaveOut)
  }

  private static func corpus(
    _ path: String, for model: TranslationModel, limit: Int, longPairs: ParallelCorpus.LongPairs
  ) throws -> ParallelCorpus {
    do {
      return try ParallelCorpus(
        contentsOf: URL(fileURLWithPath: path), source: model.source, target: model.target,
        maximumLength: limit, longPairs: longPairs)
    } catch CorpusError.tooLong(let file, let line, let side, let length, let limit) {
      throw CommandError(
        "\(file):\(line): the \(side) has \(length) tokens, this model takes at most \(limit); "
          + "shorten or remove it, or train a model with --max-length \(length)")
    } catch CorpusError.allTooLong(let file, let shortest, let limit) {
      let (whose, option) =
        limit < model.configuration.maximumLength
        ? ("training learns", "--longest-pair") : ("model takes", "--max-length")
      throw CommandError(
        "\(file): every pair is longer than the \(limit) tokens that this \(whose); "
          + "shorten them, or train a model with \(option) \(shortest)")
    }
  }

  /// Says on standard error which pairs of a file a model does not learn; nothing where it learns them all.
  ///
  /// Not how far a training is but what became of its data: said in any case.
  ///
  /// - Parameter remedy: The options that would keep them; nil where it is too late for these.
  static func noteLeftOut(_ corpus: ParallelCorpus, of file: String, remedy: String? = nil) {
    guard let leftOut = corpus.leftOut else { return }
    let pairs = Format.count(corpus.pairs.count + leftOut.count, "pair")
    let (place, kept) = leftOut.count == 1 ? ("at", "it") : ("the first at", "them")
    let remedy = remedy.map { "; \($0) keeps \(kept)" } ?? ""
    Console.note(
      "attend: left out \(Format.count(leftOut.count)) of \(pairs), longer than \(Format.count(leftOut.limit, "token")), "
        + "\(place) \(file):\(leftOut.firstLine)\(remedy)")
  }

  /// Says on standard error how many tokens of a corpus a model does not know: those of the sources change its outputs,
  /// those of the accepted targets the cross entropy.
  static func noteUnknown(_ examples: [ParallelCorpus.Example], _ model: TranslationModel, in file: String) {
    note(
      UnknownTokens(in: examples.map(\.source), vocabulary: model.sourceVocabulary),
      in: "the sources of \(file)")
    note(
      UnknownTokens(in: examples.lazy.flatMap(\.targets), vocabulary: model.targetVocabulary),
      in: "the targets of \(file)")
  }

  /// Says on standard error how many tokens a model did not know; nothing when it knew them all.
  static func note(_ unknown: UnknownTokens, in place: String) {
    guard unknown.count > 0 else { return }
    // Quoted and escaped: text that came in must not move a terminal's cursor.
    let examples = unknown.examples.map(\.debugDescription).joined(separator: ", ")
    let more = unknown.count > unknown.examples.count ? ", for instance" : ":"
    Console.note(
      "attend: \(Format.count(unknown.count, "token")) in \(Format.count(unknown.sentences, "sentence")) of \(place) "
        + "\(unknown.count == 1 ? "is" : "are") unknown to the model\(more) \(examples)")
  }

  /// The best of a source's outputs.
  static func best(_ hypotheses: [TranslationModel.Hypothesis]) throws -> TranslationModel.Hypothesis {
    guard let best = hypotheses.first else {
      throw CommandError("the model gave no output; train it again, or use another model")
    }
    return best
  }

  /// One epoch in one line, which a terminal of 80 columns shows.
  static func line(_ report: EpochReport) -> String {
    var parts = ["epoch \(report.epoch)", "loss \(Format.decimals(report.loss, 4))"]
    if let development = report.development {
      parts.append("dev exact \(Format.percent(development.exactMatch))")
      parts.append("token errors \(Format.percent(development.tokenErrorRate))")
    }
    parts.append(Format.speed(report.tokensPerSecond))
    return parts.joined(separator: "  ")
  }

  private static func line(_ window: AttentionWindow) -> String {
    switch window {
    case .monotonic(let radius): "local-m ± \(radius)"
    case .predictive(let radius): "local-p ± \(radius)"
    }
  }

  /// What a model is made of, in one line, and the precision that it trains in where that is another than float32.
  static func line(_ model: TranslationModel, training precision: Precision = .float32) -> String {
    let shape = model.configuration
    let kind =
      switch (shape.decoder, shape.score) {
      case (.bahdanau, _): "Bahdanau's model"
      case (.luong, let score?): "Luong's model, score \(score.rawValue)"
      case (.luong, nil): "the plain encoder-decoder"
      }
    let window = shape.window.map { ", \(line($0))" } ?? ""
    let layers = "\(shape.layers) × \(shape.hidden) \(shape.cell.rawValue.uppercased())"
    let stack = shape.residual ? "\(layers), residual" : layers
    let direction = shape.bidirectional ? "bidirectional" : "one direction"
    let parameters = "\(Format.count(model.network.parameterCount)) parameters"
    let rounded = precision == .float32 ? "" : ", in \(precision.rawValue)"
    return "\(kind)\(window), \(stack), \(direction), \(parameters)\(rounded)"
  }
}

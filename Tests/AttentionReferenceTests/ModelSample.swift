import AttentionReference
import Foundation

/// Small models of every kind, and a batch for them.
enum ModelSample {
  typealias Configuration = ReferenceModelConfiguration

  static let sources = [[3, 4, 5], [6, 2], [1]]
  static let targets = [[2, 3], [4, 5, 1], []]

  /// Parameter p's element k is 0.8 sin(1 + 0.7 k + 1.3 p): numbers that another program can make too.
  static func parameters<T: Reference.Scalar>(
    _ configuration: Configuration, sourceVocabulary: Int = 7, targetVocabulary: Int = 6,
    of _: T.Type = Double.self,
    value: (Int, Int) -> Double = { p, k in 0.8 * sin(1 + 0.7 * Double(k) + 1.3 * Double(p)) }
  ) throws -> [String: ReferenceArray<T>] {
    let list = try configuration.parameters(
      sourceVocabulary: sourceVocabulary, targetVocabulary: targetVocabulary)
    return Dictionary(
      uniqueKeysWithValues: list.enumerated().map { p, parameter in
        let count = parameter.shape.reduce(1, *)
        return (
          parameter.name,
          ReferenceArray(shape: parameter.shape, values: (0..<count).map { T(value(p, $0)) })
        )
      })
  }

  static func run<T: Reference.Scalar>(
    _ configuration: Configuration, _ parameters: [String: ReferenceArray<T>],
    sources: [[Int]] = sources, targets: [[Int]] = targets, dropout: ReferenceDropout<T>? = nil
  ) throws -> Reference.EncoderDecoderResult<T> {
    try Reference.encoderDecoder(
      parameters, configuration: configuration, sources: sources, targets: targets, start: 0, end: 1,
      dropout: dropout)
  }

  static let every: [Configuration] =
    Reference.Cell.allCases.flatMap { cell in
      Configuration.Score.allCases.flatMap { score in
        [false, true].map { bidirectional in
          Configuration(
            cell: cell, layers: 2, bidirectional: bidirectional, score: score, inputFeeding: score != .none,
            hidden: 4, embedding: 3)
        }
      }
        + Configuration.Readout.allCases.map {
          .bahdanau(cell: cell, layers: 2, readout: $0, hidden: 4, embedding: 3)
        }
        + [normedBahdanau(cell)]
    } + residual + reversed + tied + windows

  static let tied: [Configuration] = [
    Configuration(cell: .lstm, layers: 2, score: .general, inputFeeding: true, hidden: 4, embedding: 4),
    Configuration(cell: .gru, score: .none, hidden: 3, embedding: 3),
    .bahdanau(cell: .gruResetBefore, hidden: 4, embedding: 4),
    .bahdanau(cell: .rnn, readout: .maxout, hidden: 4, embedding: 2),
  ].map {
    var configuration = $0
    configuration.tied = true
    return configuration
  }

  static let reversed: [Configuration] = Reference.Cell.allCases.flatMap { cell in
    [
      Configuration(cell: cell, layers: 2, score: .none, hidden: 4, embedding: 3),
      Configuration(
        cell: cell, bidirectional: true, score: .general, inputFeeding: true, hidden: 4, embedding: 3),
      .bahdanau(cell: cell, hidden: 4, embedding: 3),
    ].map {
      var configuration = $0
      configuration.reversedSource = true
      return configuration
    }
  }

  static func normedBahdanau(_ cell: Reference.Cell) -> Configuration {
    var result = Configuration.bahdanau(cell: cell, hidden: 4, embedding: 3)
    result.score = .normedConcat
    return result
  }

  /// The last of the sentences ends before the steps do: what a narrow window around their number holds is nothing then.
  static let windows: [Configuration] = [Reference.Cell.lstm, .gru].flatMap { cell in
    [Configuration.Window.monotonic(radius: 1), .predictive(radius: 1), .predictive(radius: 2)].flatMap {
      window in
      Configuration.Score.allCases.filter { $0 != .none && $0 != .location }.map { score in
        local(Configuration(cell: cell, score: score, inputFeeding: true, hidden: 4, embedding: 3), window)
      } + [local(.bahdanau(cell: cell, hidden: 4, embedding: 3), window)]
    }
  }

  static func local(_ configuration: Configuration, _ window: Configuration.Window) -> Configuration {
    var result = configuration
    result.window = window
    return result
  }

  /// Three layers, so that what one connection adds to enters another.
  static let residual: [Configuration] = Reference.Cell.allCases.flatMap { cell in
    [Configuration.Score.concat, .none].flatMap { score in
      [false, true].map { bidirectional in
        Configuration(
          cell: cell, layers: 3, residual: true, bidirectional: bidirectional, score: score,
          inputFeeding: score != .none, hidden: 4, embedding: 3)
      }
    } + [.bahdanau(cell: cell, layers: 3, residual: true, hidden: 4, embedding: 3)]
  }
}

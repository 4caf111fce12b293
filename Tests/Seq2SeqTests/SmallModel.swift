import Attention
import AttentionReference
import Seq2Seq
import Testing

/// A small model of any shape, and awkward batches for it.
struct SmallModel: Sendable, CustomTestStringConvertible {
  private(set) var configuration: ModelConfiguration
  /// The same shape for the naive twin.
  private(set) var reference: ReferenceModelConfiguration

  var testDescription: String {
    let c = configuration
    let score = c.score?.rawValue ?? "plain"
    let kind = c.decoder == .bahdanau ? "bahdanau \(score)" : score
    let window = c.window.map { ["\($0)"] } ?? []
    let options = [
      ("residual", c.residual), ("bi", c.bidirectional), ("fed", c.inputFeeding),
      ("maxout", c.readout == .maxout), ("reversed", c.reversedSource), ("tied", c.tied),
    ]
    return (["\(kind) \(c.cell.rawValue) ×\(c.layers)"] + options.filter(\.1).map(\.0) + window).joined(
      separator: " ")
  }

  private static func luong(
    _ score: Score?, _ cell: RecurrentCell, layers: Int, residual: Bool = false, bidirectional: Bool,
    inputFeeding: Bool
  ) -> SmallModel {
    var c = ModelConfiguration.plain(
      cell: cell, layers: layers, residual: residual, bidirectional: bidirectional, embedding: 3, hidden: 6)
    c.score = score
    c.inputFeeding = inputFeeding
    // Little more than the longest source, so that most rows of the location score count.
    c.maximumLength = 7
    if score == .cosine { c.scoreTemperature = 0.25 }
    var reference = ReferenceModelConfiguration(
      cell: cell.reference, layers: layers, residual: residual, bidirectional: bidirectional,
      score: score.flatMap { .init(rawValue: $0.rawValue) } ?? .none, inputFeeding: inputFeeding,
      hidden: 6, embedding: 3)
    (reference.positions, reference.temperature) = (c.maximumLength, Double(c.scoreTemperature))
    return SmallModel(configuration: c, reference: reference)
  }

  private static func bahdanau(
    _ cell: RecurrentCell, layers: Int, residual: Bool = false, _ readout: Readout = .tanh, hidden: Int
  ) -> SmallModel {
    SmallModel(
      configuration: .bahdanau(
        cell: cell, layers: layers, residual: residual, readout: readout, embedding: 3, hidden: hidden),
      reference: .bahdanau(
        cell: cell.reference, layers: layers, residual: residual,
        readout: readout == .maxout ? .maxout : .tanh, hidden: hidden, embedding: 3))
  }

  static let all = stacked + residual + reversed + tied + windows + normed

  static let normed: [SmallModel] = RecurrentCell.allCases.flatMap { cell in
    [1, 2].map { layers in
      var small = bahdanau(cell, layers: layers, hidden: 5)
      small.configuration.score = .normedConcat
      small.reference.score = .normedConcat
      return small
    }
  }

  /// Windows narrower than the longest source, and with steps behind the end of the shortest.
  static let windows: [SmallModel] = [
    AttentionWindow.monotonic(radius: 1), .predictive(radius: 1), .predictive(radius: 3),
  ].flatMap { window in
    [RecurrentCell.lstm, .gru].flatMap { cell in
      Score.allCases.filter { $0 != .location }.flatMap { score in
        [false, true].map { inputFeeding in
          luong(
            score, cell, layers: inputFeeding ? 2 : 1, bidirectional: inputFeeding, inputFeeding: inputFeeding
          )
        }
      } + [bahdanau(cell, layers: 1, hidden: 5), bahdanau(cell, layers: 1, .maxout, hidden: 6)]
    }.map { $0.within(window) }
  }

  private func within(_ window: AttentionWindow) -> SmallModel {
    var small = self
    small.configuration.window = window
    switch window {
    case .monotonic(let radius): small.reference.window = .monotonic(radius: radius)
    case .predictive(let radius): small.reference.window = .predictive(radius: radius)
    }
    return small
  }

  /// Embeddings as wide as what the output layer reads, of every decoder and readout.
  static let tied: [SmallModel] = RecurrentCell.allCases.flatMap { cell in
    [
      luong(nil, cell, layers: 1, bidirectional: true, inputFeeding: false),
      luong(.general, cell, layers: 2, bidirectional: false, inputFeeding: true),
      bahdanau(cell, layers: 1, hidden: 6), bahdanau(cell, layers: 1, .maxout, hidden: 6),
    ].map {
      var small = $0
      let width = small.configuration.readout == .maxout ? 3 : 6
      (small.configuration.tied, small.configuration.embedding) = (true, width)
      (small.reference.tied, small.reference.embedding) = (true, width)
      return small
    }
  }

  /// The plain model, Luong's and Bahdanau's, stacked and in both directions or not.
  static let reversed: [SmallModel] = RecurrentCell.allCases.flatMap { cell in
    [
      luong(nil, cell, layers: 2, bidirectional: false, inputFeeding: false),
      luong(.general, cell, layers: 1, bidirectional: false, inputFeeding: true),
      luong(.concat, cell, layers: 2, bidirectional: true, inputFeeding: true),
      bahdanau(cell, layers: 2, hidden: 5),
    ].map {
      var small = $0
      small.configuration.reversedSource = true
      small.reference.reversedSource = true
      return small
    }
  }

  /// Every score, cell, direction and feeding, each with each, in three layers: what one connection adds to enters another.
  static let residual: [SmallModel] = RecurrentCell.allCases.flatMap { cell in
    [nil, Score.general, .concat].flatMap { score in
      [false, true].flatMap { bidirectional in
        (score == nil ? [false] : [false, true]).map { inputFeeding in
          luong(
            score, cell, layers: 3, residual: true, bidirectional: bidirectional, inputFeeding: inputFeeding)
        }
      }
    } + [bahdanau(cell, layers: 3, residual: true, hidden: 5)]
  }

  /// Luong's: every score, cell, depth, direction and feeding, each with each; Bahdanau's likewise.
  private static let stacked: [SmallModel] = {
    var all: [SmallModel] = []
    for cell in RecurrentCell.allCases {
      for layers in [1, 2] {
        for bidirectional in [false, true] {
          for score in [nil] + Score.allCases.map(Optional.some) {
            for inputFeeding in score == nil ? [false] : [false, true] {
              all.append(
                .luong(
                  score, cell, layers: layers, bidirectional: bidirectional, inputFeeding: inputFeeding))
            }
          }
        }
        // An odd width too: no direction is half of anything.
        for hidden in [6, 5] { all.append(.bahdanau(cell, layers: layers, hidden: hidden)) }
        all.append(.bahdanau(cell, layers: layers, .maxout, hidden: 6))
      }
    }
    return all
  }()

  func model(dropout: Float = 0, _ change: (inout ModelConfiguration) -> Void = { _ in }) throws
    -> EncoderDecoder
  {
    var c = configuration
    c.dropout = dropout
    change(&c)
    return try EncoderDecoder(c.sized(source: 9, target: 8), seed: 5)
  }

  /// Ragged on both sides: sources of 0 to 5 tokens, an empty target, no order.
  static let sources: [[Int32]] = [[3, 8, 4], [5], [], [6, 7, 0, 3, 4], [8, 8]]
  static let targets: [[Int32]] = [[3, 0], [7, 4, 5, 6], [6, 3], [], [5]]

  static var batch: Batch { Batch(Array(zip(sources, targets)).map { (source: $0, target: $1) }) }
}

extension ModelConfiguration {
  func with(_ change: (inout ModelConfiguration) -> Void) -> ModelConfiguration {
    var result = self
    change(&result)
    return result
  }
}

extension RecurrentCell {
  fileprivate var reference: Reference.Cell {
    switch self {
    case .lstm: .lstm
    case .gru: .gru
    case .gruResetBefore: .gruResetBefore
    case .rnn: .rnn
    }
  }
}

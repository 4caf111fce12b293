import Attention

/// The decoders that write outputs together, under way: of one model, or of several whose probabilities are averaged. Each source has
/// the same number of rows, a hypothesis each.
struct RunningDecoders {
  private let models: [PackedModel]
  private var memories: [AttentionMemory?]
  /// The tokens of every source, those that were dropped too.
  private let lengths: [Int]
  /// The sources that have rows, in the order of these.
  private(set) var sources: [Int]
  private let width: Int
  private var states: [DecoderState]
  /// Of the last step.
  private var tapes: [DecoderTape] = []
  /// Of the step before it. The states may lie in the last step's, so that two take turns.
  private var spent: [DecoderTape] = []

  /// - Parameters:
  ///   - sources: for each model the ids of all sources, in its own vocabulary
  ///   - width: the rows of each source
  init(_ models: [PackedModel], sources: [[[Int32]]], width: Int) {
    let encoded = zip(models, sources).map { $0.encode($1) }
    lengths = sources[0].map(\.count)
    self.sources = Array(lengths.indices)
    let rows = lengths.indices.flatMap { Array(repeating: Int32($0), count: width) }
    self.models = models
    self.width = width
    memories = encoded.map(\.memory)
    states = encoded.map { $0.start.gathered(rows) }
  }

  private var rows: Int { sources.count * width }

  /// One step, in which every row reads its token.
  mutating func advance(_ tokens: [Int32]) {
    let next = models.indices.map { index in
      models[index].advance(
        states[index], tokens: tokens, memory: memories[index], sources: sources.count,
        spent: spent.isEmpty ? nil : spent[index])
    }
    (spent, tapes) = (tapes, next)
    states = zip(tapes, states).map { tape, state in tape.state(0..<rows, before: state.step + 1) }
  }

  /// Makes every row go on from another one.
  mutating func reorder(_ parents: [Int32]) {
    guard parents != Array(0..<Int32(rows)) else { return }
    states = states.map { $0.gathered(parents) }
  }

  /// Gives up the rows of sources that are done, once that halves their number at least: what is left is copied.
  mutating func drop(where isDone: (Int) -> Bool) {
    let kept = sources.indices.filter { !isDone(sources[$0]) }
    guard !kept.isEmpty, 2 * kept.count <= sources.count else { return }
    let places = kept.map(Int32.init)
    memories = memories.map { $0?.gathered(places) }
    states = states.map { state in
      state.gathered(places.flatMap { place in (0..<width).map { place * Int32(width) + Int32($0) } })
    }
    sources = kept.map { sources[$0] }
  }

  /// The `count` likeliest next tokens of every row, likeliest first; of equals the lower token. None is `start`, which follows
  /// nothing; a row without probabilities has none.
  func likeliest(_ count: Int) -> [[(token: Int, logProbability: Float)]] {
    guard models.count == 1 else {
      let distributions = distributions()
      return (0..<rows).map { distributions.likeliest(count, row: $0) }
    }
    // One more than asked for: it may be `start`.
    let likeliest = models[0].likeliest(count + 1, tapes[0].readout)
    return (0..<rows).map { Array(likeliest.row($0).filter { $0.token != Vocabulary.start }.prefix(count)) }
  }

  /// The end alone after every row, in the form of ``likeliest(_:)``.
  func ends() -> [[(token: Int, logProbability: Float)]] {
    let distributions = distributions()
    return (0..<rows).map { row in
      [(Vocabulary.end, distributions[row, Vocabulary.end])].filter { $0.1 > -.infinity }
    }
  }

  /// What may follow every row.
  func distributions() -> TokenDistributions {
    TokenDistributions(zip(models, tapes).map { $0.logProbabilities($1.readout) })
  }

  /// The attention's weights of a row at the last step, one a source token: the mean over the models that attend; empty where none does.
  func alignment(row: Int) -> [Float] {
    let weights = tapes.compactMap { tape in
      tape.attention?.alignment.elements(row: row, count: lengths[sources[row / width]])
    }
    return .mean(of: weights)
  }
}

extension [Float] {
  /// The mean of arrays of the same length; empty for none.
  static func mean(of arrays: [[Float]]) -> [Float] {
    guard let first = arrays.first, arrays.count > 1 else { return arrays.first ?? [] }
    return first.indices.map { index in
      arrays.reduce(0) { $0 + $1[index] } / Float(arrays.count)
    }
  }
}

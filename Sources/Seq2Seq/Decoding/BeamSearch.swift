/// Beam search over many sources at once; with a beam of 1 it is greedy decoding.
///
/// All sources advance together, `beam` rows each. At each step the likeliest hypotheses go on. A source is done when none of them can
/// still overtake the best ended ones, as many as are asked for: log-probabilities only fall, coverage adds at most 0, and outputs are
/// ended at the length limit.
struct BeamSearch {
  private let options: DecodingOptions
  /// The most tokens of an output.
  private let limit: Int
  private var decoders: RunningDecoders

  init(_ decoders: RunningDecoders, options: DecodingOptions, limit: Int) {
    self.decoders = decoders
    self.options = options
    self.limit = limit
  }

  private var beam: Int { options.beam }
  private var outputs: Int { options.outputs ?? beam }

  private struct Running {
    var node: HypothesisNode?
    var logProbability: Double
    var last: Int32
    /// Its row among the source's rows of the step before.
    var row: Int
  }

  private struct Search {
    var running = [Running(node: nil, logProbability: 0, last: Int32(Vocabulary.start), row: 0)]
    var ended: [DecodedSequence] = []
    var isDone = false
  }

  /// The best outputs of every source, best first.
  mutating func run() -> [[DecodedSequence]] {
    var searches = [Search](repeating: Search(), count: decoders.sources.count)
    var step = 0
    while searches.contains(where: { !$0.isDone }) {
      decoders.advance(tokens(of: searches))
      // One more than the beam: one of them may be the end. At the limit there is nothing else.
      let continuations = step < limit ? decoders.likeliest(beam + 1) : decoders.ends()
      for (place, source) in decoders.sources.enumerated() where !searches[source].isDone {
        extend(&searches[source], firstRow: place * beam, continuations, isLast: step == limit)
      }
      step += 1
      decoders.reorder(parents(of: searches))
      decoders.drop { searches[$0].isDone }
    }
    return searches.map(\.ended)
  }

  /// What every row reads. Rows of searches that are done, or that have fewer hypotheses than the beam, are filled up: nothing reads
  /// them.
  private func tokens(of searches: [Search]) -> [Int32] {
    decoders.sources.flatMap { source in
      let running = searches[source].running
      return (0..<beam).map { $0 < running.count ? running[$0].last : Int32(Vocabulary.end) }
    }
  }

  /// The row that every row goes on from.
  private func parents(of searches: [Search]) -> [Int32] {
    decoders.sources.enumerated().flatMap { place, source in
      let running = searches[source].running
      return (0..<beam).map { Int32(place * beam + ($0 < running.count ? running[$0].row : 0)) }
    }
  }

  /// Replaces the running hypotheses by the best of their continuations, and collects those that end.
  private func extend(
    _ search: inout Search, firstRow: Int, _ continuations: [[(token: Int, logProbability: Float)]],
    isLast: Bool
  ) {
    var candidates: [(logProbability: Double, slot: Int, id: Int)] = []
    for (slot, hypothesis) in search.running.enumerated() {
      for (id, logProbability) in continuations[firstRow + slot] {
        candidates.append((hypothesis.logProbability + Double(logProbability), slot, id))
      }
    }
    // Equal scores keep the order of rows and ids, so that a search repeats.
    candidates.sort { ($1.logProbability, $0.slot, $0.id) < ($0.logProbability, $1.slot, $1.id) }
    let weights = search.running.indices.map { decoders.alignment(row: firstRow + $0) }
    var next: [Running] = []
    for (logProbability, slot, id) in candidates where next.count < beam {
      let node = HypothesisNode(
        previous: search.running[slot].node, id: Int32(id), alignment: weights[slot])
      if id == Vocabulary.end {
        search.ended.append(
          node.sequence(logProbability, penalties: options.penalties, isComplete: !isLast))
        // The best candidate ending settles a greedy search.
        if beam == 1 { break }
      } else {
        next.append(Running(node: node, logProbability: logProbability, last: Int32(id), row: slot))
      }
    }
    search.running = next
    search.ended = Array(search.ended.bestFirst.prefix(outputs))
    let worst = search.ended.count == outputs ? search.ended[outputs - 1].score : -.infinity
    let best =
      next.first.map { options.penalties.score($0.logProbability, steps: limit + 1, alignment: []) }
    guard best ?? -.infinity <= worst else { return }
    search.isDone = true
    search.running = []
    if search.ended.isEmpty { search.ended = [.nothing] }
  }
}

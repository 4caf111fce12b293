/// Beam search over many sources at once; with a beam of 1 it is greedy decoding.
///
/// All sources advance together, `beam` rows each. At each step the likeliest hypotheses go on. A source is done when none of them can
/// still overtake its `beam` best ended ones: log-probabilities and coverage only fall, and outputs are ended at the length limit.
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

  /// The best outputs of every source, at most `beam` of each, best first.
  mutating func run() -> [[DecodedSequence]] {
    var searches = [Search](repeating: Search(), count: decoders.sources)
    var step = 0
    while searches.contains(where: { !$0.isDone }) {
      decoders.advance(rows(of: searches) { $0.last })
      // One more than the beam: one of them may be the end. At the limit there is nothing else.
      let continuations = step < limit ? decoders.likeliest(beam + 1) : decoders.ends()
      for source in searches.indices where !searches[source].isDone {
        extend(&searches[source], source: source, continuations, isLast: step == limit)
      }
      step += 1
      // Rows of searches that are done, or that have fewer hypotheses than the beam, repeat some row: nothing reads them.
      let parents = searches.indices.flatMap { source in
        (0..<beam).map { slot in
          let running = searches[source].running
          return Int32(source * beam + (slot < running.count ? running[slot].row : 0))
        }
      }
      decoders.reorder(parents)
    }
    return searches.map(\.ended)
  }

  private func rows(of searches: [Search], _ value: (Running) -> Int32) -> [Int32] {
    searches.flatMap { search in
      (0..<beam).map { $0 < search.running.count ? value(search.running[$0]) : Int32(Vocabulary.end) }
    }
  }

  /// Replaces the running hypotheses by the best of their continuations, and collects those that end.
  private func extend(
    _ search: inout Search, source: Int, _ continuations: [[(token: Int, logProbability: Float)]],
    isLast: Bool
  ) {
    var candidates: [(logProbability: Double, slot: Int, id: Int)] = []
    for (slot, hypothesis) in search.running.enumerated() {
      for (id, logProbability) in continuations[source * beam + slot] {
        candidates.append((hypothesis.logProbability + Double(logProbability), slot, id))
      }
    }
    // Equal scores keep the order of rows and ids, so that a search repeats.
    candidates.sort { ($1.logProbability, $0.slot, $0.id) < ($0.logProbability, $1.slot, $1.id) }
    let weights = search.running.indices.map { decoders.alignment(row: source * beam + $0) }
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
    search.ended = Array(search.ended.bestFirst.prefix(beam))
    let worst = search.ended.count == beam ? search.ended[beam - 1].score : -.infinity
    let best =
      next.first.map { options.penalties.score($0.logProbability, steps: limit + 1, alignment: []) }
    guard best ?? -.infinity <= worst else { return }
    search.isDone = true
    search.running = []
    if search.ended.isEmpty { search.ended = [.nothing] }
  }
}

import Attention

/// One output that the search ended: ids without the end token, log-probability with it.
struct DecodedSequence {
  let ids: [Int32]
  /// Σ log p over the ids and, when the search ended with one, the end token. Nats.
  let logProbability: Float
  /// The attention's weights for every id and for the end, [ids + 1, source]; empty without attention.
  let alignment: [[Float]]
  /// Ended by the end token, not by the limit.
  let isComplete: Bool
}

/// Beam search over many sources at once; with a beam of 1 it is greedy decoding.
///
/// All sources advance together, `beam` rows each. A source is done when no running hypothesis can still
/// overtake its `beam` best ended ones: log-probabilities only fall. One that reaches the length limit ends there.
struct BeamSearch {
  let model: PackedModel
  let beam: Int
  /// The most tokens of an output.
  let limit: Int

  private let encoded: PackedModel.Sources
  private let lengths: [Int]

  init(_ model: PackedModel, sources: [[Int32]], beam: Int, limit: Int) {
    self.model = model
    self.beam = beam
    self.limit = limit
    encoded = model.encode(sources)
    lengths = sources.map(\.count)
  }

  /// A hypothesis as the last link of a chain: branches share what they have in common.
  private final class Node {
    let previous: Node?
    let id: Int32
    let alignment: [Float]
    init(previous: Node?, id: Int32, alignment: [Float]) {
      self.previous = previous
      self.id = id
      self.alignment = alignment
    }
  }

  private struct Running {
    var node: Node?
    var score: Float
    var last: Int32
    /// Its row among the source's rows of the step before.
    var row: Int
  }

  private struct Search {
    var running: [Running]
    var ended: [DecodedSequence] = []
    var isDone = false
  }

  /// The best outputs of every source, at most `beam` of each, best first.
  func run() -> [[DecodedSequence]] {
    let sources = lengths.count
    var searches = [Search](
      repeating: Search(running: [Running(node: nil, score: 0, last: Int32(Vocabulary.start), row: 0)]),
      count: sources)
    let replicated = (0..<sources).flatMap { Array(repeating: Int32($0), count: beam) }
    var state = encoded.start.gathered(replicated)
    var step = 0
    while searches.contains(where: { !$0.isDone }) {
      let tape = model.advance(
        state, tokens: rows(of: searches) { $0.last }, memory: encoded.memory, sources: sources)
      // Two more than the beam: one of them may be the end, and one `start`.
      let likeliest = model.likeliest(beam + 2, tape.readout)
      for source in searches.indices where !searches[source].isDone {
        extend(
          &searches[source], source: source, likeliest, tape.attention?.alignment,
          lastStep: step + 1 >= limit)
      }
      step += 1
      // Rows of searches that are done, or that have fewer hypotheses than the beam, repeat some row: nothing reads them.
      let parents = searches.indices.flatMap { source in
        (0..<beam).map { slot in
          let running = searches[source].running
          return Int32(source * beam + (slot < running.count ? running[slot].row : 0))
        }
      }
      state = tape.state(0..<sources * beam, before: step).gathered(parents)
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
    _ search: inout Search, source: Int, _ likeliest: LikeliestTokens, _ alignment: Matrix?, lastStep: Bool
  ) {
    var candidates: [(score: Float, slot: Int, id: Int)] = []
    for (slot, hypothesis) in search.running.enumerated() {
      // `start` never follows anything.
      let continuations = likeliest.row(source * beam + slot).filter { $0.token != Vocabulary.start }
      for (id, logProbability) in continuations.prefix(beam + 1) {
        candidates.append((hypothesis.score + logProbability, slot, id))
      }
    }
    // Equal scores keep the order of rows and ids, so that a search repeats.
    candidates.sort { ($1.score, $0.slot, $0.id) < ($0.score, $1.slot, $1.id) }
    let weights = search.running.indices.map { slot in
      alignment?.elements(row: source * beam + slot, count: lengths[source]) ?? []
    }
    var next: [Running] = []
    for candidate in candidates where next.count < beam {
      let parent = search.running[candidate.slot]
      if candidate.id == Vocabulary.end {
        let end = Node(previous: parent.node, id: Int32(Vocabulary.end), alignment: weights[candidate.slot])
        search.ended.append(sequence(end, score: candidate.score))
        // The best candidate ending settles a greedy search.
        if beam == 1 { break }
      } else {
        let node = Node(previous: parent.node, id: Int32(candidate.id), alignment: weights[candidate.slot])
        next.append(
          Running(node: node, score: candidate.score, last: Int32(candidate.id), row: candidate.slot))
      }
    }
    search.running = next
    search.ended = Array(sorted(search.ended).prefix(beam))
    let worst = search.ended.count == beam ? search.ended[beam - 1].logProbability : -.infinity
    let best = next.first?.score ?? -.infinity
    if lastStep || next.isEmpty || best <= worst { finish(&search) }
  }

  /// Ends a search. Where it lacks outputs, hypotheses that the limit cut off follow those that ended; a model whose
  /// probabilities are no numbers has neither, and answers with nothing at a score of −∞.
  private func finish(_ search: inout Search) {
    search.isDone = true
    for hypothesis in search.running where search.ended.count < beam {
      search.ended.append(sequence(hypothesis.node, score: hypothesis.score))
    }
    search.running = []
    if search.ended.isEmpty { search.ended = [sequence(nil, score: -.infinity)] }
  }

  private func sorted(_ sequences: [DecodedSequence]) -> [DecodedSequence] {
    // A stable order: Swift's sort does not promise one.
    sequences.enumerated().sorted {
      ($1.element.logProbability, $0.offset) < ($0.element.logProbability, $1.offset)
    }
    .map(\.element)
  }

  private func sequence(_ last: Node?, score: Float) -> DecodedSequence {
    var ids: [Int32] = []
    var alignment: [[Float]] = []
    var node = last
    while let current = node {
      if current.id != Vocabulary.end { ids.append(current.id) }
      if model.configuration.score != nil { alignment.append(current.alignment) }
      node = current.previous
    }
    return DecodedSequence(
      ids: ids.reversed(), logProbability: score, alignment: alignment.reversed(),
      isComplete: last?.id == Int32(Vocabulary.end))
  }
}

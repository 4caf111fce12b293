import Seq2Seq
import Testing

/// The search against a textbook's, which scores every continuation of every prefix by forcing it.
@Suite("Beam search against a textbook's") struct BeamSearchTests {
  private struct Hypothesis {
    var tokens: [String]
    var score: Float
  }

  private func textbook(_ model: TranslationModel, _ source: [String], beam: Int, limit: Int) throws
    -> [Hypothesis]
  {
    // Every id but start and end; the reserved unknown is written as no token of the vocabulary.
    let tokens = [0] + Array(Vocabulary.reserved.count..<model.targetVocabulary.count)
    let words = tokens.map(model.targetVocabulary.token(at:))
    var running = [Hypothesis(tokens: [], score: 0)]
    var ended: [Hypothesis] = []
    for _ in 0..<limit {
      var candidates: [(hypothesis: Hypothesis, isEnd: Bool)] = []
      for prefix in running {
        let end = try model.score([(source, prefix.tokens)])[0].logProbabilities.last!
        candidates.append((Hypothesis(tokens: prefix.tokens, score: prefix.score + end), true))
        for (word, score) in zip(words, try model.score(words.map { (source, prefix.tokens + [$0]) })) {
          let longer = prefix.score + score.logProbabilities[prefix.tokens.count]
          candidates.append((Hypothesis(tokens: prefix.tokens + [word], score: longer), false))
        }
      }
      candidates.sort { $0.hypothesis.score > $1.hypothesis.score }
      running = []
      for candidate in candidates where running.count < beam {
        if candidate.isEnd {
          ended.append(candidate.hypothesis)
          if beam == 1 { return ended }
        } else {
          running.append(candidate.hypothesis)
        }
      }
      ended = Array(ended.sorted { $0.score > $1.score }.prefix(beam))
      if ended.count == beam, running[0].score <= ended[beam - 1].score { return ended }
    }
    return Array((ended + running).prefix(beam))
  }

  /// Untrained models: their distributions are flat, so that much is pruned and near ties are rare.
  @Test(arguments: 1...12) func agrees(seed: UInt64) throws {
    let corpus = ParallelCorpus(pairs: [.init(source: ["a", "b", "c"], target: ["x", "y"])])
    var (monotonic, predictive) = (
      ModelConfiguration.luong(embedding: 4, hidden: 6), ModelConfiguration.bahdanau(embedding: 4, hidden: 6)
    )
    (monotonic.window, predictive.window) = (.monotonic(radius: 1), .predictive(radius: 2))
    for configuration in [
      monotonic, predictive, .luong(score: .cosine, embedding: 4, hidden: 6),
      .luong(score: .location, embedding: 4, hidden: 6), ModelConfiguration.luong(embedding: 4, hidden: 6),
      .luong(score: .concat, cell: .gru, embedding: 4, hidden: 6),
      .bahdanau(embedding: 4, hidden: 6), .bahdanau(cell: .lstm, layers: 2, embedding: 4, hidden: 5),
      .plain(embedding: 4, hidden: 6), .luong(layers: 3, residual: true, embedding: 4, hidden: 6),
      .plain(cell: .gru, layers: 3, residual: true, embedding: 4, hidden: 6),
    ] {
      let model = try TranslationModel(
        configuration, corpus: corpus, source: .characters, target: .whitespace, seed: seed)
      let source = ["c", "a", "b", "b"]
      for beam in [1, 2, 4] {
        let found = try model.translate([model.read(source)], beam: beam)[0]
        // Twice the longest target that was learnt, and ten.
        let expected = try textbook(model, source, beam: beam, limit: 14)
        #expect(found.map(\.tokens) == expected.map(\.tokens), "beam \(beam)")
        for (a, b) in zip(found, expected) { #expect(abs(a.score - b.score) < 1e-4) }
      }
    }
  }

  @Test("an output that never ends is cut off, says so, and ranks behind those that ended")
  func cutOff() throws {
    let corpus = ParallelCorpus(pairs: [.init(source: ["a"], target: ["x", "y", "z", "w", "v", "u"])])
    var sawCutOff = false
    for seed in 1...20 as ClosedRange<UInt64> {
      let model = try TranslationModel(
        .luong(embedding: 4, hidden: 6), corpus: corpus, source: .characters, target: .whitespace, seed: seed)
      for hypothesis in try model.translate("aaa") where !hypothesis.isComplete {
        sawCutOff = true
        #expect(hypothesis.tokens.count == 22 && hypothesis.alignment!.count == 22)
      }
      let complete = try model.translate("aaa", beam: 3).map(\.isComplete)
      #expect(complete == complete.filter { $0 } + complete.filter { !$0 })
    }
    #expect(sawCutOff)
  }
}

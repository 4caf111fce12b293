import Foundation
import Seq2Seq
import Testing

/// The search against a textbook's, which scores every continuation of every prefix by forcing it and never stops early.
@Suite("Beam search against a textbook's") struct BeamSearchTests {
  private struct Hypothesis {
    var tokens: [String]
    var logProbability: Double
    var score: Double
  }

  private let limit = 7

  /// log P / ((5 + |Y|) / 6)^α + β Σ_i log min(Σ_t α_ti, 1)
  private func penalised(_ score: EncoderDecoder.ForcedScore, _ penalties: Penalties) -> Double {
    let logProbability = score.logProbabilities.reduce(0.0) { $0 + Double($1) }
    var result = logProbability / pow(Double(5 + score.logProbabilities.count) / 6, Double(penalties.length))
    let alignment = score.alignment ?? []
    for source in (alignment.first ?? []).indices {
      let covered = alignment.reduce(0.0) { $0 + Double($1[source]) }
      // What no window reaches has a weight of 0, which is kept finite.
      result += Double(penalties.coverage) * log(min(max(covered, 1e-10), 1))
    }
    return result
  }

  private func textbook(_ model: Ensemble, _ source: [String], beam: Int, _ penalties: Penalties)
    throws -> [Hypothesis]
  {
    // Every id but start and end; the reserved unknown is written as no token of the vocabulary.
    let vocabulary = model.models[0].targetVocabulary
    let words = ([0] + Array(Vocabulary.reserved.count..<vocabulary.count)).map(vocabulary.token(at:))
    var running: [[String]] = [[]]
    var ended: [Hypothesis] = []
    for step in 0...limit {
      var candidates: [(hypothesis: Hypothesis, isEnd: Bool)] = []
      let continued = step < limit ? running.flatMap { prefix in words.map { prefix + [$0] } } : []
      for (tokens, score) in zip(
        running + continued, try model.score((running + continued).map { (source, $0) }))
      {
        let isEnd = tokens.count == step
        let logProbability = score.logProbabilities.prefix(step + 1).reduce(0.0) { $0 + Double($1) }
        candidates.append(
          (
            Hypothesis(
              tokens: tokens, logProbability: logProbability,
              score: isEnd ? penalised(score, penalties) : 0),
            isEnd
          ))
      }
      candidates.sort { $0.hypothesis.logProbability > $1.hypothesis.logProbability }
      running = []
      for candidate in candidates where running.count < beam {
        if candidate.isEnd {
          ended.append(candidate.hypothesis)
          if beam == 1 { return ended }
        } else {
          running.append(candidate.hypothesis.tokens)
        }
      }
    }
    return Array(ended.sorted { $0.score > $1.score }.prefix(beam))
  }

  /// Untrained models: their distributions are flat, so that much is pruned and near ties are rare.
  @Test(arguments: 1...6) func agrees(seed: UInt64) throws {
    let corpus = ParallelCorpus(pairs: [.init(source: ["a", "b", "c"], target: ["x", "y"])])
    let predictive = ModelConfiguration.bahdanau(embedding: 4, hidden: 6).with {
      $0.window = .predictive(radius: 2)
    }
    let monotonic = ModelConfiguration.luong(embedding: 4, hidden: 6).with {
      $0.window = .monotonic(radius: 1)
    }
    func model(_ configuration: ModelConfiguration) throws -> TranslationModel {
      try TranslationModel(
        configuration, corpus: corpus, source: .characters, target: .whitespace, seed: seed)
    }
    let configurations: [[ModelConfiguration]] = [
      [.luong(embedding: 4, hidden: 6)], [.luong(score: .concat, cell: .gru, embedding: 4, hidden: 6)],
      [.bahdanau(embedding: 4, hidden: 6)], [.bahdanau(cell: .lstm, layers: 2, embedding: 4, hidden: 5)],
      [monotonic], [predictive], [.luong(score: .cosine, embedding: 4, hidden: 6)],
      [.luong(score: .location, embedding: 4, hidden: 6)],
      [.plain(embedding: 4, hidden: 6)], [.luong(layers: 3, residual: true, embedding: 4, hidden: 6)],
      [.plain(cell: .gru, layers: 3, residual: true, embedding: 4, hidden: 6)],
      [.bahdanau(embedding: 4, hidden: 6), .luong(embedding: 3, hidden: 4), .plain(embedding: 4, hidden: 6)],
    ]
    for shapes in configurations {
      let ensemble = try Ensemble(shapes.map(model))
      let source = try ensemble.read("cabb")
      for (beam, penalties) in [
        (1, Penalties()), (2, Penalties()), (4, Penalties()), (1, Penalties(length: 1)),
        (3, Penalties(length: 0.6)), (4, Penalties(length: 1.3, coverage: 0.4)),
        (3, Penalties(coverage: 2)),
      ] where penalties.coverage == 0 || ensemble.hasAttention {
        let options = DecodingOptions(beam: beam, penalties: penalties, maximumLength: limit)
        let found = try ensemble.translate([source], options: options)[0]
        let expected = try textbook(ensemble, source.tokens, beam: beam, penalties)
        #expect(found.map(\.tokens) == expected.map(\.tokens), "beam \(beam), \(penalties)")
        for (a, b) in zip(found, expected) {
          #expect(
            abs(Double(a.score) - b.score) < 1e-4, "\(a.score) \(b.score) \(shapes) beam \(beam) \(penalties)"
          )
          #expect(abs(Double(a.logProbability) - b.logProbability) < 1e-4)
        }
      }
    }
  }

  @Test("an output that never ends is ended at the limit, and says so")
  func cutOff() throws {
    let corpus = ParallelCorpus(pairs: [.init(source: ["a"], target: ["x", "y", "z", "w", "v", "u"])])
    var sawCutOff = false
    for seed in 1...20 as ClosedRange<UInt64> {
      let model = try TranslationModel(
        .luong(embedding: 4, hidden: 6), corpus: corpus, source: .characters, target: .whitespace, seed: seed)
      // Twice the longest target that was learnt, and ten.
      for hypothesis in try model.translate("aaa") where !hypothesis.isComplete {
        sawCutOff = true
        #expect(hypothesis.tokens.count == 22 && hypothesis.alignment!.count == 23)
        let forced = try model.score([(["a", "a", "a"], hypothesis.tokens)])[0]
        #expect(abs(forced.total - hypothesis.score) < 1e-4)
      }
    }
    #expect(sawCutOff)
  }
}

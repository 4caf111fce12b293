import Foundation
import Seq2Seq
import Testing

@Suite("Ensembles") struct EnsembleTests {
  /// Models of unlike kinds; the last one learnt from sources of other tokens.
  private func models() throws -> [TranslationModel] {
    let pairs = DecodingModels.corpus.pairs
    let other = ParallelCorpus(
      pairs: pairs.map { .init(source: $0.source.filter { $0 != "d" } + ["e", "f"], target: $0.target) })
    return [
      try DecodingModels.model(.luong(embedding: 6, hidden: 10), seed: 1),
      try DecodingModels.model(.bahdanau(embedding: 5, hidden: 7), seed: 2),
      try TranslationModel(
        .plain(embedding: 4, hidden: 6), corpus: other, source: .characters, target: .whitespace, seed: 3),
    ]
  }

  @Test(
    "a target's score is the logarithm of mean probabilities, its alignment the mean of those that there are")
  func forced() throws {
    let models = try models()
    let pairs = [(["a", "d"], ["x", "w"]), (["c"], []), (["b", "b", "a"], ["nothing", "y", "y"])]
      .map { (source: $0.0, target: $0.1) }
    let each = try models.map { try $0.score(pairs) }
    for (pair, score) in try Ensemble(models).score(pairs).enumerated() {
      for (step, found) in score.logProbabilities.enumerated() {
        let mean = each.reduce(0.0) { $0 + exp(Double($1[pair].logProbabilities[step])) } / 3
        #expect(abs(Double(found) - log(mean)) < 1e-5)
      }
      #expect(score.logProbabilities.count == pairs[pair].target.count + 1)
      for (step, row) in try #require(score.alignment).enumerated() {
        for (source, weight) in row.enumerated() {
          let mean = (each[0][pair].alignment![step][source] + each[1][pair].alignment![step][source]) / 2
          #expect(abs(weight - mean) < 1e-6)
        }
      }
    }
  }

  @Test("lists are sorted, and their scores are those of forcing the outputs")
  func scores() throws {
    let models = try models()
    for ensemble in [try Ensemble(models), try Ensemble([models[2], models[0]])] {
      let sources = try DecodingModels.texts.map { try ensemble.read($0) }.filter { !$0.tokens.isEmpty }
      for penalties in DecodingModels.penalties {
        let options = DecodingOptions(beam: 6, penalties: penalties)
        for (source, hypotheses) in zip(sources, try ensemble.translate(sources, options: options)) {
          #expect(hypotheses.count == 6)
          try DecodingTests.expectConsistent(hypotheses, source, ensemble, penalties)
        }
      }
    }
  }

  @Test("a model twice is the model")
  func twice() throws {
    for configuration in DecodingModels.configurations {
      let model = try DecodingModels.model(configuration)
      let sources = try DecodingModels.texts.map { try model.read($0) }
      let alone = try model.translate(sources, beam: 3)
      let twice = try Ensemble([model, model]).translate(sources, options: DecodingOptions(beam: 3))
      #expect(alone.map { $0.map(\.tokens) } == twice.map { $0.map(\.tokens) })
      for (a, b) in zip(alone.joined(), twice.joined()) { #expect(abs(a.score - b.score) < 1e-5) }
    }
  }

  @Test func unknown() throws {
    let ensemble = try Ensemble(models())
    // "d" is unknown to the last, "e" and "f" to the first two, "g" to all.
    #expect(try ensemble.read("adefgb").unknown == ["d", "e", "f", "g"])
    #expect(throws: ModelError.tooLong(tokens: 251, limit: 250)) {
      try ensemble.read(String(repeating: "a", count: 251))
    }
  }

  @Test("models that do not write the same tokens are refused")
  func refused() throws {
    let model = try DecodingModels.model(.luong(embedding: 4, hidden: 6))
    let otherTarget = try TranslationModel(
      .luong(embedding: 4, hidden: 6), corpus: ParallelCorpus(pairs: [.init(source: ["a"], target: ["x"])]),
      source: .characters, target: .whitespace, seed: 1)
    let otherTokens = try TranslationModel(
      .luong(embedding: 4, hidden: 6), corpus: DecodingModels.corpus, source: .whitespace,
      target: .whitespace, seed: 1)
    for (models, part) in [
      ([model, otherTarget], "vocabulary"), ([model, model, otherTokens], "source tokens"),
    ] {
      let error = #expect(throws: ModelError.self) { try Ensemble(models) }
      #expect(error.map { "\($0)".contains(part) } == true)
    }
    #expect(throws: ModelError.self) { try Ensemble([]) }
  }

  @Test func evaluation() throws {
    let models = try models()
    let examples = DecodingModels.corpus.examples
    let together = try Ensemble(models).evaluate(examples, options: DecodingOptions(beam: 2))
    let forced = try Ensemble(models).score(examples.map { ($0.source, $0.targets[0]) })
    let mean = -forced.reduce(0.0) { $0 + Double($1.total) } / 9
    #expect(abs(together.crossEntropy - mean) < 1e-5 && together.examples == 2)
    let alone = try models[0].evaluate(examples, beam: 2)
    var options = DecodingOptions(beam: 2)
    let ofOne = try Ensemble([models[0]]).evaluate(examples, options: options)
    #expect(alone.crossEntropy == ofOne.crossEntropy && alone.tokenErrorRate == ofOne.tokenErrorRate)
    options.beam = 0
    #expect(throws: ModelError.self) { try Ensemble(models).evaluate(examples, options: options) }
  }
}

import Foundation
import Seq2Seq
import Testing

@Suite("Models compared by the length of the source")
struct ModelComparisonTests {
  /// So many examples with sources of each length.
  private func examples(_ counts: [(length: Int, count: Int)]) throws -> [ComparedExample] {
    let pairs = counts.flatMap { length, count in
      (0..<count).map { index in
        ParallelCorpus.Pair(source: ["\(index)"] + Array(repeating: "a", count: length - 1), target: ["b"])
      }
    }
    return try ComparedExample.examples([ParallelCorpus(pairs: pairs)], source: .whitespace)
  }

  @Test func bucketsOfOneWidth() throws {
    let all = try examples([(7, 1), (1, 2), (4, 3), (5, 1)])
    let buckets = try LengthBucket.cut(all, width: 2)
    #expect(buckets.map(\.lengths) == [1...2, 3...4, 5...6, 7...8])
    #expect(buckets.map(\.examples.count) == [2, 3, 1, 1])
    #expect(try LengthBucket.cut(all, width: .max).map(\.examples.count) == [7])
    #expect(try LengthBucket.cut([], width: 2).isEmpty)
    for width in [0, -1, .min] {
      #expect(throws: ModelError.self) { try LengthBucket.cut(all, width: width) }
    }
  }

  @Test("lengths are put together until they are enough, and the longest join those before")
  func bucketsOfEnough() throws {
    // 1,000 examples: at least 100 each.
    let all = try examples([(2, 40), (3, 59), (4, 1), (5, 400), (6, 99), (8, 251), (9, 100), (20, 50)])
    let buckets = LengthBucket.cut(all)
    #expect(buckets.map(\.lengths) == [2...4, 5...5, 6...8, 9...20])
    #expect(buckets.map(\.examples.count) == [100, 400, 350, 150])
    // Of few examples a fifth is enough, and one of a single example.
    #expect(try LengthBucket.cut(examples([(1, 8), (2, 8), (3, 2)])).map(\.lengths) == [1...1, 2...3])
    #expect(try LengthBucket.cut(examples([(3, 1)])).map(\.lengths) == [3...3])
    #expect(LengthBucket.cut([]).isEmpty)
    // Of very many a 25th.
    let many = try LengthBucket.cut(examples((1...50).map { ($0, 100) }))
    #expect(many.count == 25 && many.allSatisfy { $0.examples.count == 200 })
  }

  private func comparison() throws -> (ModelComparison, [LengthBucket], TranslationModel) {
    var trainer = try trainer(pairs: 200)
    for _ in 0..<3 { _ = try trainer.trainEpoch() }
    let plain = try self.plain()
    let corpus = reversals(80, seed: 3)
    let buckets = try LengthBucket.cut(
      ComparedExample.examples([corpus, corpus], source: trainer.model.source), width: 2)
    var fractions: [Double] = []
    let result = try ModelComparison(
      [("attends", trainer.model), ("<plain>", plain)], on: buckets
    ) { fractions.append($1) }
    #expect(fractions == fractions.sorted() && fractions.last == 1)
    return (result, buckets, trainer.model)
  }

  private func plain() throws -> TranslationModel {
    try trainer(.plain(embedding: 8, hidden: 12), pairs: 200).model
  }

  @Test("each bucket is evaluated on its own examples")
  func evaluates() throws {
    let (comparison, buckets, model) = try comparison()
    #expect(comparison.models.map(\.name) == ["attends", "<plain>"])
    for measured in comparison.models { #expect(measured.buckets.map(\.lengths) == [1...2, 3...4, 5...6]) }
    var distinct: Set<Double> = []
    for (bucket, measured) in zip(buckets, comparison.models[0].buckets) {
      let wrong = try bucket.examples.map(\.readings[0]).filter {
        try model.translate([model.read($0.source)])[0][0].tokens != $0.targets[0]
      }
      #expect(measured.evaluation.examples == bucket.examples.count)
      let rate = Double(wrong.count) / Double(bucket.examples.count)
      #expect(abs(measured.evaluation.sequenceErrorRate - rate) < 1e-12)
      distinct.insert(rate)
    }
    #expect(distinct.count > 1)
    let longest = try #require(buckets.last).examples.map(\.readings[0])
    let tokens = longest.map(\.targets[0].count).reduce(0, +)
    let parts = Int((Double(tokens) / Double(longest.count)).rounded())
    #expect(comparison.models[0].gradient == (try model.sourceGradient(longest, parts: parts)))
    let untrained = try trainer(pairs: 200).model
    #expect(
      comparison.models[0].untrainedGradient == (try untrained.sourceGradient(longest, parts: parts)))
    #expect(try JSONDecoder().decode(ModelComparison.self, from: comparison.json()) == comparison)
  }

  @Test("before training, models start alike whatever range their own weights started in")
  func untrainedRanges() throws {
    let corpus = reversals(20, seed: 3)
    let buckets = LengthBucket.cut(try ComparedExample.examples([corpus], source: .characters))
    var shape = ModelConfiguration.luong(embedding: 8, hidden: 12)
    func gradient() throws -> SourceGradient? {
      try ModelComparison([("a", trainer(shape, pairs: 40).model)], on: buckets).models[0].untrainedGradient
    }
    let usual = try #require(try gradient())
    for start in [(0.5, false), (nil, true)] as [(Float?, Bool)] {
      (shape.initialRange, shape.orthogonal) = start
      #expect(try gradient() == usual)
    }
  }

  private static let lines = [
    ("lower low", "newer low"), ("low  low lower", "low"), ("lower  low", "lower"), ("low", "low low"),
  ]
  private static let codes = Subwords.bytePairs(
    BytePairEncoding(learning: [["lower", "lower", "newer", "low"]], merges: 4))

  private func corpus(_ source: Tokenization, _ target: Tokenization) -> ParallelCorpus {
    ParallelCorpus(
      pairs: Self.lines.map {
        .init(
          source: source.tokens(of: $0.0), target: target.tokens(of: $0.1), reference: target.units(of: $0.1))
      })
  }

  private func model(_ source: Tokenization, _ target: Tokenization) throws -> TranslationModel {
    try TranslationModel(
      .luong(embedding: 4, hidden: 6), corpus: corpus(source, target), source: source, target: target, seed: 1
    )
  }

  @Test(
    "lengths are those of the first model's units; lines that a model tells apart are two examples for all")
  func examplesOfSeveralTokenizations() throws {
    let subwords = Tokenization(.whitespace, subwords: Self.codes)
    func read(_ sources: [Tokenization]) throws -> [ComparedExample] {
      try ComparedExample.examples(sources.map { corpus($0, .whitespace) }, source: sources[0])
    }
    #expect(try read([.whitespace]).map(\.length) == [2, 3, 1])
    #expect(try read([subwords, .characters]).map(\.length) == [2, 3, 2, 1])
    #expect(try read([.characters, subwords]).map(\.length) == [9, 14, 10, 3])
    let first = try read([.whitespace, subwords])[0]
    #expect(first.readings.map(\.source) == [["lower", "low"], subwords.tokens(of: "lower low")])
    #expect(first.readings[0].source != first.readings[1].source)
    #expect(first.readings.map(\.targets) == Array(repeating: [["newer", "low"], ["lower"]], count: 2))
    #expect(throws: ModelError.self) {
      try ComparedExample.examples(
        [corpus(subwords, subwords), ParallelCorpus(pairs: [])], source: subwords)
    }
    #expect(try ComparedExample.examples([], source: subwords).isEmpty)
  }

  @Test("each model reads, and is judged by, its own tokens of the same examples")
  func modelsOfDifferentSubwords() throws {
    let subwords = Tokenization(.whitespace, subwords: Self.codes)
    let sides = [(Tokenization.characters, Tokenization.whitespace), (subwords, subwords)]
    let models = try sides.map { try model($0.0, $0.1) }
    let corpora = sides.map { corpus($0.0, $0.1) }
    let buckets = try LengthBucket.cut(
      ComparedExample.examples(corpora, source: .characters), width: .max)
    let comparison = try ModelComparison([("words", models[0]), ("subwords", models[1])], on: buckets)
    for (index, measured) in comparison.models.enumerated() {
      // No two sources are the same characters, so the examples of either corpus are its lines.
      let lines = corpora[index].pairs.map { ParallelCorpus(pairs: [$0]).examples[0] }
      let alone = try models[index].evaluate(lines)
      let found = try #require(measured.buckets.first).evaluation
      #expect(measured.buckets.count == 1 && found.examples == 4)
      #expect(found.tokenErrorRate == alone.tokenErrorRate && found.bleu == alone.bleu)
      #expect(abs(found.crossEntropy - alone.crossEntropy) < 1e-6)
      // Targets of 1.5 words.
      #expect(measured.gradient == (try models[index].sourceGradient(lines, parts: 2)))
    }
  }

  @Test(arguments: [Tokenization.characters, Tokenization(.whitespace, lowercase: true)])
  func targetsMustBeOfTheSameUnits(_ target: Tokenization) throws {
    let (first, other) = (try model(.whitespace, .whitespace), try model(.whitespace, target))
    let corpora = [corpus(.whitespace, .whitespace), corpus(.whitespace, target)]
    let buckets = LengthBucket.cut(try ComparedExample.examples(corpora, source: .whitespace))
    let error = #expect(throws: ModelError.self) {
      try ModelComparison([("a", first), ("b", other)], on: buckets)
    }
    #expect(error.map { "\($0)".hasPrefix("model 2 has another unit of targets (") } == true)
    #expect(throws: ModelError.self) { try ModelComparison([("a", first)], on: buckets) }
  }

  @Test("the picture has every model's line in every chart, named at its end")
  func picture() throws {
    let (comparison, _, _) = try comparison()
    let svg = ComparisonPicture(comparison).svg()
    let texts = try PageReader(svg).texts
    let parts = try #require(comparison.models[0].gradient).ratios.count
    // Two rates of three buckets, and the parts of the sources and the targets.
    #expect(texts["polyline"]?.count == 8 && texts["circle"]?.count == 2 * (3 + 3 + parts + parts))
    for model in comparison.models {
      #expect(texts["text"]?.count { $0 == model.name } == 4)
    }
    let strokes = svg.matches(of: #/<polyline [^>]* stroke="([^"]*)"/#).map { String($0.1) }
    #expect(Set(strokes).count == 2 && strokes[0] == strokes[2] && strokes[0] == strokes[4])
    let rate = comparison.models[0].buckets[1].evaluation.sequenceErrorRate
    let title = "attends, length 3–4: \(String(format: "%.2f %%", 100 * rate))"
    #expect(texts["title"]?.contains(title) == true)
    #expect(texts["text"]?.count { $0 == "3–4" } == 2)
  }

  @Test func aPictureOfNothingIsWellFormed() throws {
    let empty = try ModelComparison([("a", plain())], on: [])
    _ = try PageReader(ComparisonPicture(empty).svg())
    _ = try PageReader(ComparisonPicture(ModelComparison([], on: [])).svg())
  }
}

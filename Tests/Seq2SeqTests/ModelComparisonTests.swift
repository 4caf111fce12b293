import Foundation
import Seq2Seq
import Testing

@Suite("Models compared by the length of the source")
struct ModelComparisonTests {
  /// So many examples with sources of each length.
  private func examples(_ counts: [(length: Int, count: Int)]) -> [ParallelCorpus.Example] {
    let pairs = counts.flatMap { length, count in
      (0..<count).map { index in
        ParallelCorpus.Pair(source: ["\(index)"] + Array(repeating: "a", count: length - 1), target: ["b"])
      }
    }
    return ParallelCorpus(pairs: pairs).examples
  }

  @Test func bucketsOfOneWidth() throws {
    let all = examples([(7, 1), (1, 2), (4, 3), (5, 1)])
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
  func bucketsOfEnough() {
    // 1,000 examples: at least 100 each.
    let all = examples([(2, 40), (3, 59), (4, 1), (5, 400), (6, 99), (8, 251), (9, 100), (20, 50)])
    let buckets = LengthBucket.cut(all)
    #expect(buckets.map(\.lengths) == [2...4, 5...5, 6...8, 9...20])
    #expect(buckets.map(\.examples.count) == [100, 400, 350, 150])
    // Of few examples a fifth is enough, and one of a single example.
    #expect(LengthBucket.cut(examples([(1, 8), (2, 8), (3, 2)])).map(\.lengths) == [1...1, 2...3])
    #expect(LengthBucket.cut(examples([(3, 1)])).map(\.lengths) == [3...3])
    #expect(LengthBucket.cut([]).isEmpty)
    // Of very many a 25th.
    let many = LengthBucket.cut(examples((1...50).map { ($0, 100) }))
    #expect(many.count == 25 && many.allSatisfy { $0.examples.count == 200 })
  }

  private func comparison() throws -> (ModelComparison, [LengthBucket], TranslationModel) {
    var trainer = try trainer(pairs: 200)
    for _ in 0..<3 { _ = try trainer.trainEpoch() }
    let plain = try self.plain()
    let buckets = try LengthBucket.cut(reversals(80, seed: 3).examples, width: 2)
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
      let wrong = try bucket.examples.filter {
        try model.translate([model.read($0.source)])[0][0].tokens != $0.targets[0]
      }
      #expect(measured.evaluation.examples == bucket.examples.count)
      let rate = Double(wrong.count) / Double(bucket.examples.count)
      #expect(abs(measured.evaluation.sequenceErrorRate - rate) < 1e-12)
      distinct.insert(rate)
    }
    #expect(distinct.count > 1)
    let longest = buckets[2]
    let tokens = longest.examples.map(\.targets[0].count).reduce(0, +)
    let parts = Int((Double(tokens) / Double(longest.examples.count)).rounded())
    #expect(comparison.models[0].gradient == (try model.sourceGradient(longest.examples, parts: parts)))
    let untrained = try trainer(pairs: 200).model
    #expect(
      comparison.models[0].untrainedGradient
        == (try untrained.sourceGradient(longest.examples, parts: parts)))
    #expect(try JSONDecoder().decode(ModelComparison.self, from: comparison.json()) == comparison)
  }

  @Test func modelsMustCutTextAlike() throws {
    let corpus = reversals(40, seed: 1)
    let other = try TranslationModel(
      .plain(embedding: 4, hidden: 6), corpus: corpus, source: .whitespace, target: .characters, seed: 1)
    #expect(throws: ModelError.self) {
      try ModelComparison([("a", plain()), ("b", other)], on: LengthBucket.cut(corpus.examples))
    }
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
    let title = "attends, 3–4 tokens: \(String(format: "%.2f %%", 100 * rate))"
    #expect(texts["title"]?.contains(title) == true)
    #expect(texts["text"]?.count { $0 == "3–4" } == 2)
  }

  @Test func aPictureOfNothingIsWellFormed() throws {
    let empty = try ModelComparison([("a", plain())], on: [])
    _ = try PageReader(ComparisonPicture(empty).svg())
    _ = try PageReader(ComparisonPicture(ModelComparison([], on: [])).svg())
  }
}

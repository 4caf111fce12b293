import Foundation
import Seq2Seq
import Testing

private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

@Suite struct EditDistanceTests {
  @Test(arguments: [
    ("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("", "", 0), ("abc", "abc", 0),
    ("abc", "xabcd", 2),
    ("saturday", "sunday", 3), ("ab", "ba", 2),
  ])
  func counts(a: String, b: String, distance: Int) {
    #expect(editDistance(Array(a), Array(b)) == distance)
    #expect(editDistance(Array(b), Array(a)) == distance)
  }
}

@Suite struct BLEUTests {
  /// The scores are those of sacrebleu 2.6.0: `BLEU(tokenize='none', smooth_method='exp', lowercase=False,
  /// effective_order=False).corpus_score(h, [r]).score`
  /// References are parted by a bar.
  private static let sacrebleu: [(hypotheses: [String], references: [String], score: Double)] = [
    (
      ["the cat sat on the mat", "a dog barks at the moon tonight"],
      ["the cat sat on a mat", "the dog barks at the bright moon"], 48.04422172878307
    ),
    // Three orders without a match, and a word that counts only as often as in the reference.
    (["the the the the the the the"], ["the cat is on the mat"], 7.809849842300637),
    // Shorter than the references, and one sentence too short for the higher orders.
    (["a b c d x y", "e f"], ["a b c d e f g", "e f g h"], 36.92701967267332),
    (["a b c x d e", "p q"], ["a b c y d e", "p r"], 35.355339059327385),
    (["", "a b c d"], ["x y", "a b c d"], 60.653065971263366),
    (["a b", "c"], ["a b", "c"], 0),
    (["x"], ["y"], 0),
    // N-grams of several references, and the nearest length, which is 7 and not 1.
    (
      ["the cat sat on the mat", "a dog barks at the moon tonight"],
      [
        "the cat sat on a mat|a cat sat down on the mat",
        "the dog barks at the bright moon|tonight a dog barks at the moon|moon",
      ], 78.14760498905001
    ),
    // A word counts as often as in the reference that has it most often, not as in all of them.
    (
      ["the the the a b", "x y z"], ["the the b|the c a b d|b the a the", "x y|x y z z"], 46.20369476107855
    ),
    // Of two lengths as near the shorter.
    (["a b c d e f"], ["a b c d|a b c d e f g h"], 100.00000000000004),
  ]

  @Test(arguments: sacrebleu)
  func equalsSacrebleu(hypotheses: [String], references: [String], score: Double) {
    var bleu = BLEU()
    for (hypothesis, reference) in zip(hypotheses, references) {
      bleu.add(
        hypothesis: words(hypothesis),
        references: reference.split(separator: "|", omittingEmptySubsequences: false).map {
          words(String($0))
        })
    }
    #expect(abs(bleu.score - score) < 1e-10, "\(bleu.score)")
  }

  @Test func ofNothingIsZero() { #expect(BLEU().score == 0) }
}

@Suite struct EvaluationTests {
  @Test func countsTheNearestTarget() {
    var accumulator = Evaluation.Accumulator()
    accumulator.add(hypothesis: words("a b c d"), targets: [words("x y"), words("a b c d")])
    accumulator.add(hypothesis: words("a b c"), targets: [words("a x c d e"), words("a b d")])
    let evaluation = accumulator.evaluation(crossEntropy: log(8), seconds: 2)
    #expect(evaluation.examples == 2)
    #expect(evaluation.exactMatch == 0.5)
    #expect(evaluation.sequenceErrorRate == 0.5)
    #expect(evaluation.tokenErrorRate == 1.0 / 7)
    #expect(abs(evaluation.perplexity - 8) < 1e-12)
    #expect(evaluation.tokensPerSecond == 3.5)
    var bleu = BLEU()
    bleu.add(hypothesis: words("a b c d"), references: [words("x y"), words("a b c d")])
    bleu.add(hypothesis: words("a b c"), references: [words("a x c d e"), words("a b d")])
    #expect(evaluation.bleu == bleu.score && bleu.score > 50)
  }

  @Test func ofEqualDistancesTheShorterThenTheFirstCounts() {
    var accumulator = Evaluation.Accumulator()
    // Both targets lie one edit away; of length three and one.
    accumulator.add(hypothesis: words("a b"), targets: [words("a b c"), words("a")])
    #expect(accumulator.evaluation(crossEntropy: 0, seconds: 0).tokenErrorRate == 1)
    // Both lie one edit away at the same length.
    let place = accumulator.add(hypothesis: words("a b c"), targets: [words("a b x"), words("a x c")])
    #expect(place == 0)
  }

  @Test func ofNothingIsZero() {
    let evaluation = Evaluation.Accumulator().evaluation(crossEntropy: 0, seconds: 0)
    #expect(evaluation.examples == 0 && evaluation.exactMatch == 0 && evaluation.sequenceErrorRate == 0)
    #expect(evaluation.tokenErrorRate == 0 && evaluation.bleu == 0 && evaluation.tokensPerSecond == 0)
  }

  /// Rows of one hypothesis count as those of several: ln 2 and ½, 0 and 1, 0 and 1.
  @Test func measuresTheAlignments() throws {
    var accumulator = Evaluation.Accumulator()
    accumulator.add(hypothesis: ["a"], targets: [["a"]], alignment: [[0.5, 0.5], [0, 1]])
    accumulator.add(hypothesis: [], targets: [["b"]], alignment: [[1, 0, 0]])
    let evaluation = accumulator.evaluation(crossEntropy: 1, seconds: 2)
    #expect(abs(try #require(evaluation.alignmentEntropy) - log(2) / 3) < 1e-12)
    #expect(abs(try #require(evaluation.alignmentSharpness) - 2.5 / 3) < 1e-12)
    #expect(try JSONDecoder().decode(Evaluation.self, from: evaluation.json()) == evaluation)
  }

  @Test("without attention, and before it was measured, there is nothing of alignments")
  func withoutAlignments() throws {
    var accumulator = Evaluation.Accumulator()
    accumulator.add(hypothesis: ["a"], targets: [["a"]])
    let evaluation = accumulator.evaluation(crossEntropy: 1, seconds: 2)
    #expect(evaluation.alignmentEntropy == nil && evaluation.alignmentSharpness == nil)
    let old = """
      {"examples":1,"exactMatch":1,"sequenceErrorRate":0,"tokenErrorRate":0,"bleu":0,"crossEntropy":1,\
      "perplexity":\(exp(1.0)),"seconds":2,"tokensPerSecond":0.5}
      """
    #expect(try JSONDecoder().decode(Evaluation.self, from: Data(old.utf8)) == evaluation)
  }

  @Test("the alignments measured are those of the outputs, and a plain model has none")
  func ofModels() throws {
    let examples = reversals(40, seed: 4).examples
    let model = try trainer(pairs: 40).model
    let evaluation = try model.evaluate(examples)
    var statistics = AlignmentStatistics()
    for example in examples {
      statistics.add(try #require(try model.translate([model.read(example.source)])[0][0].alignment))
    }
    // Batches of other sources round attention otherwise.
    #expect(abs(try #require(evaluation.alignmentEntropy) - statistics.entropy!) < 1e-5)
    #expect(abs(try #require(evaluation.alignmentSharpness) - statistics.largestWeight!) < 1e-5)
    let plain = try trainer(.plain(embedding: 8, hidden: 12), pairs: 40).model.evaluate(examples)
    #expect(plain.alignmentEntropy == nil && plain.alignmentSharpness == nil)
  }

  @Test func hasTheseKeys() throws {
    var accumulator = Evaluation.Accumulator()
    accumulator.add(hypothesis: ["a"], targets: [["a"]])
    let json = try accumulator.evaluation(crossEntropy: 1, seconds: 2).json()
    let object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "examples", "exactMatch", "sequenceErrorRate", "tokenErrorRate", "bleu", "crossEntropy", "perplexity",
        "seconds", "tokensPerSecond",
      ])
    #expect(object["exactMatch"] as? Double == 1)
  }

  @Test func writesADivergedModelToo() throws {
    let json = try Evaluation.Accumulator().evaluation(crossEntropy: .nan, seconds: 1).json()
    #expect(String(decoding: json, as: UTF8.self).contains(#""perplexity" : "NaN""#))
  }
}

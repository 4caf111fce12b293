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
  ]

  @Test(arguments: sacrebleu)
  func equalsSacrebleu(hypotheses: [String], references: [String], score: Double) {
    var bleu = BLEU()
    for (hypothesis, reference) in zip(hypotheses, references) {
      bleu.add(hypothesis: words(hypothesis), reference: words(reference))
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
    bleu.add(hypothesis: words("a b c d"), reference: words("a b c d"))
    bleu.add(hypothesis: words("a b c"), reference: words("a b d"))
    #expect(evaluation.bleu == bleu.score && bleu.score > 50)
  }

  @Test func ofEqualDistancesTheShorterThenTheFirstCounts() {
    var accumulator = Evaluation.Accumulator()
    // Both targets lie one edit away; of length three and one.
    accumulator.add(hypothesis: words("a b"), targets: [words("a b c"), words("a")])
    #expect(accumulator.evaluation(crossEntropy: 0, seconds: 0).tokenErrorRate == 1)
    // Both lie one edit away at the same length; only the first shares a four-gram with the hypothesis.
    var first = Evaluation.Accumulator()
    first.add(hypothesis: words("a b c d e"), targets: [words("a b c d x"), words("a b x d e")])
    var second = Evaluation.Accumulator()
    second.add(hypothesis: words("a b c d e"), targets: [words("a b x d e"), words("a b c d x")])
    let scores = [first, second].map { $0.evaluation(crossEntropy: 0, seconds: 1).bleu }
    #expect(scores[0] > scores[1])
  }

  @Test func ofNothingIsZero() {
    let evaluation = Evaluation.Accumulator().evaluation(crossEntropy: 0, seconds: 0)
    #expect(evaluation.examples == 0 && evaluation.exactMatch == 0 && evaluation.sequenceErrorRate == 0)
    #expect(evaluation.tokenErrorRate == 0 && evaluation.bleu == 0 && evaluation.tokensPerSecond == 0)
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

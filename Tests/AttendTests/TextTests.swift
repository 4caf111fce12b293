import Foundation
import Seq2Seq
import Testing

/// What `train` cuts text into, and what of it the vocabularies take in.
@Suite struct TextTests {
  @Test func vocabularyLimits() throws {
    try Fixture.with(model: nil) { fixture in
      let limits = ["--max-vocabulary", "8", "--min-count", "2"]
      let train = try Command(fixture.train(["--epochs", "1"] + limits)).run()
      #expect(train.status == 0, "\(train.error)")
      let model = try TranslationModel(contentsOf: URL(filePath: fixture.model))
      #expect(model.sourceVocabulary.count == 8 && model.targetVocabulary.count == 8)
      let resume = fixture.train(["--epochs", "2", "--resume"])
      let refused = try Command(resume + ["--min-count", "1", "--max-vocabulary", "9"]).run()
      #expect(refused.status == 1)
      #expect(refused.error.contains("--max-vocabulary is 9, was 8; --min-count is 1, was 2"))
      #expect(try Command(resume + limits).run().status == 0)
      // The recipe alone gives the same vocabularies again.
      let again = [
        "train", "--train", fixture.data, "--output", fixture.path("again"), "--config",
        fixture.model + "/recipe.json", "--epochs", "1",
      ]
      #expect(try Command(again).run().status == 0)
      let other = try TranslationModel(contentsOf: URL(filePath: fixture.path("again")))
      #expect(other.sourceVocabulary == model.sourceVocabulary)
      #expect(other.targetVocabulary == model.targetVocabulary)
    }
  }
}

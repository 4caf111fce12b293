import Foundation
import Seq2Seq
import Testing

/// What a training leaves in its folder beside the model: a log, a picture, the models of the last epochs.
@Suite struct TrainingFilesTests {
  @Test func theLogOfAResumedTrainingIsThatOfAWholeOne() throws {
    try Fixture.with(model: nil) { fixture in
      func lines(_ folder: String) throws -> [TrainingLog.Line] {
        try TrainingLog.lines(of: URL(filePath: folder).appending(path: TrainingLog.file))
      }
      let more = ["--dev", fixture.data, "--batch", "8", "--log-every", "2"]
      let whole = fixture.path("whole")
      #expect(try Command(fixture.train(more + ["--epochs", "2"], output: whole)).run().status == 0)
      #expect(try Command(fixture.train(more + ["--epochs", "1"])).run().status == 0)
      #expect(try Command(fixture.train(more + ["--epochs", "2", "--resume"])).run().status == 0)
      let (expected, found) = (try lines(whole), try lines(fixture.model))
      #expect(expected.map(\.update) == [2, 4, 5, 6, 8, 10, 10])
      #expect(expected.map(\.event) == [.update, .update, .epoch, .update, .update, .update, .epoch])
      #expect(found.map(\.update) == expected.map(\.update))
      #expect(found.map(\.loss) == expected.map(\.loss))
      #expect(found.map(\.gradientNorm) == expected.map(\.gradientNorm))
      #expect(expected.last?.development != nil)
      let picture = try String(contentsOfFile: fixture.model + "/training.svg", encoding: .utf8)
      #expect(picture.contains("sequences, epoch 2"))
    }
  }

  @Test func theLastEpochsStayAndCanBeAveraged() throws {
    try Fixture.with(model: nil) { fixture in
      let trained = try Command(fixture.train(["--epochs", "4", "--keep-epochs", "2"])).run()
      #expect(trained.status == 0, "\(trained.error)")
      let kept = try FileManager.default.contentsOfDirectory(atPath: fixture.model)
        .filter { $0.hasPrefix("epoch-") }.sorted()
      #expect(kept == ["epoch-3", "epoch-4"])
      let models = kept.flatMap { ["--model", fixture.model + "/" + $0] }
      let output = fixture.path("average")
      let averaged = try Command(["average"] + models + ["--output", output]).run()
      #expect(averaged.status == 0, "\(averaged.error)")
      func weights(_ folder: String) throws -> [[Float]] {
        try TranslationModel(contentsOf: URL(filePath: folder)).network.parameters.map(\.tensor.elements)
      }
      let (third, fourth) = (try weights(fixture.model + "/epoch-3"), try weights(fixture.model + "/epoch-4"))
      #expect(third != fourth)
      // Without dev pairs the last epoch is the best.
      #expect(try weights(fixture.model) == fourth)
      for (mean, both) in zip(try weights(output), zip(third, fourth)) {
        for (found, pair) in zip(mean, zip(both.0, both.1)) {
          #expect(abs(found - (pair.0 + pair.1) / 2) < 1e-6)
        }
      }
      let again = try Command(["average"] + models + ["--output", output]).run()
      #expect(again.status == 1 && again.error.contains("already holds a model"))
      let missing = try Command(["average", "--model", fixture.path("none"), "--output", fixture.path("x")])
        .run()
      #expect(missing.status == 1 && missing.error.contains("none/config.json: no such file"))
    }
  }
}

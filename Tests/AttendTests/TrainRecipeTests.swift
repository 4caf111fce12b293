import Foundation
import Seq2Seq
import Testing

/// Options, files and presets, and what is left of them when a training goes on.
@Suite struct TrainRecipeTests {
  private func recipe(_ folder: String) throws -> Recipe {
    try Recipe().laying(contentsOf: URL(filePath: folder).appending(path: "recipe.json"))
  }

  @Test func optionsReachTheRecipe() throws {
    try Fixture.with(model: nil) { fixture in
      let options = [
        "--optimizer", "adamw", "--weight-decay", "0.05", "--schedule", "cosine", "--warmup", "3",
        "--average-decay", "0.9", "--dev-beam", "2", "--best-by", "bleu", "--accumulate", "2",
        "--batch-tokens", "90", "--epochs", "2", "--dev", fixture.data,
      ]
      let outcome = try Command(fixture.train(options)).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      var expected = Recipe(model: .luong(embedding: 4, hidden: 8), epochs: 2)
      expected.training.optimizer = OptimizerOptions(.adamw)
      expected.training.optimizer.weightDecay = 0.05
      expected.training.schedule = RateSchedule(.cosine, warmup: 3, epochs: 2)
      expected.training.averageDecay = 0.9
      (expected.training.developmentBeam, expected.training.criterion) = (2, .bleu)
      (expected.training.accumulation, expected.training.batchTokens) = (2, 90)
      #expect(try recipe(fixture.model) == expected)

      let over = try Command(fixture.train(options + ["--resume"])).run()
      #expect(over.status == 0 && over.error.contains("the rate has come to its end"), "\(over.error)")
      let more = try Command(fixture.train(["--resume", "--epochs", "3", "--dev", fixture.data])).run()
      #expect(more.status == 1 && more.error.contains("--epochs is 3, was 2"), "\(more.error)")
    }
  }

  @Test("a model's folder stands for its recipe, and is asked for no other file")
  func folderAsConfig() throws {
    try Fixture.with { fixture in
      let output = fixture.path("again")
      let train = ["train", "--train", fixture.data, "--output", output, "--config"]
      let outcome = try Command(train + [fixture.model]).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(try recipe(output) == recipe(fixture.model))
      let empty = fixture.path("empty")
      try FileManager.default.createDirectory(atPath: empty, withIntermediateDirectories: true)
      let refused = try Command(fixture.train(["--config", empty], output: fixture.path("new"))).run()
      #expect(
        refused.status == 1 && refused.error.contains("empty/recipe.json: no such file"), "\(refused.error)")
    }
  }

  /// Whether a decay waits for what dev examples say is for the recipe to tell, wherever it comes from.
  @Test func rateDecayWithoutDev() throws {
    try Fixture.with(model: nil) { fixture in
      let steps = ["--schedule", "step", "--decay-start", "1", "--rate-decay", "0.25", "--epochs", "1"]
      let first = try Command(fixture.train(steps)).run()
      try #require(first.status == 0, "\(first.error)")
      let again = try Command(fixture.train(["--resume", "--rate-decay", "0.25", "--epochs", "2"])).run()
      #expect(again.status == 0, "\(again.error)")
      for (schedule, status) in [("step", Int32(0)), ("plateau", 1)] {
        let file = fixture.path("\(schedule).json")
        try Data(#"{"training": {"schedule": {"shape": "\#(schedule)"}}}"#.utf8).write(
          to: URL(filePath: file))
        let options = ["--config", file, "--rate-decay", "0.25", "--epochs", "1"]
        let outcome = try Command(fixture.train(options, output: fixture.path(schedule))).run()
        #expect(outcome.status == status, "\(outcome.error)")
        #expect(outcome.error.contains("--rate-decay is about how well dev examples do") == (status == 1))
      }
    }
  }

  /// Another optimiser has its own constants and rate, whether an option names it or a file.
  @Test func anotherOptimizerBeginsAnew() throws {
    try Fixture.with(model: nil) { fixture in
      let file = URL(filePath: fixture.model).deletingLastPathComponent().appending(path: "adadelta.json")
      try Data(#"{"training": {"optimizer": {"rule": "adadelta"}}}"#.utf8).write(to: file)
      for options in [["--optimizer", "adadelta"], ["--config", file.path]] {
        let outcome = try Command(fixture.train(["--epochs", "1"] + options)).run()
        #expect(outcome.status == 0, "\(outcome.error)")
        let training = try recipe(fixture.model).training
        #expect(training.optimizer == OptimizerOptions(.adadelta) && training.rate == 1)
        try FileManager.default.removeItem(atPath: fixture.model)
      }
      let outcome = try Command(
        fixture.train(["--epochs", "1", "--config", file.path, "--optimizer", "adam", "--orthogonal"])
      ).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      let last = try recipe(fixture.model)
      #expect(last.training.optimizer == OptimizerOptions(.adam) && last.training.rate == 2e-3)
      #expect(last.model.orthogonal)
    }
  }

  /// A recipe that a training left makes the same model again; options count more than it, and it more than a preset.
  @Test func aFileAndOptionsOverIt() throws {
    try Fixture.with(model: nil) { fixture in
      let first = try Command(
        fixture.train(["--epochs", "1", "--cell", "gru", "--dropout", "0.2", "--optimizer", "sgd"])
      ).run()
      try #require(first.status == 0, "\(first.error)")
      let config = ["--config", fixture.model + "/recipe.json"]
      let base = ["train", "--train", fixture.data, "--epochs", "1", "--quiet"]
      func train(_ name: String, _ more: [String]) throws -> Data {
        let outcome = try Command(base + ["--output", fixture.path(name)] + more).run()
        try #require(outcome.status == 0, "\(outcome.error)")
        return try Data(contentsOf: URL(filePath: fixture.path(name + "/model.safetensors")))
      }
      let whole = try Data(contentsOf: URL(filePath: fixture.model + "/model.safetensors"))
      #expect(try train("same", config) == whole)
      #expect(try train("preset", ["--preset", "luong-2015"] + config) == whole)
      #expect(try train("other", config + ["--cell", "lstm"]) != whole)
      #expect(
        try recipe(fixture.path("other")).model == .luong(cell: .lstm, embedding: 4, hidden: 8, dropout: 0.2))
      #expect(try train("bahdanau", config + ["--model", "bahdanau"]) != whole)
      #expect(
        try recipe(fixture.path("bahdanau")).model == .bahdanau(embedding: 4, hidden: 8, dropout: 0.2))
    }
  }

  /// What a preset of another kind says of parts that the model has no choice of does not stand in its way.
  @Test(arguments: ["luong-2015", "sutskever-2014", "bahdanau-2015"], ["plain", "luong", "bahdanau"])
  func aPresetOfAnotherKind(preset: String, kind: String) throws {
    try Fixture.with(model: nil) { fixture in
      let options = ["--preset", preset, "--model", kind, "--layers", "2", "--epochs", "1"]
      let outcome = try Command(fixture.train(options)).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      let (made, before) = (try recipe(fixture.model), try #require(Recipe.presets[preset]))
      #expect(ModelKind(made.model).rawValue == kind)
      #expect(made.model.dropout == before.model.dropout && made.training == before.training)
    }
  }

  /// A cosine reaches 0 with the last epoch, whether an option, a preset or a file laid over it says which that is.
  @Test func cosinesEndWithTheTraining() throws {
    try Fixture.with(model: nil) { fixture in
      let config = fixture.path("epochs.json")
      try Data(#"{"epochs": 1}"#.utf8).write(to: URL(filePath: config))
      let preset = ["--preset", "luong-small", "--config", config]
      for (name, options, epochs) in [("file", preset, 1), ("option", preset + ["--epochs", "2"], 2)] {
        let outcome = try Command(fixture.train(options, output: fixture.path(name))).run()
        #expect(outcome.status == 0, "\(outcome.error)")
        let made = try recipe(fixture.path(name))
        #expect(made.epochs == epochs && made.training.schedule.epochs == epochs)
      }
      let later = #"{"epochs": 3, "training": {"schedule": {"shape": "cosine", "epochs": 2}}}"#
      try Data(later.utf8).write(to: URL(filePath: config))
      let outcome = try Command(fixture.train(["--config", config])).run()
      #expect(outcome.status == 1)
      #expect(
        outcome.error.contains("--epochs is 3; expected at most the 2 of training.schedule, after which"),
        "\(outcome.error)")
    }
  }

  @Test func presets() throws {
    try Fixture.with(model: nil) { fixture in
      let small = ["--preset", "bahdanau-small", "--epochs", "1"]
      #expect(try Command(fixture.train(small)).run().status == 0)
      var expected = try #require(Recipe.presets["bahdanau-small"])
      (expected.model.embedding, expected.model.hidden, expected.epochs) = (4, 8, 1)
      expected.training.schedule.epochs = 1
      #expect(try recipe(fixture.model) == expected)
      let unknown = try Command(fixture.train(["--preset", "luong-2016"])).run()
      #expect(unknown.status == 64 && unknown.error.contains("- luong-2015"))
    }
  }

  /// What is laid over a saved training and differs is named, whatever it is; what does not, is no contradiction.
  @Test func whatContradictsASavedTraining() throws {
    try Fixture.with(model: ["--layers", "2", "--residual", "--unidirectional", "--seed", "7"]) { fixture in
      let resume = [
        "train", "--resume", "--train", fixture.data, "--output", fixture.model, "--epochs", "2",
      ]
      func refusal(_ more: [String]) throws -> String {
        let outcome = try Command(resume + more).run()
        #expect(outcome.status == 1, "\(more)")
        return outcome.error
      }
      #expect(try refusal(["--hidden", "7"]).contains("other options: --hidden is 7, was 8; leave"))
      #expect(
        try refusal(["--warmup", "5", "--no-input-feeding", "--seed", "8"])
          .contains("--no-input-feeding is true, was false; --warmup is 5, was 0; --seed is 8, was 7"))
      #expect(try refusal(["--model", "plain"]).contains("options: --model is plain, was luong; leave"))
      #expect(try refusal(["--optimizer", "sgd"]).contains("--optimizer is sgd, was adam"))
      #expect(try refusal(["--preset", "luong-small"]).contains("--embedding is 128, was 4"))
      let file = try fixture.file("more.json", Array(#"{"training": {"rate": 0.5}}"#.utf8))
      #expect(try refusal(["--config", file]).contains("--rate is 0.5, was 0.002"))
      #expect(try refusal(["--rate", "nan"]).contains("--rate is nan, was 0.002"))
      let outcome = try Command(resume + ["--residual", "--layers", "2"]).run()
      #expect(outcome.status == 0, "\(outcome.error)")
    }
  }

  @Test func wrongFiles() throws {
    try Fixture.with(model: nil) { fixture in
      for (json, expected) in [
        (#"{"model": {"hidden": 0}}"#, "attend: --hidden is 0; expected"),
        (#"{"training": {"warmup": 3}}"#, "wrong.json: not a recipe (nothing is called 'training.warmup')"),
      ] {
        let file = try fixture.file("wrong.json", Array(json.utf8))
        let outcome = try Command(
          ["train", "--train", fixture.data, "--output", fixture.model, "--config", file]
        ).run()
        #expect(outcome.status == 1 && outcome.error.contains(expected), "\(outcome.error)")
        #expect(!FileManager.default.fileExists(atPath: fixture.model))
      }
    }
  }
}

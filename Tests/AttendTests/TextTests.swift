import Foundation
import Seq2Seq
import Testing

/// What `train` cuts text into, with what `bpe` learnt, and what of it the vocabularies take in.
@Suite struct TextTests {
  @Test func vocabularyLimits() throws {
    try Fixture.with(model: nil) { fixture in
      let limits = ["--source-vocabulary", "9", "--target-vocabulary", "8", "--min-count", "2"]
      let train = try Command(fixture.train(["--epochs", "1"] + limits)).run()
      #expect(train.status == 0, "\(train.error)")
      let model = try TranslationModel(contentsOf: URL(filePath: fixture.model))
      #expect(model.sourceVocabulary.count == 9 && model.targetVocabulary.count == 8)
      let resume = fixture.train(["--epochs", "2", "--resume"])
      let refused = try Command(resume + ["--min-count", "1", "--target-vocabulary", "9"]).run()
      #expect(refused.status == 1)
      #expect(
        refused.error.contains(
          "options: --min-count is 1, was 2; --target-vocabulary is 9, was 8; leave"),
        "\(refused.error)")
      #expect(try Command(resume + limits).run().status == 0)
      // The recipe alone gives the same vocabularies again.
      let again = [
        "train", "--train", fixture.data, "--output", fixture.path("again"), "--config",
        fixture.model + "/recipe.json", "--epochs", "1",
      ]
      #expect(try Command(again).run().status == 0)
      let none = try Command([
        "train", "--train", fixture.data, "--output", fixture.path("none"), "--min-count", "1000000",
      ]).run()
      #expect(none.status == 1)
      #expect(
        none.error.contains("no token of the source stands there 1,000,000 times; take a smaller --min-count")
      )
      let other = try TranslationModel(contentsOf: URL(filePath: fixture.path("again")))
      #expect(other.sourceVocabulary == model.sourceVocabulary)
      #expect(other.targetVocabulary == model.targetVocabulary)
    }
  }

  /// Sentences of words that share their parts.
  private func sentences(_ fixture: Fixture) throws -> String {
    let words = ["low", "lower", "lowest", "new", "newer", "newest", "wide", "wider", "widest"]
    let lines = words.indices.map { index in
      let pair = [words[index], words[(index + 4) % words.count]]
      return "\(pair.joined(separator: " "))\t\(pair.reversed().joined(separator: " ").uppercased())\n"
    }
    return try fixture.file("words.tsv", Array(lines.joined().utf8))
  }

  @Test func subwords() throws {
    try Fixture.with(model: nil) { fixture in
      let data = try sentences(fixture)
      let codes = fixture.path("codes")
      let learnt = try attend("bpe", "--data", data, "--merges", "12", "--lowercase", "--output", codes)
      #expect(learnt.status == 0, "\(learnt.error)")
      #expect(learnt.output == "12 merges in \(codes)\n")
      #expect(try String(contentsOfFile: codes, encoding: .utf8).hasPrefix("#version: 0.2\n"))

      let files = ["train", "--train", data, "--output", fixture.model]
      let cut = ["--source-subwords", codes, "--target-subwords", codes, "--lowercase"]
      let shape = ["--hidden", "24", "--embedding", "8", "--batch", "3", "--rate", "0.01"]
      let train = try Command(files + cut + shape + ["--epochs", "1"]).run()
      #expect(train.status == 0, "\(train.error)")
      let model = try TranslationModel(contentsOf: URL(filePath: fixture.model))
      #expect(model.source.unit == .whitespace && model.source == model.target)
      #expect(model.source.tokens(of: "SLOWEST")[0] == "s@@")

      // What a training goes on with must be what it began with, by its content and not by its name.
      #expect(try Command(files + cut + ["--resume", "--epochs", "2"]).run().status == 0)
      try Data("#version: 0.2\nl o\n".utf8).write(to: URL(filePath: codes))
      let refused = try Command(files + ["--resume", "--epochs", "3", "--source-subwords", codes]).run()
      #expect(refused.status == 1)
      #expect(refused.error.contains("--source-subwords is byte pairs (merges: 1, "), "\(refused.error)")
      #expect(refused.error.contains("), was byte pairs (merges: 12, "))

      // The model is whole without the codes.
      try FileManager.default.removeItem(atPath: codes)
      #expect(try Command(files + ["--resume", "--epochs", "60"]).run().status == 0)
      let output = try Command(["translate", "--model", fixture.model]).run(input: Data("lowest wide\n".utf8))
      #expect(output.output == "wide lowest\n")
      let rates = try Command(["evaluate", "--model", fixture.model, "--data", data, "--json"]).run()
      let evaluation = try JSONDecoder().decode(Evaluation.self, from: Data(rates.output.utf8))
      #expect(evaluation.exactMatch > 0.8 && evaluation.examples == 9)
      let scored = try Command(["score", "--model", fixture.model, "--tokens"])
        .run(input: Data("lower\tslower slow\n".utf8))
      let parts = model.target.tokens(of: "slower slow")
      #expect(parts.count > 2 && scored.output.split(separator: " ").count == parts.count + 2)
      let aligned = try Command(["align", "--model", fixture.model, "--source", "slower"]).run()
      #expect(aligned.status == 0 && aligned.output.hasPrefix("slower → "), "\(aligned.error)")
      #expect(try shell("head -c 9 '\(fixture.model)/source.subwords'").output == "#version:")
    }
  }

  /// Every pair counts, those of the same source too.
  @Test func learnsFromASide() throws {
    try Fixture.with(model: nil) { fixture in
      let data = try fixture.file("words.tsv", Array("ab\txy\tyx\nab\tzz\ncd\tz xy\n".utf8))
      for (side, codes) in [
        ("source", ["a b</w>"]), ("target", ["x y</w>"]), ("both", ["a b</w>", "x y</w>"]),
      ] {
        let file = fixture.path(side)
        let learnt = try attend("bpe", "--data", data, "--side", side, "--output", file)
        #expect(learnt.status == 0, "\(learnt.error)")
        let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(lines == ["#version: 0.2"] + codes)
      }
    }
  }

  /// A recipe names files of subwords, seen from its own folder; the one that a training leaves lies beside them.
  @Test func subwordsOfARecipe() throws {
    try Fixture.with(model: nil) { fixture in
      let data = try sentences(fixture)
      _ = try fixture.file("codes", Array("#version: 0.2\nl o\n".utf8))
      func train(_ name: String, _ config: String) throws -> Command.Outcome {
        try Command([
          "train", "--train", data, "--output", fixture.path(name), "--config", config, "--epochs", "1",
        ]).run()
      }
      let json = #"{"model": {"hidden": 8}, "source": {"unit": "words", "subwords": "codes"}}"#
      let first = try train("first", fixture.file("recipe.json", Array(json.utf8)))
      #expect(first.status == 0, "\(first.error)")
      let again = try train("again", fixture.path("first/recipe.json"))
      #expect(again.status == 0, "\(again.error)")
      for name in ["model.safetensors", "source.subwords", "recipe.json"] {
        let files = ["first", "again"].map { URL(filePath: fixture.path("\($0)/\(name)")) }
        #expect(try Data(contentsOf: files[0]) == Data(contentsOf: files[1]), "\(name)")
      }
      let kept = try String(contentsOfFile: fixture.path("first/recipe.json"), encoding: .utf8)
      #expect(kept.contains(#""subwords" : "source.subwords""#))

      for (json, expected) in [
        (json.replacing("codes", with: "nowhere"), "nowhere: no such file; check the path"),
        (
          json.replacing("words\",", with: "characters\","),
          "--source-tokens is characters; expected whitespace"
        ),
        (json.replacing("\"codes\"", with: "7"), "recipe.json: not a recipe ("),
      ] {
        let wrong = try train("wrong", fixture.file("recipe.json", Array(json.utf8)))
        #expect(wrong.status == 1 && wrong.error.contains(expected), "\(wrong.error)")
      }
    }
  }

  @Test(arguments: [
    (["--merges", "0"], "--merges is 0; expected 1 to"),
    (["--min-count", "0"], "--min-count is 0; expected"),
    (["--tokens", "characters"], "Please provide one of 'whitespace' and 'words'"),
    (["--output", "./x"], "--output is ./x, which --data names too; choose another name"),
  ])
  func options(_ arguments: [String], _ expected: String) throws {
    let outcome = try Command(["bpe", "--data", "x", "--output", "y"] + arguments).run()
    #expect(outcome.status == 64)
    #expect(outcome.notes.first?.contains(expected) == true, "\(outcome.error)")
  }

  @Test func filesThatAreNoCodes() throws {
    try Fixture.with(model: nil) { fixture in
      let characters = try fixture.file("codes", Array("l o\n".utf8))
      let output = fixture.path("learnt")
      for (arguments, expected) in [
        (
          fixture.train(["--source-subwords", fixture.data]), "data.tsv: damaged or of another format (line 1"
        ),
        (fixture.train(["--target-subwords", "nowhere"]), "nowhere: no such file"),
        (
          fixture.train(["--target-subwords", characters, "--target-tokens", "characters"]),
          "--target-tokens is characters; expected whitespace or words, which byte pairs are parts of"
        ),
        (["bpe", "--data", fixture.path("none"), "--output", output], "none: no such file"),
        (
          ["bpe", "--data", fixture.data, "--min-count", "1000000", "--output", output],
          "data.tsv: no two letters stand beside each other 1,000,000 times"
        ),
      ] {
        let outcome = try Command(arguments).run()
        #expect(outcome.status == 1 && outcome.notes.last?.hasPrefix("attend: ") == true)
        #expect(outcome.error.contains(expected), "\(outcome.error)")
      }
      #expect(!FileManager.default.fileExists(atPath: output))
      #expect(!FileManager.default.fileExists(atPath: fixture.model))
    }
  }
}

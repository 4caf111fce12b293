import Foundation
import Seq2Seq
import Testing

/// `compare`.
@Suite struct CompareTests {
  @Test func tablesPictureAndJSON() throws {
    try Fixture.with { fixture in
      let plain = fixture.path("plain")
      let trained = try Command(
        fixture.train(["--epochs", "1", "--model", "plain"], output: plain)
      ).run()
      try #require(trained.status == 0, "\(trained.error)")
      let picture = fixture.path("picture.svg")
      let compare = [
        "compare", "--model", fixture.model, "--model", "no attention=\(plain)", "--data", fixture.data,
      ]
      let outcome = try Command(compare + ["--output", picture]).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.notes == ["picture in \(picture)"])
      #expect(!outcome.output.contains("\u{1B}") && !outcome.output.contains("\r"))
      let tables = outcome.output.split(separator: "\n\n")
      let titles = [
        "sequence error rate, %", "token error rate, %",
        "gradient at each place of the source before training",
        "the same after it", "gradient of each token at its own place",
      ]
      try #require(tables.count == titles.count)
      for (table, title) in zip(tables, titles) {
        #expect(table.hasPrefix(title) && table.contains("model  no attention\n"))
      }
      let told = try Command(compare + ["--json"]).run()
      let models = try JSONDecoder().decode(ModelComparison.self, from: Data(told.output.utf8)).models
      try #require(models.count == 2 && models[0].buckets.count > 1)
      func columns(_ scale: Double, _ values: (ModelComparison.Model) -> [Double]?) -> [[String]] {
        models.map { (values($0) ?? []).map { String(format: "%.2f", scale * $0) } }
      }
      let expected = [
        columns(100) { $0.buckets.map(\.evaluation.sequenceErrorRate) },
        columns(100) { $0.buckets.map(\.evaluation.tokenErrorRate) },
        columns(1000) { $0.untrainedGradient?.sizes }, columns(1000) { $0.gradient?.sizes },
        columns(1) { $0.gradient?.ratios },
      ]
      #expect(Set(expected).count == 5 && expected[2...].allSatisfy { $0[0] != $0[1] })
      for (table, values) in zip(tables, expected) {
        let rows = table.split(separator: "\n").dropFirst(2).map { $0.split(separator: #/ {2,}/#) }
        for (model, column) in zip([-2, -1], values) {
          #expect(rows.map { String($0[$0.count + model]) } == column)
        }
      }
      let lengths = tables[0].split(separator: "\n").dropFirst(2).map {
        $0.split(separator: #/ {2,}/#).prefix(2)
      }
      #expect(
        lengths.map { $0.map { String($0) } }
          == models[0].buckets.map { [$0.label, "\($0.evaluation.examples)"] })
      let svg = try String(contentsOfFile: picture, encoding: .utf8)
      #expect(svg.hasPrefix("<svg") && svg.matches(of: #/<polyline/#).count == 8)

      let json = try Command(compare + ["--json", "--bucket", "10"]).run()
      #expect(json.status == 0, "\(json.error)")
      let comparison = try JSONDecoder().decode(ModelComparison.self, from: Data(json.output.utf8))
      #expect(comparison.models.map(\.name) == ["model", "no attention"])
      for model in comparison.models {
        #expect(model.buckets.reduce(0) { $0 + $1.evaluation.examples } == 40)
        #expect(model.buckets.allSatisfy { $0.lengths.count == 10 })
        #expect(model.gradient?.sentences == model.buckets.last?.evaluation.examples)
        #expect(
          model.buckets.allSatisfy { ($0.evaluation.alignmentEntropy == nil) == (model.name != "model") })
      }
      // On a terminal it says how far it is.
      let screen = try Terminal().run(Command(compare, environment: ["TERM": "xterm"]))
      #expect(screen.contains("comparing") && screen.contains("100 %"))
    }
  }

  @Test(arguments: [
    (["--model", "a/x", "--model", "b/x"], "two models are called x; name one of them: --model name=b/x"),
    (["--model", "x="], "--model is 'x='; expected a folder, or name=folder"),
    (["--model", "=x"], "--model is '=x'; expected"),
    (["--model", "x", "--bucket", "0"], "--bucket is 0; expected at least 1"),
    (["--model", "x", "--output", "x.html"], "--output is x.html; expected a name that ends in .svg"),
    (["--model", "x", "--beam", "0"], "--beam is 0"),
  ])
  func options(_ options: [String], _ expected: String) throws {
    let outcome = try Command(["compare", "--data", "none"] + options).run()
    #expect(outcome.status == 64)
    #expect(outcome.notes.first?.contains(expected) == true, "\(outcome.error)")
  }

  @Test func modelsOfDifferentTokens() throws {
    try Fixture.with { fixture in
      func compare(_ name: String, _ options: [String], first: Bool) throws -> Command.Outcome {
        let other = fixture.path(name)
        let trained = try Command(fixture.train(["--epochs", "1"] + options, output: other)).run()
        try #require(trained.status == 0, "\(trained.error)")
        let models = first ? [other, fixture.model] : [fixture.model, other]
        return try Command(
          ["compare", "--data", fixture.data, "--json", "--bucket", "1000"]
            + models.flatMap { ["--model", $0] }
        ).run()
      }
      for (name, first) in [("words", false), ("more words", true)] {
        let outcome = try compare(name, ["--source-tokens", "words"], first: first)
        #expect(outcome.status == 0, "\(outcome.error)")
        let comparison = try JSONDecoder().decode(ModelComparison.self, from: Data(outcome.output.utf8))
        #expect(comparison.models.map { $0.buckets.map(\.evaluation.examples) } == [[40], [40]])
      }
      let outcome = try compare("other targets", ["--target-tokens", "words"], first: false)
      #expect(outcome.status == 1)
      #expect(
        outcome.error.contains(
          "model 2 has another unit of targets (words, not characters) than model 1; take models that share it"
        ), "\(outcome.error)")
    }
  }

  @Test func aFolderMayHaveTheSignInItsName() throws {
    try Fixture.with { fixture in
      let sign = fixture.path("a=b")
      try FileManager.default.moveItem(atPath: fixture.model, toPath: sign)
      let outcome = try attend("compare", "--model", sign, "--data", fixture.data, "--quiet")
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.output.contains(#/examples +a=b\n/#))
    }
  }
}

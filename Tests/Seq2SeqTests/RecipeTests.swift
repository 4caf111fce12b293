import Foundation
import Seq2Seq
import Testing

@Suite("Recipes")
struct RecipeTests {
  private func laid(_ json: String, over base: Recipe = Recipe()) throws -> Recipe {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "recipe.json")
      try Data(json.utf8).write(to: file)
      return try base.laying(contentsOf: file)
    }
  }

  @Test(
    "what is written reads back the same, and names neither vocabulary",
    arguments: Recipe.presets.keys.sorted())
  func roundTrip(preset: String) throws {
    var recipe = try #require(Recipe.presets[preset])
    recipe.training.seed = .max
    recipe.training.patience = nil
    try recipe.validate()
    try withTemporaryFolder { folder in
      let file = folder.appending(path: Recipe.file)
      try recipe.write(to: file)
      // Over another kind of model, so that nothing comes from there.
      for base in [Recipe(), Recipe(model: .bahdanau(layers: 2, residual: true)), Recipe(model: .plain())] {
        let read = try base.laying(contentsOf: file)
        #expect(read == recipe)
        #expect(read.differences(from: recipe).isEmpty)
      }
      #expect(!(try String(contentsOf: file, encoding: .utf8)).contains("Vocabulary"))
    }
  }

  @Test func aFileNeedNotNameEverything() throws {
    let recipe = try laid(
      #"{"model": {"hidden": 512}, "training": {"schedule": {"warmup": 7}, "patience": null, "seed": 18446744073709551615}}"#
    )
    var expected = Recipe()
    expected.model.hidden = 512
    expected.training.schedule.warmup = 7
    expected.training.patience = nil
    expected.training.seed = .max
    #expect(recipe == expected)
  }

  @Test func anotherKindBeginsFromItsOwnDefaults() throws {
    var base = Recipe()
    base.model.hidden = 64
    let bahdanau = try laid(#"{"model": {"decoder": "bahdanau", "layers": 2}}"#, over: base)
    #expect(bahdanau.model == .bahdanau(layers: 2, hidden: 64))
    #expect(try laid(#"{"model": {"score": null}}"#, over: base).model == .plain(hidden: 64))
    #expect(
      try laid(#"{"model": {"decoder": "luong"}}"#, over: bahdanau).model == .luong(layers: 2, hidden: 64))
    var plain = Recipe(model: .luong(score: .dot, hidden: 64))
    try plain.become(.plain)
    #expect(plain.model == .plain(hidden: 64))
  }

  /// Each side has limits of its own; what stands for neither counts for both, as in recipes of before there were sides.
  @Test func vocabulariesOfASide() throws {
    func limits(_ json: String, over base: Vocabulary.SideLimits = .init()) throws -> Vocabulary.SideLimits {
      try laid(#"{"vocabulary": \#(json)}"#, over: Recipe(vocabulary: base)).vocabulary
    }
    let small = Vocabulary.Limits(minimumCount: 2, maximumSize: 9)
    #expect(
      try limits(#"{"source": {"maximumSize": 9, "minimumCount": 2}}"#)
        == .init(source: small, target: .init()))
    #expect(
      try limits(#"{"maximumSize": 9, "minimumCount": 2}"#) == .init(source: small, target: small))
    #expect(
      try limits(#"{"minimumCount": 2, "maximumSize": 7, "target": {"maximumSize": 9}}"#)
        == .init(source: .init(minimumCount: 2, maximumSize: 7), target: small))
    #expect(
      try limits(#"{"maximumSize": null}"#, over: .init(source: small, target: small))
        == .init(source: .init(minimumCount: 2), target: .init(minimumCount: 2)))
  }

  @Test(arguments: [
    (Vocabulary.SideLimits(source: .init(maximumSize: 3)), "vocabulary.source.maximumSize"),
    (.init(target: .init(maximumSize: 3)), "vocabulary.target.maximumSize"),
    (.init(source: .init(minimumCount: 0)), "vocabulary.source.minimumCount"),
    (.init(target: .init(minimumCount: 0)), "vocabulary.target.minimumCount"),
  ])
  func limitsThatCannotBe(_ limits: Vocabulary.SideLimits, _ option: String) {
    let error = #expect(throws: ModelError.self) { try Recipe(vocabulary: limits).validate() }
    guard case .configuration(option, _, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func differencesAreNamedByTheirPlace() throws {
    var (one, other) = (Recipe(), Recipe())
    (other.model.hidden, other.training.schedule.warmup, other.training.patience) = (64, 3, nil)
    one.training.rate = 0.1
    let found = one.differences(from: other).map { "\($0.path) \($0.here) \($0.there)" }
    #expect(
      found == [
        "model.hidden 128 64", "training.patience 5 none", "training.rate 0.1 0.002",
        "training.schedule.warmup 0 3",
      ])
  }

  @Test(arguments: [
    ("{", "recipe.json: not a recipe"), ("[1]", "it is no object in braces"),
    (#"{"model": {"hiden": 3}}"#, "nothing is called 'model.hiden'"),
    (#"{"optimizer": "adam"}"#, "nothing is called 'optimizer'"),
    (#"{"vocabulary": {"size": 9}}"#, "nothing is called 'vocabulary.size'"),
    (#"{"model": {"hidden": "many"}}"#, "'hidden' is of the wrong type"),
    (#"{"training": 7}"#, "'training' is of the wrong type"),
    (#"{"training": {"schedule": {"shape": "square"}}}"#, "square"),
  ])
  func wrongFilesAreNamed(_ json: String, _ expected: String) {
    let error = #expect(throws: RecipeError.self) { try laid(json) }
    #expect(error.map { "\($0)".contains(expected) } == true, "\(String(describing: error))")
  }

  @Test func aMissingFileIsNamed() {
    let error = #expect(throws: RecipeError.self) {
      try Recipe().laying(contentsOf: URL(filePath: "/nowhere/recipe.json"))
    }
    #expect(error.map { "\($0)" } == "/nowhere/recipe.json: no such file; check the path")
  }
}

import Foundation
import Seq2Seq
import Testing

@Suite("Unknown words") struct UnknownReplacementTests {
  @Test("an unknown word becomes the source's that was looked at most, or what the dictionary says")
  func copies() throws {
    var replaced = 0
    for configuration in DecodingModels.configurations where configuration.score != nil {
      let model = try DecodingModels.model(configuration)
      let source = try model.read("abcd")
      let plain = try model.translate([source], beam: 12)[0]
      let dictionary = ["a": "eh", "c": "sea", "x": "never"]
      for words in [[:], dictionary] {
        let options = DecodingOptions(beam: 12, unknown: UnknownReplacement(dictionary: words))
        for (before, after) in zip(plain, try model.translate([source], options: options)[0]) {
          #expect(before.unknown == after.unknown && before.score == after.score)
          #expect(before.unknown == before.tokens.indices.filter { before.tokens[$0] == "<unk>" })
          var expected = before.tokens
          for place in before.unknown {
            let weights = try #require(before.alignment)[place]
            let word = source.tokens[weights.indices.max { weights[$0] < weights[$1] }!]
            expected[place] = words[word] ?? word
            replaced += 1
          }
          #expect(after.tokens == expected && after.text == expected.joined(separator: " "))
        }
      }
    }
    #expect(replaced > 20)
  }

  @Test("what was written without looking at any word stays unknown")
  func beyondALocalWindow() throws {
    var shape = ModelConfiguration.luong(embedding: 6, hidden: 10)
    shape.window = .monotonic(radius: 1)
    let options = DecodingOptions(beam: 12, unknown: UnknownReplacement())
    var (copied, left) = (0, 0)
    for hypothesis in try (1...10).flatMap({
      try DecodingModels.model(shape, seed: $0).translate("a", options: options)
    }) {
      for place in hypothesis.unknown {
        let looked = try #require(hypothesis.alignment)[place].contains { $0 > 0 }
        #expect(hypothesis.tokens[place] == (looked ? "a" : "<unk>"))
        (copied, left) = looked ? (copied + 1, left) : (copied, left + 1)
      }
    }
    #expect(copied > 0 && left > 0, "\(copied) copied, \(left) left")
  }

  /// What a model wrote from `slower é`, with `?` for unknown, each of which looked at one token of the source.
  struct Case: CustomTestStringConvertible, Sendable {
    let source: Tokenization
    let target: Tokenization
    var dictionary: [String: String] = [:]
    let written: [String]
    let looked: [Int]
    let tokens: [String]
    let text: String
    let units: [String]

    var testDescription: String { "\(written) of \(source.subwords == nil) to \(target.subwords == nil)" }

    /// Cuts `slower` into `s@@ lower`; the other into `slow@@ e@@ r`.
    static let codes = Subwords.bytePairs(
      BytePairEncoding(
        learning: [["lower", "lower", "newer", "newer", "wider"], ["low", "low"]], merges: 6))
    static let others = Subwords.bytePairs(
      BytePairEncoding(learning: [["slow", "slowx", "slowx"]], merges: 3))
    static let subwords = Tokenization(.whitespace, subwords: codes)
    static let otherSubwords = Tokenization(.whitespace, subwords: others)

    static let all = [
      // The same subwords: what is copied goes on with what stands beside it; the dictionary knows whole words.
      Case(
        source: subwords, target: subwords, written: ["a@@", "?", "?", "b"], looked: [0, 2],
        tokens: ["a@@", "s@@", "é", "b"], text: "asé b", units: ["asé", "b"]),
      Case(
        source: subwords, target: subwords, dictionary: ["slower": "lent", "s@@": "never"],
        written: ["a@@", "?", "?", "?"], looked: [0, 1, 2], tokens: ["a@@", "lent", "lent", "é"],
        text: "a lent é", units: ["a", "lent", "é"]),
      // Others: the whole word, once, and by itself.
      Case(
        source: subwords, target: otherSubwords, written: ["a@@", "?", "?", "b@@", "c"], looked: [0, 1],
        tokens: ["a@@", "slower", "slower", "b@@", "c"], text: "a slower bc", units: ["a", "slower", "bc"]),
      Case(
        source: .whitespace, target: subwords, written: ["?", "x", "?", "?"], looked: [0, 0, 1],
        tokens: ["slower", "x", "slower", "é"], text: "slower x slower é",
        units: ["slower", "x", "slower", "é"]),
      // In a target of words every token is one.
      Case(
        source: subwords, target: .words, dictionary: ["é": "the one"], written: ["?", "?", "?"],
        looked: [0, 1, 2], tokens: ["slower", "slower", "the one"], text: "slower slower the one",
        units: ["slower", "slower", "the one"]),
      Case(
        source: .characters, target: .characters, written: ["?", "?", "a"], looked: [0, 7],
        tokens: ["s", "é", "a"], text: "séa", units: ["s", "é", "a"]),
    ]
  }

  @Test("between tokens of all kinds", arguments: Case.all)
  func kinds(_ example: Case) {
    let source = example.source.tokens(of: "slower é")
    let unknown = example.written.indices.filter { example.written[$0] == "?" }
    var alignment = example.written.map { _ in source.map { _ in Float(0) } }
    for (place, looked) in zip(unknown, example.looked) { alignment[place][looked] = 1 }
    let words = UnknownWords(
      UnknownReplacement(dictionary: example.dictionary), source: example.source, target: example.target)
    let found = words.replaced(example.written, at: unknown, source: source, alignment: alignment)
    #expect(found.tokens == example.tokens)
    #expect(example.target.text(of: found.tokens, words: found.words) == example.text)
    #expect(example.target.units(of: found.tokens, words: found.words) == example.units)
  }

  @Test func needsAttention() throws {
    let model = try DecodingModels.model(.plain(embedding: 4, hidden: 6))
    #expect(throws: ModelError.noAlignment) {
      try model.translate("a", options: DecodingOptions(unknown: UnknownReplacement()))
    }
  }

  @Test func dictionary() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "words.tsv")
      try Data("Haus\thouse\nhaus\thome\nden\tthe one\n".utf8).write(to: file)
      let words = try UnknownReplacement(dictionaryAt: file, lowercase: true).dictionary
      #expect(words == ["haus": "house", "den": "the one"])
      #expect(try UnknownReplacement(dictionaryAt: file, lowercase: false).dictionary.count == 3)
      try Data("Haus\n".utf8).write(to: file)
      #expect(throws: CorpusError.self) { try UnknownReplacement(dictionaryAt: file, lowercase: true) }
    }
  }
}

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

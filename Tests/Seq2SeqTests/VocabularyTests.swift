import Foundation
import Seq2Seq
import Testing

@Suite struct VocabularyTests {
  private let vocabulary = Vocabulary(counting: [["b", "a", "c", "a"], ["é", "b", "Z"]])

  @Test func ordersByCountThenScalars() {
    #expect(
      (0..<vocabulary.count).map(vocabulary.token(at:)) == ["<unk>", "<s>", "</s>", "a", "b", "Z", "c", "é"])
    #expect(Vocabulary.unknown == 0 && Vocabulary.start == 1 && Vocabulary.end == 2)
  }

  @Test func leavesOutRareTokens() {
    let sentences = [["a", "a", "a", "b", "b", "c"]]
    #expect(Vocabulary(counting: sentences, limits: .init(minimumCount: 2)).count == 5)
    #expect(Vocabulary(counting: sentences, limits: .init(maximumSize: 4)).decode([3]) == ["a"])
    #expect(Vocabulary(counting: sentences, limits: .init(maximumSize: 4)).count == 4)
    #expect(Vocabulary(counting: sentences, limits: .init(maximumSize: 1)).count == 3)
    #expect(Vocabulary(counting: [[String]]()).count == 3)
  }

  @Test func encodesAndDecodes() {
    let ids = vocabulary.encode(["a", "é", "nowhere", "Z"])
    #expect(ids == [3, 7, Vocabulary.unknown, 5])
    #expect(vocabulary.decode(ids) == ["a", "é", "<unk>", "Z"])
    #expect(vocabulary.decode([Vocabulary.start, 3, 4, Vocabulary.end, 5]) == ["a", "b"])
  }

  @Test func textCannotReachTheReservedIds() throws {
    let tokens = ["<s>", "</s>", "<unk>"]
    let ids = Vocabulary(counting: [tokens]).encode(tokens)
    #expect(Set(ids) == [3, 4, 5])
    #expect(Vocabulary(counting: [tokens]).decode(ids) == tokens)
    #expect(vocabulary.encode(["<s>"]) == [Vocabulary.unknown])
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("vocabulary.json")
      try Vocabulary(counting: [tokens]).write(to: file)
      #expect(try Vocabulary(contentsOf: file).encode(tokens) == ids)
    }
  }

  @Test func survivesAFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("vocabulary.json")
      try vocabulary.write(to: file)
      let first = try Data(contentsOf: file)
      #expect(try Vocabulary(contentsOf: file) == vocabulary)
      try Vocabulary(contentsOf: file).write(to: file)
      #expect(try Data(contentsOf: file) == first)
    }
  }

  @Test(arguments: [
    (#"{"reserved": ["<unk>", "<s>", "</s>"], "tokens": ["a", "b"#, "JSON"),
    (#"{"reserved": ["<unk>", "<s>", "</s>"], "tokens": ["a", "b", "a"]}"#, "'a' stands twice"),
    (#"{"reserved": ["<s>", "</s>"], "tokens": ["a"]}"#, "reserved tokens"),
    (#"{"tokens": ["a"]}"#, "'reserved' is missing"),
    (#"{"reserved": ["<unk>", "<s>", "</s>"], "tokens": [1]}"#, "wrong type"),
    ("", "JSON"),
  ])
  func refusesADamagedFile(content: String, problem: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("vocabulary.json")
      try Data(content.utf8).write(to: file)
      let error = #expect(throws: CheckpointError.self) { try Vocabulary(contentsOf: file) }
      let text = try #require(error).description
      #expect(text.contains(file.path) && text.contains(problem), "\(text)")
    }
  }

  @Test func refusesAMissingFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("none.json")
      #expect(throws: CheckpointError.missing(file: file.path)) { try Vocabulary(contentsOf: file) }
      #expect(throws: CheckpointError.unreadable(file: folder.path, reason: "it is a directory")) {
        try Vocabulary(contentsOf: folder)
      }
    }
  }
}

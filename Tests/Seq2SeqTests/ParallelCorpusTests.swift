import Foundation
import Seq2Seq
import Testing

@Suite struct ParallelCorpusTests {
  /// Reads a corpus file of these bytes; `check` gets the file's path too.
  private func read(
    _ bytes: some Sequence<UInt8>, maximumLength: Int = 10, longPairs: ParallelCorpus.LongPairs = .refuse,
    _ check: (Result<ParallelCorpus, CorpusError>, String) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("corpus.tsv")
      try Data(bytes).write(to: file)
      let result = Result { () throws(CorpusError) in
        try ParallelCorpus(
          contentsOf: file, source: .characters, target: .whitespace, maximumLength: maximumLength,
          longPairs: longPairs)
      }
      try check(result, file.path)
    }
  }

  @Test func readsPairsAndMergesExamples() throws {
    try read("ab\tA B\tA C\ncd\tC\nab\tA C\tA D\n".utf8) { result, _ in
      let corpus = try result.get()
      #expect(
        corpus.pairs.map(\.source) == [["a", "b"], ["a", "b"], ["c", "d"], ["a", "b"], ["a", "b"]])
      #expect(corpus.pairs.map(\.target) == [["A", "B"], ["A", "C"], ["C"], ["A", "C"], ["A", "D"]])
      #expect(corpus.examples.map(\.source) == [["a", "b"], ["c", "d"]])
      #expect(corpus.examples.map(\.targets) == [[["A", "B"], ["A", "C"], ["A", "D"]], [["C"]]])
      #expect(ParallelCorpus(pairs: corpus.pairs).examples == corpus.examples)
    }
  }

  @Test(arguments: ["a\tX\né\tY", "a\tX\r\né\tY\r\n", "\u{FEFF}a\tX\né\tY\n", "\n\r\n  \na\tX\n\n\né\tY\n\n"])
  func acceptsLineEndsAndByteOrderMarks(text: String) throws {
    try read(text.utf8) { result, _ in
      let pairs = try result.get().pairs
      #expect(pairs.map(\.source) == [["a"], ["é"]])
      #expect(pairs.map(\.target) == [["X"], ["Y"]])
    }
  }

  /// The error is the one that `error` makes of the file's path, and its text names place and remedy.
  private func expectFailure(
    _ bytes: some Sequence<UInt8>, _ error: (String) -> CorpusError, place: String, remedy: String
  ) throws {
    try read(bytes) { result, file in
      #expect(throws: error(file)) { try result.get() }
      let text = error(file).description
      #expect(text.hasPrefix(file + place) && text.contains(remedy) && !text.contains("\n"), "\(text)")
    }
  }

  @Test func namesTheLineOfAMistake() throws {
    try expectFailure(
      "a\tX\n\nb Y\n".utf8, { .noTab(file: $0, line: 3) }, place: ":3:", remedy: "source TAB target")
    try expectFailure(
      "\tX\n".utf8, { .emptySentence(file: $0, line: 1, side: .source) }, place: ":1:", remedy: "the source")
    try expectFailure(
      "a\tX\t\r\n".utf8, { .emptySentence(file: $0, line: 1, side: .target) }, place: ":1:",
      remedy: "the target")
    try expectFailure(
      "a\t \n".utf8, { .emptySentence(file: $0, line: 1, side: .target) }, place: ":1:", remedy: "the target")
    try expectFailure(
      Array("a\tX\nb\t".utf8) + [0xC3, 0x28, 0x0A], { .invalidUTF8(file: $0, line: 2) }, place: ":2:",
      remedy: "iconv")
    try expectFailure(
      "abcdefghijk\tX".utf8, { .tooLong(file: $0, line: 1, side: .source, length: 11, limit: 10) },
      place: ":1:",
      remedy: "raise the limit to 11")
    try expectFailure(
      "a\t1 2 3 4 5 6 7 8 9 0 1 2".utf8,
      { .tooLong(file: $0, line: 1, side: .target, length: 12, limit: 10) },
      place: ":1:", remedy: "12 tokens, the limit is 10")
  }

  @Test func leavesOutWhatIsTooLong() throws {
    // Two targets of a long source, a long one of three targets, and both sides as long as may be.
    let text = "abc\tX Y Z\n\nabcd\tX\tY\nab\tX\t1 2 3 4 5\tZ\na\tX\n"
    try read(text.utf8, maximumLength: 3, longPairs: .leaveOut) { result, _ in
      let corpus = try result.get()
      #expect(corpus.pairs.map { $0.source.joined() } == ["abc", "ab", "ab", "a"])
      #expect(corpus.pairs.map(\.target) == [["X", "Y", "Z"], ["X"], ["Z"], ["X"]])
      #expect(corpus.examples.map { $0.source.joined() } == ["abc", "ab", "a"])
      let leftOut = try #require(corpus.leftOut)
      #expect(leftOut.count == 3 && leftOut.firstLine == 3 && leftOut.limit == 3)
      #expect(leftOut.lengths == 4...5)
    }
    try read(text.utf8, maximumLength: 5, longPairs: .leaveOut) { result, _ in
      let corpus = try result.get()
      #expect(corpus.pairs.count == 7 && corpus.leftOut == nil)
    }
  }

  /// What is left out is still read: another mistake in its line is found.
  @Test func leavesOutNoMistakes() throws {
    try read("a\tX\nabcd\tX\t\n".utf8, maximumLength: 3, longPairs: .leaveOut) { result, file in
      #expect(throws: CorpusError.emptySentence(file: file, line: 2, side: .target)) { try result.get() }
    }
  }

  @Test func refusesAFileOfWhichNothingIsLeft() throws {
    try read("abcde\tX\nabcd\tX Y\n".utf8, maximumLength: 3, longPairs: .leaveOut) { result, file in
      let error = CorpusError.allTooLong(file: file, shortest: 4, limit: 3)
      #expect(throws: error) { try result.get() }
      #expect(error.description.hasPrefix("\(file): every pair is longer than 3 tokens; "))
      #expect(error.description.hasSuffix("raise the limit to 4 at least"))
    }
    try read("\n".utf8, longPairs: .leaveOut) { result, file in
      #expect(throws: CorpusError.empty(file: file)) { try result.get() }
    }
  }

  @Test(arguments: ["", "\n\r\n \n", "\u{FEFF}"])
  func refusesAnEmptyFile(text: String) throws {
    try expectFailure(text.utf8, { .empty(file: $0) }, place: ":", remedy: "source TAB target")
  }

  @Test func refusesAMissingFileAndADirectory() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("none.tsv")
      #expect(throws: CorpusError.missing(file: file.path)) {
        try ParallelCorpus(contentsOf: file, source: .words, target: .words, maximumLength: 9)
      }
      #expect(throws: CorpusError.unreadable(file: folder.path, reason: "it is a directory")) {
        try ParallelCorpus(contentsOf: folder, source: .words, target: .words, maximumLength: 9)
      }
    }
  }
}

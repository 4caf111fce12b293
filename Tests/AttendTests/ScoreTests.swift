import Foundation
import Testing

@Suite struct ScoreTests {
  private func columns(_ line: Substring) -> [String] {
    line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
  }

  /// What translate shows of its outputs is what they score when they are given, with penalties too.
  @Test(arguments: [
    [], ["--length-penalty", "0.8"], ["--length-penalty", "1", "--coverage-penalty", "0.2"],
  ])
  func isWhatTranslateShows(penalties: [String]) throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let sources = ["1 May 2000", "Thursday the 24th of February 2033", "5"]
      let translated = try Command(
        ["translate", "--model", fixture.model, "--n-best", "4"] + penalties
      ).run(input: Data(sources.joined(separator: "\n").utf8))
      let lists = translated.output.split(separator: "\n").map { columns($0) }
      try #require(lists.count == 12)
      let pairs = lists.enumerated().map { "\(sources[$0 / 4])\t\($1[2])\n" }
      let scored = try Command(["score", "--model", fixture.model] + penalties)
        .run(input: Data(pairs.joined().utf8))
      #expect(scored.status == 0 && scored.error.isEmpty, "\(scored.error)")
      let scores = scored.output.split(separator: "\n").compactMap { Double($0) }
      try #require(scores.count == 12)
      for (score, row) in zip(scores, lists) {
        #expect(abs(score - (Double(row[1]) ?? .nan)) < 1e-4)
      }
      for first in [0, 4, 8] {
        #expect(scores[first..<first + 4].elementsEqual(scores[first..<first + 4].sorted(by: >)))
      }
    }
  }

  /// Unknown tokens too, whatever tokens are.
  @Test(arguments: ["characters", "words", "whitespace"])
  func unknownTokensScoreAsTranslateShows(unit: String) throws {
    let few = ["--target-tokens", unit, "--target-vocabulary", "6"]
    try Fixture.with(model: Fixture.learnt + few) { fixture in
      let sources = ["1 May 2000", "Thursday the 24th of February 2033"]
      let translated = try attend(
        "translate", "--model", fixture.model, "--n-best", "5", input: sources.joined(separator: "\n"))
      let lists = translated.output.split(separator: "\n").map { columns($0) }
      try #require(lists.count == 10)
      #expect(lists.contains { $0[2].contains("<unk>") }, "\(translated.output)")
      let pairs = lists.enumerated().map { "\(sources[$0 / 5])\t\($1[2])\n" }
      let scored = try attend("score", "--model", fixture.model, input: pairs.joined())
      let scores = scored.output.split(separator: "\n", omittingEmptySubsequences: false).map { Double($0) }
      for (score, row) in zip(scores, lists) {
        // The model may end at once; an empty target is scored too.
        #expect(abs((score ?? .nan) - (Double(row[1]) ?? .nan)) < 1e-4, "\(row)")
      }
    }
  }

  @Test func severalTargetsAndTokens() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let line = "1 May 2000\t2000-05-01\t2000\n"
      let scores = try attend("score", "--model", fixture.model, input: line)
      let each = columns(scores.output.dropLast()).compactMap { Double($0) }
      #expect(each.count == 2 && each.allSatisfy { $0 < 0 })
      let tokens = try attend("score", "--model", fixture.model, "--tokens", input: line)
      for (column, (score, count)) in zip(columns(tokens.output.dropLast()), zip(each, [11, 5])) {
        let numbers = column.split(separator: " ").compactMap { Double($0) }
        #expect(numbers.count == count + 1 && numbers[0] == score)
        #expect(abs(numbers.dropFirst().reduce(0, +) - score) < 1e-4)
      }
    }
  }

  @Test func badLinesLeaveTheOthers() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let long = String(repeating: "1", count: 251)
      let input = Data("1 May\t2000\nno tab\n\n1\t\(long)\n".utf8) + [0xFF, 0x0A] + Data("日\t本\n".utf8)
      let outcome = try Command(["score", "--model", fixture.model]).run(input: input)
      #expect(outcome.status == 1)
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.map(\.isEmpty) == [false, true, true, true, true, false, true])
      #expect(outcome.notes.count == 6)
      #expect(outcome.notes[0].hasPrefix("attend: standard input:2: no TAB"))
      #expect(outcome.notes[1].hasPrefix("attend: standard input:4: the sentence has 251 tokens"))
      #expect(outcome.notes[2].hasPrefix("attend: standard input:5: not UTF-8"))
      #expect(outcome.error.contains("1 token in 1 sentence of the sources of standard input"))
      #expect(outcome.error.contains("1 token in 1 sentence of the targets of standard input"))
      #expect(outcome.notes[5] == "attend: 3 of 6 lines could not be scored; see above")
    }
  }

  @Test func coverageNeedsAttention() throws {
    try Fixture.with(model: ["--model", "plain"]) { fixture in
      for command in ["score", "translate"] {
        let outcome = try attend(
          command, "--model", fixture.model, "--coverage-penalty", "0.1", input: "1\t2\n")
        #expect(outcome.status == 1 && outcome.error.contains("has no attention"), "\(outcome.error)")
      }
    }
  }
}

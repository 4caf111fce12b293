import Foundation
import Testing

@Suite struct TranslateTests {
  @Test func linesInLinesOut() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let input = "1 May 2000\n\n2 May 2000\r\n3 May 2000"
      let outcome = try attend("translate", "--model", fixture.model, input: input)
      #expect(outcome.status == 0)
      #expect(outcome.error.isEmpty, "\(outcome.error)")
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count == 5, "four lines and what follows the last line end")
      #expect(lines.enumerated().filter { $0.element.isEmpty }.map(\.offset) == [1, 4])
    }
  }

  @Test func byteOrderMark() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let plain = try attend("translate", "--model", fixture.model, input: "1 May 2000\n2 May 2000\n")
      let marked = try attend(
        "translate", "--model", fixture.model, input: "\u{FEFF}1 May 2000\n2 May 2000\n")
      #expect(marked.output == plain.output && marked.status == 0)
      #expect(marked.error.isEmpty, "\(marked.error)")
      #expect(try attend("translate", "--model", fixture.model, input: "\u{FEFF}").output.isEmpty)
      // It is a mark at the very beginning alone.
      let inside = try attend(
        "translate", "--model", fixture.model, input: "1 May 2000\n\u{FEFF}2 May 2000\n")
      #expect(inside.error.contains("1 token in 1 sentence of standard input is unknown"))
    }
  }

  /// A line of several pieces, with line ends before and after it in the same ones, is one line.
  @Test func lineOfManyPieces() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let long = String(repeating: "1", count: 200_000)
      let input = "1 May 2000\n\(long)\n2 May 2000\n"
      let outcome = try attend("translate", "--model", fixture.model, input: input)
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.map(\.isEmpty) == [false, true, false, true])
      #expect(
        outcome.notes.first?.hasPrefix("attend: standard input:2: the sentence has 200000 tokens") == true)
    }
  }

  /// More lines than one batch takes come out in their order.
  @Test func order() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let dates = (1...300).map { "\($0 % 28 + 1) May \(1900 + $0)" }
      let input = dates.joined(separator: "\n")
      let together = try attend("translate", "--model", fixture.model, input: input)
      let lines = together.output.split(separator: "\n", omittingEmptySubsequences: false)
      try #require(lines.count == 301)
      for index in [0, 127, 128, 299] {
        let alone = try attend("translate", "--model", fixture.model, input: dates[index])
        #expect(alone.output == lines[index] + "\n")
      }
    }
  }

  @Test func nBest() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let input = "1 May 2000\n\n"
      let outcome = try attend("translate", "--model", fixture.model, "--n-best", "3", input: input)
      #expect(outcome.status == 0)
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.count == 5)
      let columns = lines.prefix(3).map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
      #expect(columns.map { $0.first } == ["1", "2", "3"])
      #expect(columns.allSatisfy { $0.count == 3 })
      let scores = columns.compactMap { Double($0[1]) }
      #expect(scores.count == 3 && scores == scores.sorted(by: >) && scores.allSatisfy { $0 < 0 })
      #expect(lines[3].isEmpty)
    }
  }

  /// Draws repeat, and a line draws the same wherever the batches end; another seed draws others.
  @Test func sampling() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let input = String(repeating: "1 May 2000\n", count: 300)
      func draw(_ more: String...) throws -> [Substring] {
        let outcome = try Command(
          ["translate", "--model", fixture.model, "--sample", "--temperature", "1.5"] + more
        ).run(input: Data(input.utf8))
        #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
        // An output may be empty.
        return outcome.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      }
      let drawn = try draw()
      #expect(drawn.count == 300 && Set(drawn).count > 100)
      #expect(try draw("--seed", "1") == drawn)
      #expect(try draw("--seed", "2") != drawn)
      // With two a line the first batch is half as long; the first draw of a line is among its two.
      let pairs = try draw("--n-best", "2").map {
        $0.split(separator: "\t", omittingEmptySubsequences: false)
      }
      try #require(pairs.count == 600)
      for (index, text) in drawn.enumerated() {
        #expect(pairs[2 * index...2 * index + 1].contains { $0.last == text })
      }
      #expect(try Set(draw("--top-k", "1")).count == 1)
    }
  }

  /// Two models answer with one output, which is neither's to score alone; models of other tokens are refused.
  @Test func ensemble() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let second = fixture.path("second")
      let trained = try Command(
        fixture.train(Fixture.learnt + ["--seed", "2", "--model", "bahdanau"], output: second)
      )
      .run()
      try #require(trained.status == 0, "\(trained.error)")
      func run(_ models: [String], _ more: String...) throws -> Command.Outcome {
        try Command(["translate", "--n-best", "2"] + models.flatMap { ["--model", $0] } + more)
          .run(input: Data("1 May 2000\n".utf8))
      }
      let both = try run([fixture.model, second])
      #expect(both.status == 0 && both.error.isEmpty, "\(both.error)")
      let outputs = try [both, run([fixture.model]), run([second])].map(\.output)
      #expect(Set(outputs).count == 3 && outputs.allSatisfy { $0.split(separator: "\n").count == 2 })
      let twice = try run([fixture.model, fixture.model])
      #expect(twice.output.split(separator: "\t").last == outputs[1].split(separator: "\t").last)

      let other = fixture.path("other")
      let file = try fixture.file("other.tsv", "a\tb\nc\td\n".utf8)
      _ = try attend("train", "--train", file, "--output", other, "--hidden", "8", "--epochs", "1")
      let refused = try run([fixture.model, other])
      #expect(
        refused.status == 1
          && refused.error.contains("model 2 has another target vocabulary than model 1; take"),
        "\(refused.error)")
    }
  }

  /// What a model knows it writes as it did; the dictionary is read, and its mistakes are named.
  @Test func copyUnknown() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      func run(_ more: String...) throws -> Command.Outcome {
        try Command(["translate", "--model", fixture.model] + more).run(input: Data("1 May 2000\n".utf8))
      }
      let words = try fixture.file("words.tsv", "May\t05\n".utf8)
      let plain = try run()
      #expect(try run("--copy-unknown").output == plain.output)
      #expect(try run("--copy-unknown", "--dictionary", words).output == plain.output)
      let bad = try run("--copy-unknown", "--dictionary", fixture.file("bad.tsv", "May\n".utf8))
      #expect(bad.status == 1 && bad.error.contains("bad.tsv:1: no TAB"), "\(bad.error)")
    }
  }

  /// Rounded weights give a line too, with a score of its own; what is no precision is refused with those that there are.
  @Test func precision() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      func run(_ precision: String...) throws -> Command.Outcome {
        try Command(["translate", "--model", fixture.model, "--n-best", "1"] + precision, environment: [:])
          .run(input: Data("1 May 2000\n".utf8))
      }
      let plain = try run()
      #expect(try run("--precision", "float32").output == plain.output)
      for precision in ["bfloat16", "int8"] {
        let outcome = try run("--precision", precision)
        #expect(outcome.status == 0 && outcome.error.isEmpty, "\(outcome.error)")
        #expect(outcome.output.hasPrefix("1\t-") && outcome.output != plain.output)
      }
      let refused = try run("--precision", "fp16")
      #expect(refused.status != 0 && refused.error.contains("'float32', 'bfloat16' or 'int8'"))
    }
  }

  @Test func unknownTokensAreCounted() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let outcome = try attend("translate", "--model", fixture.model, input: "日 May\n日本\n1 May 2000\n")
      #expect(outcome.status == 0)
      #expect(outcome.output.split(separator: "\n").count == 3)
      #expect(outcome.notes.count == 1)
      #expect(outcome.error.contains("3 tokens in 2 sentences of standard input are unknown to the model"))
      #expect(outcome.error.contains("\"日\", \"本\""))
    }
  }

  @Test func badLinesLeaveTheOthers() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let long = String(repeating: "1", count: 251)
      let input = Data("1 May 2000\n\(long)\n".utf8) + [0xFF, 0x0A] + Data("2 May 2000\n".utf8)
      let outcome = try Command(["translate", "--model", fixture.model]).run(input: input)
      #expect(outcome.status == 1)
      let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.map(\.isEmpty) == [false, true, true, false, true])
      #expect(outcome.notes.count == 3)
      #expect(outcome.notes[0].hasPrefix("attend: standard input:2: the sentence has 251 tokens"))
      #expect(outcome.notes[1].hasPrefix("attend: standard input:3: not UTF-8"))
      #expect(outcome.notes[2] == "attend: 2 of 4 lines could not be translated; see above")
    }
  }

  /// A line is answered before the next one is written.
  @Test func answersAtOnce() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let process = Command(["translate", "--model", fixture.model]).process()
      let (input, output) = (Pipe(), Pipe())
      process.standardInput = input
      process.standardOutput = output
      try process.run()
      for date in ["1 May 2000\n", "2 May 2000\n"] {
        try input.fileHandleForWriting.write(contentsOf: Data(date.utf8))
        var answer = pollfd(
          fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&answer, 1, 60_000) == 1, "no answer within a minute")
        guard answer.revents & Int16(POLLIN) != 0 else { break }
        #expect(output.fileHandleForReading.availableData.last == UInt8(ascii: "\n"))
      }
      try input.fileHandleForWriting.close()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }

  @Test func aReaderThatGoesAwayIsNoCrash() throws {
    try Fixture.with(model: Fixture.learnt) { fixture in
      let process = Command(["translate", "--model", fixture.model]).process()
      let (input, output, error) = (Pipe(), Pipe(), Pipe())
      process.standardInput = input
      process.standardOutput = output
      process.standardError = error
      try output.fileHandleForReading.close()
      try process.run()
      try input.fileHandleForWriting.write(contentsOf: Data("1 May 2000\n".utf8))
      try input.fileHandleForWriting.close()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      #expect(process.terminationStatus == 141)
      #expect(try error.fileHandleForReading.readToEnd() ?? Data() == Data())
    }
  }
}

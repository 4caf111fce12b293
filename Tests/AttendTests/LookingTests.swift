import Foundation
import Testing

/// `evaluate`, `align`, `info`, and the progress on a terminal.
@Suite struct LookingTests {
  @Test func evaluationAsJSON() throws {
    try Fixture.with { fixture in
      let arguments = ["evaluate", "--model", fixture.model, "--data", fixture.data]
      let outcome = try Command(arguments + ["--json", "--beam", "2"]).run()
      #expect(outcome.status == 0)
      let object = try #require(
        try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double])
      #expect(
        object.keys.sorted() == [
          "alignmentEntropy", "alignmentSharpness", "bleu", "crossEntropy", "exactMatch", "examples",
          "perplexity", "seconds", "sequenceErrorRate",
          "tokenErrorRate", "tokensPerSecond",
        ])
      #expect(object["examples"] == 40)
      let table = try Command(arguments).run().output
      #expect(table.contains("examples              40\n"))
      #expect(table.split(separator: "\n").count == 11)
    }
  }

  @Test func unknownTokensOfAFile() throws {
    try Fixture.with { fixture in
      let file = try fixture.file("new.tsv", Array("日 May\t2000\t二千\n1 May\tx000\n".utf8))
      let outcome = try attend("evaluate", "--model", fixture.model, "--data", file, "--json")
      #expect(outcome.status == 0)
      #expect(
        outcome.notes == [
          "attend: 1 token in 1 sentence of the sources of \(file) is unknown to the model: \"日\"",
          "attend: 3 tokens in 2 sentences of the targets of \(file) are unknown to the model: "
            + "\"二\", \"千\", \"x\"",
        ])
    }
  }

  @Test func unknownTokensOfAnAlignment() throws {
    try Fixture.with { fixture in
      let align = ["align", "--model", fixture.model, "--source", "日 May", "--target"]
      let outcome = try Command(align + ["200x"]).run()
      #expect(outcome.status == 0)
      #expect(
        outcome.notes == [
          "attend: 1 token in 1 sentence of --source is unknown to the model: \"日\"",
          "attend: 1 token in 1 sentence of --target is unknown to the model: \"x\"",
        ])
      #expect(try Command(align + ["2000"]).run().notes.count == 1)
    }
  }

  @Test func alignment() throws {
    try Fixture.with { fixture in
      let file = fixture.path("picture.svg")
      let outcome = try attend(
        "align", "--model", fixture.model, "--source", "1 May", "--target", "2000", "--output", file)
      #expect(outcome.status == 0)
      let lines = outcome.output.split(separator: "\n")
      #expect(lines[0] == "1 May → 2000")
      #expect(lines[1].trimmingCharacters(in: .whitespaces) == "1 ␣ M a y")
      let heads = lines[2...].map { $0.prefix(5).trimmingCharacters(in: .whitespaces) }
      #expect(heads.prefix(5) == ["2", "0", "0", "0", "</s>"])
      #expect(!outcome.output.contains("\u{1B}"), "colour without a terminal")
      #expect(try String(contentsOfFile: file, encoding: .utf8).hasPrefix("<svg"))
    }
  }

  @Test func anUnknownTokenIsOneRow() throws {
    try Fixture.with { fixture in
      let outcome = try attend(
        "align", "--model", fixture.model, "--source", "1 May", "--target", "2<unk>0")
      #expect(outcome.status == 0, "\(outcome.error)")
      let heads = outcome.output.split(separator: "\n")[2...].map {
        $0.prefix(5).trimmingCharacters(in: .whitespaces)
      }
      #expect(heads.prefix(4) == ["2", "<unk>", "0", "</s>"], "\(outcome.output)")
      #expect(outcome.error.contains("1 token in 1 sentence of --target is unknown to the model: \"<unk>\""))
    }
  }

  @Test func severalAlignments() throws {
    try Fixture.with { fixture in
      let (page, drawing) = (fixture.path("page.HTML"), fixture.path("picture.svg"))
      let align = ["align", "--model", fixture.model]
      let given = ["--source", "1 May", "--target", "2000", "--source", "2 May", "--target", "20"]
      let options = try Command(align + given + ["--output", page]).run()
      #expect(options.status == 0, "\(options.error)")
      let html = try String(contentsOfFile: page, encoding: .utf8)
      #expect(html.hasPrefix("<!DOCTYPE html>") && html.matches(of: #/<section/#).count == 2)
      #expect(html.contains("<title>What \(fixture.model) looked at</title>"))

      let lines = try Command(align + ["--output", drawing]).run(
        input: Data("1 May\t2000\n\n2 May\t20\r\n".utf8))
      #expect(lines.status == 0, "\(lines.error)")
      #expect(lines.output == options.output)
      #expect(lines.output.contains("1 May → 2000\n") && lines.output.contains("2 May → 20\n"))
      #expect(try String(contentsOfFile: drawing, encoding: .utf8).matches(of: #/<g /#).count == 2)

      // A line without a target is translated, as `translate` does it.
      let own = try Command(align).run(input: Data("1 May\n".utf8))
      let translated = try Command(["translate", "--model", fixture.model]).run(input: Data("1 May\n".utf8))
      #expect(own.output.hasPrefix("1 May → \(translated.output)\n"))
    }
  }

  @Test(arguments: [
    (["--source", "1", "--source", ""], "", "--source number 2 holds no token"),
    ([], "\n \n", "no text to look at; give it with --source, or as lines of standard input"),
    ([], "1 May\n\u{0}\tx\n\t2000\n", "standard input:3 holds no token"),
    ([], "1\n" + String(repeating: "1", count: 300), "standard input:2: the sentence has 300 tokens"),
  ])
  func alignmentNamesWhatItCannotRead(_ options: [String], _ input: String, _ expected: String) throws {
    try Fixture.with { fixture in
      let outcome = try Command(["align", "--model", fixture.model] + options).run(input: Data(input.utf8))
      #expect(outcome.status == 1)
      #expect(outcome.notes.last?.hasPrefix("attend: \(expected)") == true, "\(outcome.error)")
    }
  }

  @Test(arguments: [
    (["--output", "x.png"], "--output is x.png; expected a name that ends in .svg or .html"),
    (["--output", "svg"], "--output is svg; expected"),
    (
      ["--target", "y", "--target", "z"],
      "--source is given 1 time, --target 2 times; give a target for every"
    ),
  ])
  func alignmentOptions(_ options: [String], _ expected: String) throws {
    let outcome = try Command(["align", "--model", "none", "--source", "x"] + options).run()
    #expect(outcome.status == 64)
    #expect(outcome.notes.first?.contains(expected) == true, "\(outcome.error)")
  }

  @Test func alignmentNeedsAttention() throws {
    try Fixture.with(model: ["--model", "plain"]) { fixture in
      let outcome = try attend("align", "--model", fixture.model, "--source", "1 May")
      #expect(outcome.status == 1)
      #expect(outcome.notes.count == 1)
      #expect(outcome.error.hasPrefix("attend: the model has no attention and therefore no alignment;"))
    }
  }

  @Test func alignmentNeedsASource() throws {
    try Fixture.with { fixture in
      let empty = try attend("align", "--model", fixture.model, "--source", "")
      #expect(empty.status == 1)
      #expect(empty.error.contains("--source holds no token"))
      let long = try attend("align", "--model", fixture.model, "--source", String(repeating: "1", count: 300))
      #expect(long.status == 1)
      #expect(long.error.contains("the sentence has 300 tokens; this model takes at most 250"))
    }
  }

  @Test func colourOnATerminalAlone() throws {
    try Fixture.with { fixture in
      let align = ["align", "--model", fixture.model, "--source", "1 May", "--target", "2"]
      let terminal = ["TERM": "xterm-256color", "NO_COLOR": ""]
      let coloured = try Terminal().run(Command(align, environment: terminal))
      #expect(coloured.contains("\u{1B}[48;5;"))
      let plain = try Terminal().run(Command(align, environment: terminal.merging(["NO_COLOR": "1"]) { $1 }))
      #expect(plain.contains("1 May → 2"))
      #expect(!plain.contains("\u{1B}"))
    }
  }

  /// A picture that is wider than the terminal is cut into several; what goes elsewhere stays whole.
  @Test func alignmentOnANarrowTerminal() throws {
    try Fixture.with { fixture in
      let align = ["--model", fixture.model, "--source", "1 May 1 May 1 May 1 May 1", "--target", "2000"]
      let command = Command(["align"] + align, environment: ["TERM": "xterm", "NO_COLOR": "1"])
      let whole = Self.picture(try command.run().output)
      #expect(whole.parts == 1 && whole.width == 4 + 1 + 2 * 25)
      // Two columns for each of 25 tokens, beside labels of four: nine of them in a part.
      let cut = Self.picture(try Terminal(columns: 24).run(command))
      #expect(cut.parts == 3 && cut.width == 4 + 1 + 2 * 9)
    }
  }

  /// How many parts the picture below the first line has, and how many columns the widest of its lines.
  private static func picture(_ shown: String) -> (parts: Int, width: Int) {
    let lines = shown.split(whereSeparator: \.isNewline).dropFirst()
    return (lines.count { $0.hasPrefix("</s>") }, lines.map(\.count).max() ?? 0)
  }

  /// The bar is rewritten in place and never reaches the last column.
  @Test(arguments: [24, 50, 80]) func bar(_ columns: Int) throws {
    try Fixture.with(pairs: 300, model: nil) { fixture in
      let train = fixture.train(["--epochs", "2", "--batch", "4"])
      let screen = try Terminal(columns: columns).run(Command(train, environment: ["TERM": "xterm"]))
      let bars = screen.unicodeScalars.split(separator: "\r").map { String($0) }
        .filter { $0.hasPrefix("epoch") && $0.contains("%") && $0.hasSuffix("\u{1B}[K") }
      #expect(!bars.isEmpty)
      #expect(bars.allSatisfy { $0.dropLast(3).count < columns })
      #expect(bars.contains { $0.contains("█") } == (columns == 80))
    }
  }

  @Test func information() throws {
    let outcome = try attend("info", "--threads", "3")
    #expect(outcome.status == 0)
    let expected = [
      "CPU", "instruction sets", "set in use", "threads           3", "attend", "Swift compiler", "system",
    ]
    for name in expected {
      #expect(outcome.output.contains(name))
    }
    let scalar = try attend("info", environment: ["CKERNELS_ISA": "scalar"])
    #expect(scalar.output.contains("set in use        scalar"))
  }
}

import Attention
import Foundation
import Seq2Seq
import Testing

@Suite struct AlignmentPictureTests {
  private func lines(_ picture: AlignmentPicture, colour: Bool = false) -> [String] {
    picture.terminal(colour: colour).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test func drawsPlainText() throws {
    let picture = try AlignmentPicture(
      source: ["ab", "c"], target: ["x", "日本"], weights: [[1, 0], [0.5, 0.21]])
    #expect(
      lines(picture) == [
        "     a   ",
        "     b c ",
        "   x @@  ",
        "日本 ++::",
        "     0   ..::--==++**##%%@@ 1",
        "",
      ])
  }

  /// Where the terminal is narrow, the source goes on below, under the same rows.
  @Test func wideSentencesAreCut() throws {
    let picture = try AlignmentPicture(
      source: ["a", "b", "c", "d", "e"], target: ["x", "long"],
      weights: [[1, 0, 0, 0, 0], [0, 0.5, 0, 0, 1]])
    let cut = picture.terminal(colour: false, columns: 9).split(
      separator: "\n", omittingEmptySubsequences: false)
    #expect(
      cut.map(String.init) == [
        "    a b ", "  x @@  ", "lo…   ++", "", "    c d ", "  x     ", "lo…     ", "", "    e ", "  x   ",
        "lo… @@", "",
      ])
    for columns in [4, 5, 9, 14, 15, 29, 80] {
      let lines = picture.terminal(colour: false, columns: columns).split(separator: "\n")
      #expect(lines.allSatisfy { $0.count <= columns }, "\(columns): \(lines)")
    }
    #expect(picture.terminal(colour: false, columns: 29) == picture.terminal(colour: false))
  }

  @Test func longLabelsLeaveRoom() throws {
    let picture = try AlignmentPicture(
      source: ["a", "b"], target: ["unforgettable", "日本語日本語"], weights: [[1, 0], [0, 1]])
    #expect(
      picture.terminal(colour: false, columns: 12).split(separator: "\n").map(String.init) == [
        "      a b ", "unfo… @@  ", "日本…   @@",
      ])
  }

  @Test func severalPictures() throws {
    let picture = try AlignmentPicture(source: ["a"], target: ["x"], weights: [[1]])
    let svg = [picture, picture].svg()
    #expect(try PageReader(svg).texts["title"] == ["a → x: 1.0000", "a → x: 1.0000"])
    // The second stands below the first, and the document is as high as both.
    let heights = try [picture.svg(), svg].map { try #require($0.firstMatch(of: /height="([0-9.]+)"/)).1 }
    #expect(Double(heights[1]) == 2 * Double(heights[0])!)
    #expect(svg.contains("translate(0 \(heights[0]))"))
    #expect([picture].svg() == picture.svg())
  }

  @Test func colourIsOnlyInColour() throws {
    let picture = try AlignmentPicture(source: ["a", "b"], target: ["x"], weights: [[0, 1]])
    #expect(!picture.terminal(colour: false).contains("\u{1B}"))
    let row = lines(picture, colour: true)[1]
    #expect(row == "x \u{1B}[48;5;233m  \u{1B}[48;5;230m  \u{1B}[0m")
  }

  @Test func oddWeightsAreDrawnAsTheNearestEnd() throws {
    let picture = try AlignmentPicture(
      source: ["a", "b", "c", "d"], target: ["x"], weights: [[.nan, -1, 7, .infinity]])
    #expect(lines(picture)[1] == "x     @@@@")
    #expect(picture.svg().contains("c → x: 7.0000"))
  }

  @Test func controlCharactersAreShownNotObeyed() throws {
    let tokens = ["\u{1B}[2J", " ", "\n", "\u{7F}\u{85}", "\u{202E}", "\u{301}", "\u{FFFE}", "\r\n"]
    let picture = try AlignmentPicture(
      source: tokens, target: tokens, weights: tokens.map { _ in tokens.map { _ in 0 } })
    for text in [picture.terminal(colour: false), picture.svg()] {
      #expect(
        text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
      )
      #expect(text.contains("␛") && text.contains("␣") && text.contains("␊") && text.contains("␡"))
      #expect(!text.unicodeScalars.contains("\u{202E}") && !text.unicodeScalars.contains("\u{FFFE}"))
    }
  }

  @Test func refusesWeightsThatDoNotFit() {
    #expect(throws: AttentionError.self) { try AlignmentPicture(source: ["a"], target: ["x"], weights: []) }
    #expect(throws: AttentionError.self) {
      try AlignmentPicture(source: ["a"], target: ["x"], weights: [[1, 2]])
    }
  }

  @Test func anEmptySentenceIsAPictureToo() throws {
    let empty = try AlignmentPicture(source: [], target: [], weights: [])
    #expect(lines(empty) == [" 0   ..::--==++**##%%@@ 1", ""])
    #expect(try PageReader(empty.svg()).texts["title"] == nil)
  }

  @Test func svgHoldsTokensAndTitles() throws {
    let picture = try AlignmentPicture(
      source: ["<s>", "a&b"], target: ["\"]]>", " ", "👍🏽"], weights: [[1, 0], [0.25, 0.5], [0.125, 0]])
    let elements = try PageReader(picture.svg()).texts
    #expect(elements["text"] == ["source", "target", "<s>", "a&b", "\"]]>", "␣", "👍🏽", "0", "1"])
    #expect(
      elements["title"] == [
        "<s> → \"]]>: 1.0000", "a&b → \"]]>: 0.0000", "<s> → ␣: 0.2500", "a&b → ␣: 0.5000", "<s> → 👍🏽: 0.1250",
        "a&b → 👍🏽: 0.0000",
      ])
  }

  /// The fills of the cells of one row of rising weights, as luminance.
  @Test func svgShadesFromWhiteToDark() throws {
    let weights = (0...20).map { Float($0) / 20 }
    let picture = try AlignmentPicture(source: weights.map { _ in "a" }, target: ["x"], weights: [weights])
    let fills = picture.svg().matches(of: /fill="#([0-9a-f]{6})" stroke="#e5e5ea"/).map {
      Int($0.1, radix: 16)!
    }
    #expect(fills.count == 21 && fills[0] == 0xFFFFFF)
    let luminances = fills.map {
      0.2126 * Double($0 >> 16) + 0.7152 * Double($0 >> 8 & 255) + 0.0722 * Double($0 & 255)
    }
    #expect(zip(luminances, luminances.dropFirst()).allSatisfy { $0 > $1 + 2 }, "\(luminances)")
    #expect(luminances[20] < 50)
  }
}

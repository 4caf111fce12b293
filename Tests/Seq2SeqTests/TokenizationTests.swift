import Foundation
import Seq2Seq
import Testing

@Suite struct TokenizationTests {
  @Test func charactersAreGraphemeClusters() {
    let text = "e\u{301} 👩‍👩‍👧 x"
    let tokens = Tokenization.characters.tokens(of: text)
    #expect(tokens == ["e\u{301}", " ", "👩‍👩‍👧", " ", "x"])
    #expect(Tokenization.characters.text(of: tokens) == text)
  }

  @Test func whitespaceKeepsWhatStandsBetween() {
    let tokens = Tokenization.whitespace.tokens(of: "  Don't\tgo,\u{3000}she said. ")
    #expect(tokens == ["Don't", "go,", "she", "said."])
    #expect(Tokenization.whitespace.text(of: tokens) == "Don't go, she said.")
  }

  @Test func wordsPartPunctuation() {
    let words = Tokenization.words
    #expect(words.tokens(of: "Don't go, 3rd!?") == ["Don", "'", "t", "go", ",", "3rd", "!", "?"])
    #expect(words.tokens(of: "na\u{308}ive हिन्दी") == ["na\u{308}ive", "हिन्दी"])
    #expect(words.tokens(of: "日本語。x") == ["日本語", "。", "x"])
    #expect(words.text(of: ["a", ",", "b"]) == "a , b")
  }

  @Test(arguments: Tokenization.Unit.allCases)
  func emptyTextHasNoTokens(unit: Tokenization.Unit) {
    #expect(Tokenization(unit).tokens(of: "") == [])
    #expect(Tokenization(unit).text(of: []) == "")
    #expect(Tokenization(unit).tokens(of: " \u{A0}\t") == (unit == .characters ? [" ", "\u{A0}", "\t"] : []))
  }

  @Test func lowercase() {
    #expect(Tokenization(.whitespace, lowercase: true).tokens(of: "ÀB STRASSE") == ["àb", "strasse"])
    #expect(Tokenization(.whitespace).tokens(of: "ÀB") == ["ÀB"])
  }

  /// What a model wrote, whose text is cut into the same tokens again.
  @Test(arguments: [
    (Tokenization.characters, ["2", "<unk>", "<unk>", " ", "5", "<", "<unk>", ">"]),
    (.words, ["<unk>", "go", ",", "<unk>", "<", "<unk>", "<unk>"]),
    (Tokenization(.words, lowercase: true), ["a", "<unk>", "3rd"]),
    (.whitespace, ["<unk>", "go,", "<unk>"]),
    // A token of the data, and none that is unknown.
    (.whitespace, ["<unk>s", "x<unk>"]),
    (Self.withBytePairs(.whitespace), ["low@@", "<unk>", "l@@", "o@@", "<unk>", "<unk>", "l@@", "o@@", "w"]),
    (Self.withBytePairs(.words), ["low@@", "<unk>", "<unk>", ",", "<unk>"]),
  ])
  func anUnknownTokenIsOneAgain(_ tokenization: Tokenization, _ tokens: [String]) {
    let text = tokenization.text(of: tokens)
    #expect(tokenization.outputTokens(of: text) == tokens, "\(text)")
    #expect(tokenization.outputTokens(of: "") == [])
  }

  /// Text to learn from has no unknown tokens, whatever it says.
  @Test func textOfACorpusIsCutAsAnyOther() {
    #expect(Tokenization.characters.tokens(of: "<unk>") == ["<", "u", "n", "k", ">"])
    #expect(Tokenization.words.tokens(of: "a<unk>") == ["a", "<", "unk", ">"])
    #expect(Tokenization.whitespace.tokens(of: "a <unk>") == ["a", "<unk>"])
  }

  /// Codes that make `low` within a word and not at its end.
  private static func withBytePairs(_ unit: Tokenization.Unit) -> Tokenization {
    Tokenization(
      unit,
      subwords: .bytePairs(
        BytePairEncoding(learning: [["lowa", "lowb", "lowc"]], merges: 2)))
  }

  @Test func survivesJSON() throws {
    let tokenization = Tokenization(.words, lowercase: true)
    let data = try JSONEncoder().encode(tokenization)
    #expect(try JSONDecoder().decode(Tokenization.self, from: data) == tokenization)
  }
}

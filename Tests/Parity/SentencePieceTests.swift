import Foundation
import Seq2Seq
import Testing

/// Pieces as libsentencepiece's own programs make them (make_sentencepiece_fixture.py).
@Suite("What SentencePiece makes")
struct SentencePieceTests {
  private struct Fixture: Decodable {
    struct Case: Decodable {
      let text: String
      let pieces: [String]
      let decoded: String
    }
    let model: Data
    let cases: [Case]
  }

  private func withModel(_ body: (Fixture, URL) throws -> Void) throws {
    let file = try #require(
      Bundle.module.url(forResource: "sentencepiece", withExtension: "json", subdirectory: "Fixtures"))
    let fixture = try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let model = folder.appending(path: "small.model")
    try fixture.model.write(to: model)
    try body(fixture, model)
  }

  #if SentencePiece
    @Test func pieces() throws {
      try withModel { fixture, file in
        let tokenization = Tokenization(.whitespace, subwords: try Subwords(contentsOf: file))
        #expect(fixture.cases.count == 13)
        for example in fixture.cases {
          let pieces = tokenization.tokens(of: example.text)
          #expect(pieces == example.pieces)
          #expect(tokenization.text(of: pieces) == example.decoded)
          #expect(tokenization.units(of: pieces) == Tokenization.whitespace.tokens(of: example.text))
        }
        #expect(tokenization.tokens(of: "") == [] && tokenization.text(of: []) == "")
        // What no text gives, but a model may say.
        #expect(tokenization.text(of: ["▁th", "never seen", "", "e"]).hasPrefix("th"))
      }
    }

    @Test func staysWithItsModel() throws {
      try withModel { fixture, file in
        let text = Tokenization(.whitespace, lowercase: true, subwords: try Subwords(contentsOf: file))
        let pair = ParallelCorpus.Pair(
          source: text.tokens(of: "the house"), target: text.tokens(of: "la maison"))
        let model = try TranslationModel(
          .luong(embedding: 4, hidden: 6), corpus: ParallelCorpus(pairs: [pair]), source: text,
          target: .words, seed: 1)
        let folder = file.deletingLastPathComponent().appending(path: "model")
        try model.write(to: folder)
        #expect(try Data(contentsOf: folder.appending(path: "source.subwords")) == fixture.model)
        #expect(try TranslationModel(contentsOf: folder).source == text)
        let json = try JSONEncoder().encode(text)
        #expect(try JSONDecoder().decode(Tokenization.self, from: json) == text)
        // What is copied into a place for a word is a word, not a piece of one.
        let options = DecodingOptions(beam: 12, unknown: UnknownReplacement())
        let copies = try model.translate("The house", options: options)
          .flatMap { output in output.unknown.map { output.tokens[$0] } }
        #expect(!copies.isEmpty && copies.allSatisfy(["the", "house"].contains), "\(copies)")
      }
    }

    /// Whatever the other side is cut into, whole source words are copied, as text and as words of their own.
    @Test func unknownWordsAreCopiedWhole() throws {
      try withModel { _, file in
        let model = try Subwords(contentsOf: file)
        let codes = Subwords.bytePairs(BytePairEncoding(learning: [["newer", "newer", "lower"]], merges: 3))
        let (whitespace, words) = (
          Tokenization(.whitespace, subwords: model), Tokenization(.words, subwords: model)
        )
        let bytePairs = Tokenization(.whitespace, subwords: codes)

        /// What stands for unknown tokens that look at the tokens of some of the source.
        func replaced(
          _ text: String, _ source: Tokenization, lookedAt part: Range<Int>, in written: [String],
          _ target: Tokenization, dictionary: [String: String] = [:]
        ) -> (text: String, units: [String]) {
          let tokens = source.tokens(of: text)
          let places = written.indices.filter { written[$0] == "?" }
          var alignment = written.map { _ in tokens.map { _ in Float(0) } }
          for (place, token) in zip(places, part) { alignment[place][token] = 1 }
          let found = UnknownWords(UnknownReplacement(dictionary: dictionary), source: source, target: target)
            .replaced(written, at: places, source: tokens, alignment: alignment)
          return (
            target.text(of: found.tokens, words: found.words),
            target.units(of: found.tokens, words: found.words)
          )
        }

        // From pieces: any piece of the second word.
        let text = "the slowest, newer"
        let pieces = whitespace.tokens(of: text)
        let starts = pieces.indices.filter { pieces[$0].hasPrefix("▁") }
        try #require(starts.count == 3 && pieces[starts[1]..<starts[2]].contains(","))
        #expect(starts[2] - starts[1] > 3, "\(pieces)")
        for place in starts[1]..<starts[2] {
          let part = place..<place + 1
          #expect(
            replaced(text, whitespace, lookedAt: part, in: ["x", "?"], .whitespace).text == "x slowest,")
          #expect(
            replaced(text, whitespace, lookedAt: part, in: ["x@@", "?", "y@@", "z"], bytePairs)
              == ("x slowest, yz", ["x", "slowest,", "yz"]))
          // The comma is a word of its own there.
          let word = pieces[place] == "," ? "," : "slowest"
          #expect(replaced(text, words, lookedAt: part, in: ["x", "?"], .words).text == "x \(word)")
        }
        // Two pieces of one word are that word once, but not in words' places.
        let two = starts[1]..<starts[1] + 2
        #expect(replaced(text, whitespace, lookedAt: two, in: ["?", "?"], bytePairs).units == ["slowest,"])
        #expect(
          replaced(text, whitespace, lookedAt: two, in: ["?", "?"], .whitespace).text == "slowest, slowest,")

        // To pieces.
        let (the, house) = (whitespace.tokens(of: "the"), whitespace.tokens(of: "house"))
        for source in [Tokenization.whitespace, bytePairs] {
          let last = source.tokens(of: text).count - 1
          #expect(
            replaced(text, source, lookedAt: last..<last + 1, in: the + ["▁", "?", "er"] + house, whitespace)
              == ("the newer er house", ["the", "newer", "er", "house"]))
        }
        let lent = ["slowest,": "lent"]
        #expect(
          replaced(text, .whitespace, lookedAt: 1..<2, in: ["?"], whitespace, dictionary: lent)
            == ("lent", ["lent"]))

        // From pieces to the same pieces: a piece, which goes on with what stands beside it; the dictionary knows words.
        let inner = starts[1] + 1..<starts[1] + 2
        #expect(
          replaced(text, whitespace, lookedAt: inner, in: the + ["▁", "?", "w"], whitespace).text
            == "the \(pieces[inner.lowerBound])w")
        #expect(
          replaced(text, whitespace, lookedAt: inner, in: the + ["?"] + house, whitespace, dictionary: lent)
            .text == "the lent house")
      }
    }

    /// Adjacent ones too, and within a word.
    @Test func anUnknownTokenIsOneAgain() throws {
      try withModel { _, file in
        let model = try Subwords(contentsOf: file)
        for unit in [Tokenization.Unit.whitespace, .words] {
          let tokenization = Tokenization(unit, subwords: model)
          let (the, house) = (tokenization.tokens(of: "the"), tokenization.tokens(of: "house"))
          // As pieces of a text with a character in their place that the model does not know.
          let pieces = tokenization.tokens(of: "the Ω house")
          try #require(pieces.contains("Ω"), "\(pieces)")
          let alone = pieces.map { $0 == "Ω" ? "<unk>" : $0 }
          for (tokens, text, units) in [
            (alone, "the <unk> house", ["the", "<unk>", "house"]),
            (the + ["<unk>", "<unk>"] + house, "the<unk><unk> house", ["the<unk><unk>", "house"]),
          ] {
            #expect(tokenization.text(of: tokens) == text)
            #expect(tokenization.units(of: tokens) == units)
            #expect(tokenization.outputTokens(of: text) == tokens)
          }
        }
      }
    }

    @Test func aDamagedModelIsNamed() throws {
      try withModel { fixture, file in
        try fixture.model.prefix(fixture.model.count / 2).write(to: file)
        let error = #expect(throws: CheckpointError.self) { try Subwords(contentsOf: file) }
        #expect(error.map { "\($0)".contains(file.path) } == true)
      }
    }
  #else
    @Test func aBuildWithoutItSaysSo() throws {
      try withModel { _, file in
        #expect(throws: CheckpointError.needsSentencePiece(file: file.path)) {
          try Subwords(contentsOf: file)
        }
      }
    }
  #endif
}

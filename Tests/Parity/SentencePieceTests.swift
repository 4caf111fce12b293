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

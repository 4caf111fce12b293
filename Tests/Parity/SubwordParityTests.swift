import Foundation
import Seq2Seq
import Testing

/// Byte-pair encoding as subword-nmt does it: what it learns from a text, and how it cuts words (make_subword_fixtures.py).
@Suite("What subword-nmt makes")
struct SubwordParityTests {
  private struct Fixture: Decodable {
    struct Learnt: Decodable {
      let merges, minimumCount: Int
      let codes: String
      let text, held: [String]
    }
    struct Older: Decodable {
      let codes: String
      let text, held: [String]
    }
    let text, held: [String]
    let learnt: [Learnt]
    let older: [Older]
  }

  private func fixture() throws -> Fixture {
    let file = try #require(
      Bundle.module.url(forResource: "subword-nmt", withExtension: "json", subdirectory: "Fixtures"))
    return try JSONDecoder().decode(Fixture.self, from: Data(contentsOf: file))
  }

  private func encoding(_ codes: String) throws -> BytePairEncoding {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).codes")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(codes.utf8).write(to: file)
    return try BytePairEncoding(contentsOf: file)
  }

  /// A line as `subword-nmt apply-bpe` writes it, in bytes: strings would take é for e with an accent.
  private func cut(_ line: String, _ encoding: BytePairEncoding) -> [UInt8] {
    Array(
      Tokenization(.whitespace, subwords: .bytePairs(encoding)).tokens(of: line).joined(separator: " ").utf8)
  }

  @Test func cuts() throws {
    let fixture = try fixture()
    let cases =
      fixture.learnt.map { ($0.codes, $0.text, $0.held) } + fixture.older.map { ($0.codes, $0.text, $0.held) }
    #expect(cases.count == 7)
    for (codes, text, held) in cases {
      let encoding = try encoding(codes)
      for (line, expected) in zip(fixture.text + fixture.held, text + held) {
        #expect(cut(line, encoding) == Array(expected.utf8), "\(line)")
      }
    }
  }

  @Test func learns() throws {
    let fixture = try fixture()
    for expected in fixture.learnt {
      let learnt = BytePairEncoding(
        learning: fixture.text.map(Tokenization.whitespace.tokens), merges: expected.merges,
        minimumCount: expected.minimumCount)
      #expect(Array(learnt.codes.utf8) == Array(expected.codes.utf8), "\(expected.merges) merges")
    }
  }
}

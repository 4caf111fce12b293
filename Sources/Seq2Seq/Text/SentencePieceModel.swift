import Foundation

/// A model of SentencePiece: it cuts a text, spaces included, into pieces, and puts pieces together again.
///
/// Kudo and Richardson 2018, *SentencePiece: A simple and language independent subword tokenizer and detokenizer*. The work is
/// libsentencepiece's, which is there in builds with the package trait `SentencePiece` alone.
public struct SentencePieceModel: Sendable, Equatable {
  /// The bytes of the model's file.
  let content: Data
  private let processor: SentencePieceProcessor

  public static func == (a: SentencePieceModel, b: SentencePieceModel) -> Bool { a.content == b.content }

  /// - Parameter file: what errors name
  /// - Throws: ``CheckpointError``; ``CheckpointError/needsSentencePiece(file:)`` in a build without the trait.
  init(_ content: Data, file: String) throws(CheckpointError) {
    self.content = content
    processor = try SentencePieceProcessor.load(content, file: file)
  }

  /// Whether bytes begin as a model's file does, a list of pieces with their scores, and as no text does.
  static func isModel(_ content: Data) -> Bool { content.first == 0x0A && content.prefix(64).contains(0) }

  func pieces(of text: String) -> [String] { processor.pieces(of: text) }

  /// The unknown piece, for which libsentencepiece has a text of its own, is spelled as it is.
  func text(of pieces: [String]) -> String {
    WrittenUnknown.unmarked(processor.text(of: pieces.map(WrittenUnknown.marked)))
  }

  /// The pieces word by word; each word's first piece begins with a mark.
  static func words(of pieces: [String]) -> [ArraySlice<String>] {
    let starts = pieces.indices.filter { $0 == 0 || pieces[$0].utf8.starts(with: "▁".utf8) }
    return zip(starts, starts.dropFirst() + [pieces.count]).map { pieces[$0..<$1] }
  }
}

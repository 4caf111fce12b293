import Foundation

#if SentencePiece
  internal import CSentencePiece

  /// libsentencepiece's model. It is never changed, and may be used from several threads at once.
  final class SentencePieceProcessor: @unchecked Sendable {
    private let model: OpaquePointer

    private init(_ model: OpaquePointer) { self.model = model }

    deinit { cs_free(model) }

    static func load(_ content: Data, file: String) throws(CheckpointError) -> SentencePieceProcessor {
      let model = content.withUnsafeBytes {
        cs_load($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count)
      }
      guard let model else { throw .malformed(file: file, problem: "no model of SentencePiece") }
      return SentencePieceProcessor(model)
    }

    func pieces(of text: String) -> [String] {
      converted(Array(text.utf8), cs_pieces).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    func text(of pieces: [String]) -> String {
      String(decoding: converted(pieces.flatMap { Array($0.utf8) + [0] }, cs_text), as: UTF8.self)
    }

    private func converted(
      _ bytes: [UInt8],
      _ function: (OpaquePointer?, UnsafePointer<CChar>?, Int, UnsafeMutablePointer<Int>?) ->
        UnsafeMutablePointer<CChar>?
    ) -> [UInt8] {
      var size = 0
      let result = bytes.withUnsafeBytes {
        function(model, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, &size)
      }
      guard let result else { return [] }
      defer { free(result) }
      return [UInt8](UnsafeRawBufferPointer(start: result, count: size))
    }
  }
#else
  /// What a build without libsentencepiece has in its place. None is ever made.
  struct SentencePieceProcessor {
    private init() {}

    static func load(_ content: Data, file: String) throws(CheckpointError) -> SentencePieceProcessor {
      throw .needsSentencePiece(file: file)
    }

    func pieces(of text: String) -> [String] { preconditionFailure("this build has no SentencePiece") }

    func text(of pieces: [String]) -> String { preconditionFailure("this build has no SentencePiece") }
  }
#endif

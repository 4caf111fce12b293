import Foundation

/// What cuts text into subwords, as learnt from a text before any model was.
public enum Subwords: Sendable, Equatable {
  /// Cuts each unit further. All but the last subword of a unit end in `@@`.
  case bytePairs(BytePairEncoding)
  /// Cuts the whole text, spaces included, into pieces; units only say what its words are. Needs the package trait `SentencePiece`.
  case sentencePiece(SentencePieceModel)

  /// Reads the file that holds them: the codes of subword-nmt, or a model of SentencePiece.
  ///
  /// - Throws: ``CheckpointError`` naming the file.
  public init(contentsOf url: URL) throws(CheckpointError) {
    try self.init(CheckpointError.read(url), file: url.path)
  }

  /// - Parameter file: what errors name
  init(_ content: Data, file: String) throws(CheckpointError) {
    self =
      SentencePieceModel.isModel(content)
      ? .sentencePiece(try SentencePieceModel(content, file: file))
      : .bytePairs(try BytePairEncoding(codes: content, file: file))
  }

  /// Writes the file that they were read from.
  public func write(to url: URL) throws(CheckpointError) { try AtomicFile.write(content, to: url) }

  /// The bytes of the file.
  private var content: Data {
    switch self {
    case .bytePairs(let encoding): Data(encoding.codes.utf8)
    case .sentencePiece(let model): model.content
    }
  }

  /// The file's ``Fingerprint``.
  var fingerprint: String { Fingerprint.text(of: content) }
}

extension Subwords: CustomStringConvertible {
  /// What they are, and a fingerprint that tells them from others.
  public var description: String {
    switch self {
    case .bytePairs(let encoding): "byte pairs (merges: \(encoding.count), fingerprint: \(fingerprint))"
    case .sentencePiece: "SentencePiece (fingerprint: \(fingerprint))"
    }
  }
}

// MARK: - As part of a larger file

extension Subwords: Codable {
  private enum CodingKeys: String, CodingKey { case file }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let content = try values.decode(Data.self, forKey: .file)
    do {
      try self.init(content, file: "subwords")
    } catch {
      throw DecodingError.dataCorruptedError(forKey: .file, in: values, debugDescription: error.description)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(content, forKey: .file)
  }
}

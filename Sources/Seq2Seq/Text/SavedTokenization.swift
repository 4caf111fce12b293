import Foundation

/// A side's tokenization as a model's `config.json` has it. Subwords have a file of their own, which other programs read too; here is
/// its fingerprint.
struct SavedTokenization: Codable {
  private let unit: Tokenization.Unit
  private let lowercase: Bool
  private let subwords: String?

  /// Writes the subwords, if there are any, to their file.
  init(_ tokenization: Tokenization, subwordsTo file: URL) throws(CheckpointError) {
    try tokenization.subwords?.write(to: file)
    (unit, lowercase) = (tokenization.unit, tokenization.lowercase)
    subwords = tokenization.subwords?.fingerprint
  }

  /// - Throws: ``CheckpointError`` for a file of subwords that is missing, or not the one that was saved.
  func tokenization(subwordsAt file: URL) throws(CheckpointError) -> Tokenization {
    guard let subwords else { return Tokenization(unit, lowercase: lowercase) }
    let content = try CheckpointError.read(file)
    guard Fingerprint.text(of: content) == subwords else {
      throw .malformed(file: file.path, problem: "it is not what the model was trained with")
    }
    return Tokenization(unit, lowercase: lowercase, subwords: try Subwords(content, file: file.path))
  }
}

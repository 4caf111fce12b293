import Foundation

/// What is wrong with a file that this module reads or writes: the file, the fault and the remedy in one
/// line.
public enum CheckpointError: Error, Equatable, Sendable {
  case missing(file: String)
  case unreadable(file: String, reason: String)
  /// Torn or inconsistent: it was cut short, changed, or made by something else.
  case malformed(file: String, problem: String)
  /// A sound file that holds what this module does not read.
  case unsupported(file: String, problem: String)
  /// A model of SentencePiece, in a build without the package trait `SentencePiece`.
  case needsSentencePiece(file: String)
  case unwritable(file: String, reason: String)
  /// What should be a model's folder is a file.
  case notAFolder(path: String)
}

extension CheckpointError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let file):
      "\(file): no such file; check the path"
    case .unreadable(let file, let reason):
      "\(file): cannot be read (\(reason)); name a file that you may read"
    case .malformed(let file, let problem):
      "\(file): damaged or of another format (\(problem)); write or download it again"
    case .unsupported(let file, let problem):
      "\(file): not supported (\(problem)); save the tensors as float32"
    case .needsSentencePiece(let file):
      "\(file): a model of SentencePiece, which this build does not read; build with --traits SentencePiece"
    case .unwritable(let file, let reason):
      "\(file): cannot be written (\(reason)); \(Self.remedy(reason))"
    case .notAFolder(let path):
      "\(path): a file, and no model; a model is a folder with config.json, model.safetensors and two vocabularies: "
        + "name one that attend train made"
    }
  }

  /// What to do about the system's reason for not writing.
  private static func remedy(_ reason: String) -> String {
    func isOne(of problems: Int32...) -> Bool {
      problems.contains { String(cString: strerror($0)) == reason }
    }
    if isOne(of: ENOSPC, EDQUOT) {
      return "a file that was there is unchanged; make room or choose another place"
    }
    if isOne(of: ENOENT) { return "make its folder, or choose another place" }
    if isOne(of: EACCES, EPERM, EROFS) { return "choose a place that you may write to" }
    return "choose another place"
  }
}

// MARK: - Whole files

extension CheckpointError {
  /// The bytes of a file.
  static func read(_ url: URL) throws(CheckpointError) -> Data {
    do {
      return try WholeFile.read(url)
    } catch {
      switch error {
      case .missing: throw .missing(file: url.path)
      case .unreadable(let reason): throw .unreadable(file: url.path, reason: reason)
      }
    }
  }

  /// A value from a JSON file.
  static func decode<Value: Decodable>(_ type: Value.Type, from url: URL) throws(CheckpointError) -> Value {
    let data = try read(url)
    do {
      return try JSONDecoder().decode(type, from: data)
    } catch {
      throw .malformed(file: url.path, problem: problem(error))
    }
  }

  /// A value to a JSON file, its keys sorted, atomically.
  static func encode(_ value: some Encodable, to url: URL) throws(CheckpointError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let data: Data
    do {
      data = try encoder.encode(value)
    } catch {
      throw .unwritable(file: url.path, reason: problem(error))
    }
    try AtomicFile.write(data, to: url)
  }

  /// What a coding error says, without its wrapping of type names.
  static func problem(_ error: any Error) -> String {
    switch error {
    case DecodingError.dataCorrupted(let context): context.debugDescription
    case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case DecodingError.valueNotFound(_, let context), DecodingError.typeMismatch(_, let context):
      "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' is of the wrong type"
    case EncodingError.invalidValue(_, let context): context.debugDescription
    default: "\(error)"
    }
  }
}

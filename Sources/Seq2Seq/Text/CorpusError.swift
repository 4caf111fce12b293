/// A mistake in a corpus file, told in one line: file, line, what is wrong and the remedy.
public enum CorpusError: Error, Equatable, Sendable {
  /// One side of a line.
  public enum Side: String, Sendable { case source, target }

  case missing(file: String)
  case unreadable(file: String, reason: String)
  /// No line holds a sentence.
  case empty(file: String)
  case noTab(file: String, line: Int)
  case emptySentence(file: String, line: Int, side: Side)
  case invalidUTF8(file: String, line: Int)
  case tooLong(file: String, line: Int, side: Side, length: Int, limit: Int)
  /// Pairs that are too long are left out, and no other is there; the shortest has so many tokens.
  case allTooLong(file: String, shortest: Int, limit: Int)
}

extension CorpusError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let file):
      "\(file): no such file; check the path"
    case .unreadable(let file, let reason):
      "\(file): cannot be read (\(reason)); name a text file that you may read"
    case .empty(let file):
      "\(file): holds no sentence; write one 'source TAB target' a line"
    case .noTab(let file, let line):
      "\(file):\(line): no TAB; write 'source TAB target'"
    case .emptySentence(let file, let line, let side):
      "\(file):\(line): the \(side.rawValue) holds no token; fill it or remove the line"
    case .invalidUTF8(let file, let line):
      "\(file):\(line): not UTF-8; convert the file, for instance with iconv"
    case .tooLong(let file, let line, let side, let length, let limit):
      "\(file):\(line): the \(side.rawValue) has \(length) tokens, the limit is \(limit); "
        + "shorten or remove it, or raise the limit to \(length)"
    case .allTooLong(let file, let shortest, let limit):
      "\(file): every pair is longer than \(limit) tokens; shorten them, or raise the limit to "
        + "\(shortest) at least"
    }
  }
}

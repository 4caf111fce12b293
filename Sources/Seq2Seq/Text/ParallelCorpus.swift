import Foundation

/// Sentences with their translations, cut into tokens.
///
/// The file is UTF-8 text, a line `source TAB target [TAB further accepted targets]`. LF and CRLF line ends,
/// a byte order mark and a missing last line end are accepted; blank lines are skipped.
public struct ParallelCorpus: Sendable {
  /// A sentence and one translation, as training takes them.
  public struct Pair: Sendable, Equatable {
    public var source: [String]
    public var target: [String]
    /// The target as evaluation counts it: whole words where tokens are subwords, else the tokens.
    public var reference: [String]

    /// - Parameter reference: nil where it is the target itself
    public init(source: [String], target: [String], reference: [String]? = nil) {
      self.source = source
      self.target = target
      self.reference = reference ?? target
    }
  }

  /// A sentence and every translation that counts as right, as evaluation takes them.
  public struct Example: Sendable, Equatable {
    public var source: [String]
    /// The distinct accepted targets in the order of the file; at least one.
    public var targets: [[String]]
    /// ``Pair/reference`` of each of them.
    public var references: [[String]]
  }

  /// What becomes of a pair of a file that has more tokens on a side than there may be.
  public enum LongPairs: Sendable {
    /// It is a mistake: what is measured on fewer examples is another figure.
    case refuse
    /// The corpus is without it, and says so in ``ParallelCorpus/leftOut``: one less to learn.
    case leaveOut
  }

  /// The pairs of a file that a corpus lacks because they are too long.
  public struct LeftOut: Sendable, Equatable {
    public let count: Int
    /// Where the first of them stands; lines count from 1.
    public let firstLine: Int
    /// How many tokens they have on their longer side.
    public let lengths: ClosedRange<Int>
    /// How many they might have had.
    public let limit: Int
  }

  /// One pair a line and accepted target, in the order of the file.
  public let pairs: [Pair]
  /// The lines that share a source merged into one, in the order of their first lines.
  public let examples: [Example]
  /// What the file has beyond these; nil if that is nothing.
  public let leftOut: LeftOut?

  public init(pairs: [Pair]) { self.init(pairs: pairs, leftOut: nil) }

  private init(pairs: [Pair], leftOut: LeftOut?) {
    self.pairs = pairs
    self.leftOut = leftOut
    examples = Self.merged(pairs)
  }

  /// Reads a corpus file.
  ///
  /// - Parameters:
  ///   - maximumLength: The most tokens that a source or a target may have.
  ///   - longPairs: What becomes of a pair with more. Of a line with several targets each is a pair of its own.
  /// - Throws: ``CorpusError`` at the first mistake, with its line; also where no pair is left.
  /// - Complexity: O(n) in the size of the file.
  public init(
    contentsOf url: URL, source: Tokenization, target: Tokenization, maximumLength: Int,
    longPairs: LongPairs = .refuse
  ) throws(CorpusError) {
    let bytes = try Self.read(url)
    let reader = LineReader(file: url.path, source: source, target: target)
    var pairs: [Pair] = []
    var long: [(line: Int, length: Int)] = []
    // Lines and columns are cut as bytes: walking a whole file by Character costs seconds.
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated()
    {
      for pair in try reader.pairs(of: line, number: index + 1) {
        let (side, length) = pair.longerSide
        if length <= maximumLength {
          pairs.append(pair)
        } else if longPairs == .leaveOut {
          long.append((index + 1, length))
        } else {
          throw .tooLong(file: url.path, line: index + 1, side: side, length: length, limit: maximumLength)
        }
      }
    }
    let leftOut = LeftOut(long, limit: maximumLength)
    guard !pairs.isEmpty else {
      guard let leftOut else { throw .empty(file: url.path) }
      throw .allTooLong(file: url.path, shortest: leftOut.lengths.lowerBound, limit: maximumLength)
    }
    self.init(pairs: pairs, leftOut: leftOut)
  }

  private static func read(_ url: URL) throws(CorpusError) -> ArraySlice<UInt8> {
    do {
      let bytes = [UInt8](try WholeFile.read(url))
      return bytes.dropFirst(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
    } catch {
      switch error {
      case .missing: throw .missing(file: url.path)
      case .unreadable(let reason): throw .unreadable(file: url.path, reason: reason)
      }
    }
  }

  private static func merged(_ pairs: [Pair]) -> [Example] {
    var examples: [Example] = []
    var places: [[String]: Int] = [:]
    for pair in pairs {
      if let place = places[pair.source] {
        let known = zip(examples[place].targets, examples[place].references)
        if known.contains(where: { $0 == pair.target && $1 == pair.reference }) { continue }
        examples[place].targets.append(pair.target)
        examples[place].references.append(pair.reference)
      } else {
        places[pair.source] = examples.count
        examples.append(
          Example(source: pair.source, targets: [pair.target], references: [pair.reference]))
      }
    }
    return examples
  }
}

extension ParallelCorpus.Pair {
  /// The side with more tokens, and how many; the source where both have as many.
  fileprivate var longerSide: (side: CorpusError.Side, length: Int) {
    target.count > source.count ? (.target, target.count) : (.source, source.count)
  }
}

extension ParallelCorpus.LeftOut {
  /// Nil where nothing is.
  fileprivate init?(_ pairs: [(line: Int, length: Int)], limit: Int) {
    let lengths = pairs.map(\.length)
    guard let first = pairs.first, let least = lengths.min(), let most = lengths.max() else { return nil }
    self.init(count: pairs.count, firstLine: first.line, lengths: least...most, limit: limit)
  }
}

/// What turns a line's bytes into pairs.
private struct LineReader {
  let file: String
  let source: Tokenization
  let target: Tokenization

  func pairs(of line: ArraySlice<UInt8>, number: Int) throws(CorpusError) -> [ParallelCorpus.Pair] {
    let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
    if line.allSatisfy({ $0 == UInt8(ascii: " ") }) { return [] }
    guard let text = String(validating: line, as: UTF8.self) else {
      throw .invalidUTF8(file: file, line: number)
    }
    let columns = text.utf8.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
    guard columns.count > 1 else { throw .noTab(file: file, line: number) }
    let tokens = try sentence(columns[0], .source, number)
    var pairs: [ParallelCorpus.Pair] = []
    for column in columns.dropFirst() {
      let reference = target.subwords.map { _ in target.units(of: String(Substring(column))) }
      pairs.append(
        ParallelCorpus.Pair(
          source: tokens, target: try sentence(column, .target, number), reference: reference))
    }
    return pairs
  }

  private func sentence(
    _ column: Substring.UTF8View, _ side: CorpusError.Side, _ line: Int
  ) throws(CorpusError) -> [String] {
    let tokens = (side == .source ? source : target).tokens(of: String(Substring(column)))
    guard !tokens.isEmpty else { throw .emptySentence(file: file, line: line, side: side) }
    return tokens
  }
}

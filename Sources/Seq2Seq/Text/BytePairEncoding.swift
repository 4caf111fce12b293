import Foundation

/// Cuts words into subwords by merges that were learnt from a text (byte-pair encoding).
///
///     word = s_1 … s_n </w>          its scalars, the last one marked as the word's end
///     repeat: merge every (s_i, s_i+1) that is the earliest merge of any pair in the word
///
/// Sennrich, Haddow and Birch 2016, *Neural Machine Translation of Rare Words with Subword Units*, §3.2. The merges are those
/// of a codes file of subword-nmt, versions 0.1 and 0.2, and words are cut as `subword-nmt apply-bpe` cuts them.
public struct BytePairEncoding: Sendable, Equatable {
  /// The text of the codes file: its version, then a merge a line, the earliest first.
  public let codes: String
  private let merges: [Pair: Merge]
  private let inner: [Unicode.Scalar: Int32]
  private let final: [Unicode.Scalar: Int32]
  /// The end as a symbol of its own, which version 0.1 has and 0.2 has not.
  private let end: Int32?

  /// How many merges there are.
  public var count: Int { merges.count }

  private struct Pair: Hashable { let left, right: Int32 }
  private struct Merge { let rank, symbol: Int32 }

  /// How the end of a word is written in a codes file.
  static let endOfWord = "</w>"
  /// A scalar that no merge knows.
  private static let unknown: Int32 = -1

  public static func == (a: BytePairEncoding, b: BytePairEncoding) -> Bool {
    a.codes.utf8.elementsEqual(b.codes.utf8)
  }

  /// Reads a codes file.
  ///
  /// - Throws: ``CheckpointError`` naming the file, and the line that is no merge.
  public init(contentsOf url: URL) throws(CheckpointError) {
    try self.init(codes: CheckpointError.read(url), file: url.path)
  }

  /// - Parameter file: what errors name
  init(codes data: Data, file: String) throws(CheckpointError) {
    guard let codes = String(validating: data, as: UTF8.self) else {
      throw .malformed(file: file, problem: "not UTF-8")
    }
    guard !codes.utf8.allSatisfy({ $0 <= UInt8(ascii: " ") }) else {
      throw .malformed(file: file, problem: "it is empty")
    }
    var lines = codes.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
    var isMarked = false
    if let first = lines.first, first.starts(with: "#version:".utf8) {
      let version =
        String(Substring(first)).split(separator: ":").last?.trimmingCharacters(in: .whitespacesAndNewlines)
        ?? ""
      guard ["0.1", "0.2"].contains(version) else {
        throw .malformed(file: file, problem: "version '\(version)', expected 0.1 or 0.2")
      }
      isMarked = version == "0.2"
      lines = lines.dropFirst()
    }
    while lines.last.map(Self.trimmed)?.isEmpty == true { lines.removeLast() }
    var symbols = Symbols()
    var merges: [Pair: Merge] = [:]
    for (index, line) in zip(lines.indices, lines) {
      let parts = Self.trimmed(line).split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        .map(Array.init)
      guard parts.count == 2, !parts[1].isEmpty else {
        throw .malformed(file: file, problem: "line \(index + 1) is no merge of two symbols")
      }
      let pair = Pair(left: symbols.id(of: parts[0]), right: symbols.id(of: parts[1]))
      // Of equal merges the first counts.
      if merges[pair] != nil { continue }
      merges[pair] = Merge(rank: Int32(merges.count), symbol: symbols.id(of: parts[0] + parts[1]))
    }
    self.codes = codes
    self.merges = merges
    let mark = Array(Self.endOfWord.utf8)
    inner = symbols.scalars(endingIn: [])
    final = isMarked ? symbols.scalars(endingIn: mark) : inner
    end = isMarked ? nil : symbols.id(of: mark)
  }

  private static func trimmed(_ line: Substring.UTF8View) -> Substring.UTF8View {
    let isBlank = { (byte: UInt8) in byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\r") }
    var line = line.drop(while: isBlank)
    while let last = line.last, isBlank(last) { line.removeLast() }
    return line
  }

  /// Writes the codes file.
  public func write(to url: URL) throws(CheckpointError) { try AtomicFile.write(Data(codes.utf8), to: url) }

  /// The subwords of a word, in their order; together they are the word.
  ///
  /// - Complexity: O(n²) in the scalars of the word.
  public func subwords(of word: String) -> [String] {
    let scalars = Array(word.unicodeScalars)
    guard scalars.count > 1 else { return scalars.isEmpty ? [] : [word] }
    // Each symbol, and where it ends in the word.
    var parts = scalars.enumerated().map { (symbol: inner[$1] ?? Self.unknown, end: $0 + 1) }
    parts[parts.count - 1].symbol = final[scalars.last!] ?? Self.unknown
    if let end { parts.append((end, scalars.count)) }
    while let (pair, merge) = earliest(parts) {
      var merged: [(symbol: Int32, end: Int)] = []
      for part in parts {
        if let last = merged.last, last.symbol == pair.left, part.symbol == pair.right {
          merged[merged.count - 1] = (merge.symbol, part.end)
        } else {
          merged.append(part)
        }
      }
      parts = merged
    }
    var (subwords, start) = ([String](), 0)
    for part in parts where part.end > start {
      subwords.append(String(String.UnicodeScalarView(scalars[start..<part.end])))
      start = part.end
    }
    return subwords
  }

  /// The pair of neighbours that was merged first in learning.
  private func earliest(_ parts: [(symbol: Int32, end: Int)]) -> (pair: Pair, merge: Merge)? {
    var best: (pair: Pair, merge: Merge)?
    for place in parts.indices.dropLast() {
      let pair = Pair(left: parts[place].symbol, right: parts[place + 1].symbol)
      guard let merge = merges[pair], merge.rank < best?.merge.rank ?? .max else { continue }
      best = (pair, merge)
    }
    return best
  }
}

// MARK: - As tokens

extension BytePairEncoding {
  /// How a subword is written that another one of the same word follows.
  private static let joiner = "@@"

  /// Bytes: as characters, `@` may be one with what stands before it.
  private static func isFollowed(_ token: String) -> Bool { token.utf8.suffix(2).elementsEqual(joiner.utf8) }

  /// The subwords of a word as tokens: all but the last end in `@@`.
  func tokens(of word: String) -> [String] {
    let subwords = subwords(of: word)
    return subwords.dropLast().map { $0 + Self.joiner } + subwords.suffix(1)
  }

  /// The words that tokens are the parts of, each with its number of tokens. A model's output may lack the end of its last word,
  /// which then ends all the same.
  static func words(of tokens: [String]) -> [(text: String, tokens: Int)] {
    var words: [(text: String, tokens: Int)] = []
    var open = (text: "", tokens: 0)
    for token in tokens {
      let isFollowed = isFollowed(token)
      open.text += isFollowed ? String(Substring(token.utf8.dropLast(joiner.utf8.count))) : token
      open.tokens += 1
      if !isFollowed {
        words.append(open)
        open = ("", 0)
      }
    }
    return open.tokens == 0 ? words : words + [open]
  }
}

// MARK: - Symbols

/// The symbols of merges under numbers. They are bytes: strings would take é and e with an accent for the same symbol.
struct Symbols {
  private(set) var texts: [[UInt8]] = []
  private var ids: [[UInt8]: Int32] = [:]

  mutating func id(of text: [UInt8]) -> Int32 {
    if let id = ids[text] { return id }
    let id = Int32(texts.count)
    ids[text] = id
    texts.append(text)
    return id
  }

  /// The symbols that are one scalar and then `mark`, by the scalar.
  func scalars(endingIn mark: [UInt8]) -> [Unicode.Scalar: Int32] {
    var result: [Unicode.Scalar: Int32] = [:]
    for (text, id) in ids where text.count > mark.count && text.suffix(mark.count) == mark[...] {
      let scalars = String(decoding: text.dropLast(mark.count), as: UTF8.self).unicodeScalars
      if scalars.count == 1 { result[scalars.first!] = id }
    }
    return result
  }
}

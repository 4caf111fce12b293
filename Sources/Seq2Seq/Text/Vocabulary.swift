import Foundation

/// The tokens that a model knows, each under an id `0..<count`.
///
/// The first three ids are reserved: ``unknown``, ``start`` and ``end``. They cannot be reached by text: a
/// token in the data that happens to read `<s>` is a token like any other, under an id of its own.
///
/// Two tokens that Unicode calls canonically equivalent (é as one scalar or as two) are one token.
public struct Vocabulary: Sendable, Equatable {
  /// The id of every token that the vocabulary lacks, written `<unk>`.
  public static let unknown = 0
  /// The id that the decoder is fed first, written `<s>`.
  public static let start = 1
  /// The id that ends a sentence, written `</s>`.
  public static let end = 2
  /// How the reserved ids are written, in their order.
  public static let reserved = ["<unk>", "<s>", "</s>"]

  /// Which tokens of a text a vocabulary takes in.
  public struct Limits: Codable, Sendable, Equatable {
    /// A token seen less often is left out, and so reads as ``Vocabulary/unknown``.
    public var minimumCount: Int
    /// The most ids there may be, the three reserved ones included; nil for no limit.
    public var maximumSize: Int?

    public init(minimumCount: Int = 1, maximumSize: Int? = nil) {
      self.minimumCount = minimumCount
      self.maximumSize = maximumSize
    }
  }

  /// The limits of a model's two vocabularies.
  public struct SideLimits: Codable, Sendable, Equatable {
    public var source: Limits
    public var target: Limits

    public init(source: Limits = Limits(), target: Limits = Limits()) {
      self.source = source
      self.target = target
    }
  }

  /// The tokens of the data, in the order of their ids from `reserved.count` on.
  private let tokens: [String]
  private let ids: [String: Int]

  /// Counts the tokens of the sentences: the most frequent comes first, ties stand in the order of their
  /// Unicode scalars, so that the same data always gives the same ids.
  ///
  /// - Complexity: O(n + v log v) for n tokens, v of them distinct.
  public init(counting sentences: some Sequence<[String]>, limits: Limits = Limits()) {
    var counts: [String: Int] = [:]
    for sentence in sentences {
      for token in sentence { counts[token, default: 0] += 1 }
    }
    let ordered = counts.filter { $0.value >= limits.minimumCount }
      .sorted { a, b in a.value != b.value ? a.value > b.value : a.key < b.key }
    let room = max(0, (limits.maximumSize ?? Int.max) - Self.reserved.count)
    self.init(distinct: ordered.prefix(room).map(\.key))
  }

  private init(distinct tokens: [String]) {
    self.tokens = tokens
    ids = Dictionary(uniqueKeysWithValues: zip(tokens, Self.reserved.count...))
  }

  /// The number of ids, the reserved ones included.
  public var count: Int { Self.reserved.count + tokens.count }

  /// The id of a token, ``unknown`` where the vocabulary lacks it.
  public func id(of token: String) -> Int { ids[token] ?? Self.unknown }

  /// The token under an id in `0..<count`.
  public func token(at id: Int) -> String {
    precondition(id >= 0 && id < count, "the id \(id) lies outside the vocabulary of \(count)")
    return id < Self.reserved.count ? Self.reserved[id] : tokens[id - Self.reserved.count]
  }

  /// The ids of a sentence's tokens, without ``start`` and ``end``.
  public func encode(_ tokens: [String]) -> [Int] { tokens.map(id(of:)) }

  /// The tokens of a sentence's ids: up to the first ``end``, leaving out ``start``.
  public func decode(_ ids: [Int]) -> [String] {
    ids.prefix { $0 != Self.end }.filter { $0 != Self.start }.map(token(at:))
  }
}

// MARK: - File

extension Vocabulary: Codable {
  private enum CodingKeys: String, CodingKey { case reserved, tokens }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    guard try container.decode([String].self, forKey: .reserved) == Self.reserved else {
      throw DecodingError.dataCorruptedError(
        forKey: .reserved, in: container, debugDescription: "the reserved tokens are not \(Self.reserved)")
    }
    let tokens = try container.decode([String].self, forKey: .tokens)
    var seen: Set<String> = []
    if let twice = tokens.first(where: { !seen.insert($0).inserted }) {
      throw DecodingError.dataCorruptedError(
        forKey: .tokens, in: container, debugDescription: "the token '\(twice)' stands twice")
    }
    self.init(distinct: tokens)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.reserved, forKey: .reserved)
    try container.encode(tokens, forKey: .tokens)
  }

  /// Reads a file that ``write(to:)`` made.
  ///
  /// - Throws: ``CheckpointError`` when the file is missing or torn, lacks a reserved token or repeats
  ///   a token.
  public init(contentsOf url: URL) throws(CheckpointError) {
    self = try CheckpointError.decode(Vocabulary.self, from: url)
  }

  /// Writes the vocabulary as JSON, atomically: `{"reserved": [...], "tokens": [...]}`.
  public func write(to url: URL) throws(CheckpointError) {
    try CheckpointError.encode(self, to: url)
  }
}

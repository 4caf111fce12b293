import Foundation

extension BytePairEncoding {
  /// Learns merges from the words of a text: again and again the pair of neighbours that is most frequent becomes one symbol.
  ///
  /// The merges are those of `subword-nmt learn-bpe`; of pairs that are equally frequent, the last in the order of their
  /// scalars is merged.
  ///
  /// - Parameters:
  ///   - sentences: the text, cut into words
  ///   - merges: how many to learn at most
  ///   - minimumCount: a pair seen less often is not merged
  /// - Complexity: O(merges × distinct pairs).
  public init(learning sentences: some Sequence<[String]>, merges: Int, minimumCount: Int = 2) {
    var learner = Learner(sentences)
    var codes = "#version: 0.2\n"
    for _ in 0..<max(merges, 0) {
      guard let merge = learner.merge(minimumCount: max(minimumCount, 1)) else { break }
      codes += merge + "\n"
    }
    do {
      try self.init(codes: Data(codes.utf8), file: "learnt merges")
    } catch {
      preconditionFailure("learnt merges cannot be read: \(error)")
    }
  }
}

private struct Learner {
  private struct Pair: Hashable { let left, right: Int32 }

  private var symbols = Symbols()
  private var words: [(symbols: [Int32], count: Int)] = []
  /// Every pair that was ever seen: its number, and under it how frequent it is and the words that may hold it.
  private var numbers: [Pair: Int] = [:]
  private var pairs: [Pair] = []
  private var counts: [Int] = []
  private var holders: [Set<Int>] = []

  init(_ sentences: some Sequence<[String]>) {
    // Bytes: strings would take what Unicode calls equivalent for the same word.
    var counted: [[UInt8]: Int] = [:]
    for sentence in sentences {
      for word in sentence {
        // A character such as U+06DD takes a space after it along, and codes files cannot hold one.
        for part in word.unicodeScalars.split(whereSeparator: \.properties.isWhitespace) {
          counted[Array(String(part).utf8), default: 0] += 1
        }
      }
    }
    for (word, count) in counted {
      var parts = String(decoding: word, as: UTF8.self).unicodeScalars.map { Array(String($0).utf8) }
      guard let last = parts.popLast() else { continue }
      parts.append(last + Array(BytePairEncoding.endOfWord.utf8))
      words.append((parts.map { symbols.id(of: $0) }, count))
    }
    for word in words.indices { count(word, 1) }
  }

  /// Adds the pairs of a word to the counts, or takes them away.
  private mutating func count(_ word: Int, _ sign: Int) {
    let (symbols, count) = words[word]
    for (left, right) in zip(symbols, symbols.dropFirst()) {
      let pair = Pair(left: left, right: right)
      let number = numbers[pair, default: pairs.count]
      if number == pairs.count {
        numbers[pair] = number
        pairs.append(pair)
        counts.append(0)
        holders.append([])
      }
      counts[number] += sign * count
      if sign > 0 { holders[number].insert(word) }
    }
  }

  /// Makes the next merge, and returns it as a codes file writes it; nil where no pair is frequent enough.
  mutating func merge(minimumCount: Int) -> String? {
    guard let best = mostFrequent, counts[best] >= minimumCount else { return nil }
    let pair = pairs[best]
    let (left, right) = (symbols.texts[Int(pair.left)], symbols.texts[Int(pair.right)])
    let symbol = symbols.id(of: left + right)
    for word in holders[best] {
      count(word, -1)
      var merged: [Int32] = []
      for part in words[word].symbols {
        if part == pair.right, merged.last == pair.left {
          merged[merged.count - 1] = symbol
        } else {
          merged.append(part)
        }
      }
      words[word].symbols = merged
      count(word, 1)
    }
    holders[best] = []
    return [left, right].map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
  }

  private var mostFrequent: Int? {
    var best: Int?
    for number in counts.indices {
      guard let found = best else {
        best = number
        continue
      }
      if counts[number] > counts[found] || counts[number] == counts[found] && isLater(number, found) {
        best = number
      }
    }
    return best
  }

  /// Whether a pair stands after another one in the order of their scalars, which is that of their bytes.
  private func isLater(_ a: Int, _ b: Int) -> Bool {
    let (a, b) = (pairs[a], pairs[b])
    let (first, second) = (symbols.texts[Int(a.left)], symbols.texts[Int(b.left)])
    if first != second { return second.lexicographicallyPrecedes(first) }
    return symbols.texts[Int(b.right)].lexicographicallyPrecedes(symbols.texts[Int(a.right)])
  }
}

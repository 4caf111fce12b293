/// An example as each of several models reads it.
public struct ComparedExample: Sendable, Equatable {
  /// How many units of the first model's ``Tokenization`` the source has: tokens, or whole words where those are cut into subwords.
  public let length: Int
  /// In the order of the models.
  public let readings: [ParallelCorpus.Example]

  /// The examples of one text, in the order of its lines. Lines are one example where every model reads the same source.
  ///
  /// - Parameters:
  ///   - corpora: the text as each model reads it
  ///   - source: how the first of them cuts its sources
  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for corpora that are not of the same lines.
  public static func examples(_ corpora: [ParallelCorpus], source: Tokenization) throws(ModelError)
    -> [ComparedExample]
  {
    let counts = corpora.map(\.pairs.count)
    guard let count = counts.first else { return [] }
    guard counts.allSatisfy({ $0 == count }) else {
      throw .configuration(option: "corpora", expected: "the same pairs in each", found: "of \(counts) pairs")
    }
    var groups: [(sources: [[String]], pairs: [Int])] = []
    var places: [[[String]]: Int] = [:]
    for pair in 0..<count {
      let sources = corpora.map { $0.pairs[pair].source }
      if let place = places[sources] {
        groups[place].pairs.append(pair)
      } else {
        places[sources] = groups.count
        groups.append((sources, [pair]))
      }
    }
    return groups.map { sources, pairs in
      ComparedExample(
        length: source.units(of: sources[0]).count,
        readings: corpora.map { corpus in ParallelCorpus(pairs: pairs.map { corpus.pairs[$0] }).examples[0] })
    }
  }
}

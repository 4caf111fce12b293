/// Examples whose sources are about as long.
public struct LengthBucket: Sendable, Equatable {
  /// What ``ComparedExample/length`` may be here.
  public let lengths: ClosedRange<Int>
  /// At least one.
  public let examples: [ComparedExample]

  /// Buckets of the same width: sources of the lengths 1 to `width`, those of up to twice as many, and so on; empty ones are left out.
  ///
  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for a width below 1.
  public static func cut(_ examples: [ComparedExample], width: Int) throws(ModelError) -> [LengthBucket] {
    guard width >= 1 else {
      throw .configuration(option: "width", expected: "at least 1", found: "\(width)")
    }
    // An empty source counts as one of the length 1.
    let groups = Dictionary(grouping: examples) { max($0.length - 1, 0) / width }
    return groups.sorted { $0.key < $1.key }.map { key, examples in
      let first = key * width + 1
      let (last, overflow) = first.addingReportingOverflow(width - 1)
      return LengthBucket(lengths: first...(overflow ? .max : last), examples: examples)
    }
  }

  /// Buckets of as few lengths as give each enough examples: a 25th of all, or 100 where that is more, as far as a fifth of all
  /// goes. What is left of the longest joins the last bucket.
  public static func cut(_ examples: [ComparedExample]) -> [LengthBucket] {
    let least = max(1, examples.count / 25, min(100, examples.count / 5))
    let groups = Dictionary(grouping: examples, by: \.length).sorted { $0.key < $1.key }
    var result: [LengthBucket] = []
    var open: LengthBucket?
    for (length, examples) in groups {
      let bucket = LengthBucket(lengths: length...length, examples: examples)
      let joined = open.map { $0.joined(bucket) } ?? bucket
      if joined.examples.count >= least {
        result.append(joined)
        open = nil
      } else {
        open = joined
      }
    }
    if let open { result.append(result.popLast().map { $0.joined(open) } ?? open) }
    return result
  }

  private func joined(_ longer: LengthBucket) -> LengthBucket {
    LengthBucket(
      lengths: lengths.lowerBound...longer.lengths.upperBound, examples: examples + longer.examples)
  }

  /// The mean number of units of the examples' first targets, to the nearest whole one.
  var targetLength: Int {
    let units = examples.reduce(0) { $0 + $1.readings[0].references[0].count }
    return (units + examples.count / 2) / examples.count
  }
}

import AttentionReference
import Testing

/// What masks hide reaches nothing; heads and sources know nothing of each other.
@Suite struct AttentionMaskTests {
  typealias Sample = AttentionSample
  typealias Input = AttentionSample.Input

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func weightsAreWhereNoMaskIs(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let sample = Sample(kind, masking)
    let result = try sample.result()
    let scores = try Reference.attentionScores(sample.input, score: sample.score, at: .masked)
    for pair in Sample.allPairs {
      #expect((result.weights[pair.index] > 0) == sample.isVisible(pair))
      #expect((result.alignment[pair.index] > 0) == sample.isVisible(pair))
      #expect((scores[pair.index] > -.infinity) == sample.isVisible(pair))
    }
    let hidden = sample.hidden.queries
    expectEqual(
      result.weights.rows(4).map { $0.reduce(0, +) }, (0..<24).map { hidden.contains($0) ? 0 : 1 }, "sums")
  }

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func aQueryWithNothingToAttendToGivesZeros(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let sample = Sample(kind, masking)
    let (result, gradient) = (try sample.result(), try sample.gradient())
    for row in sample.hidden.queries {
      #expect(result.context.rows(2)[row] == [0, 0])
      #expect(result.alignment.rows(4)[row] == [0, 0, 0, 0])
      #expect(result.logSumExp[row] == -.infinity)
      #expect(gradient.queries.rows(3)[row] == [0, 0, 0])
      #expect(gradient.bias.rows(4)[row] == [0, 0, 0, 0])
      if !gradient.centres.isEmpty { #expect(gradient.centres[row] == 0) }
    }
    for row in sample.hidden.keys {
      #expect(gradient.values.rows(2)[row] == [0, 0])
      if kind != .location { #expect(gradient.keys.rows(kind.keyWidth)[row].allSatisfy { $0 == 0 }) }
    }
  }

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func maskedPlacesReachNothing(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let clean = Sample(kind, masking)
    let (expected, expectedGradient) = (try clean.result(), try clean.gradient())
    for poison in [Double.nan, .infinity, -.infinity] {
      let dirty = poisoned(clean, poison)
      let (found, gradient) = (try dirty.result(), try dirty.gradient())
      #expect(found.context == expected.context)
      #expect(found.alignment == expected.alignment)
      #expect(found.logSumExp == expected.logSumExp)
      #expect(gradient.parts == expectedGradient.parts)
    }
  }

  /// With something else in all queries that see nothing, all keys that nothing sees, and all that is said of masked pairs.
  private func poisoned(_ clean: Sample, _ poison: Double) -> Sample {
    var dirty = clean
    func fill(_ array: inout [Double], _ row: Int, _ width: Int) {
      for i in row * width..<(row + 1) * width { array[i] = poison }
    }
    for row in clean.hidden.queries {
      fill(&dirty.input.queries, row, Sample.hidden)
      fill(&dirty.contextGradient, row, Sample.valueWidth)
    }
    for row in clean.hidden.keys {
      fill(&dirty.input.keys, row, clean.kind.keyWidth)
      fill(&dirty.input.values, row, Sample.valueWidth)
    }
    for pair in Sample.allPairs where !clean.isVisible(pair) {
      dirty.input.shaping.dropout?[pair.index] = poison
      // Where the bias is what masks, it stays.
      if clean.masking == .everything, Sample.bias[pair.index].isFinite {
        dirty.input.shaping.bias?[pair.index] = poison
      }
    }
    return dirty
  }

  @Test(arguments: Sample.Kind.allCases.filter { $0 != .location }, Sample.Masking.allCases)
  func nanInARealPlaceShows(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let clean = Sample(kind, masking)
    // In the middle of all pairs: not every mask hides it.
    let seen = try #require(Sample.allPairs.filter(clean.isVisible).dropFirst(8).first)
    let readers = Set(Sample.allPairs.filter { clean.isVisible($0) && $0.key == seen.key }.map(\.query))
    var dirty = clean
    dirty.input.keys[seen.key * kind.keyWidth] = .nan
    for (row, context) in try dirty.result().context.rows(Sample.valueWidth).enumerated() {
      #expect(context.allSatisfy { $0.isNaN == readers.contains(row) })
    }
  }

  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func everyHeadOfASourceIsAttentionAlone(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let sample = Sample(kind, masking)
    let together = try sample.result()
    for b in 0..<Sample.batch {
      for h in 0..<Sample.heads {
        let alone = try Reference.attention(Self.head(h, of: b, sample.input, kind), score: sample.score)
        let head = b * Sample.heads + h
        #expect(together.context.rows(6)[head] == alone.context)
        #expect(together.alignment.rows(12)[head] == alone.alignment)
        #expect(together.logSumExp.rows(3)[head] == alone.logSumExp)
      }
    }
  }

  /// One head of one source, cut to the source's length.
  private static func head(_ h: Int, of b: Int, _ input: Input, _ kind: Sample.Kind) -> Input {
    let (head, keyHead) = (b * Sample.heads + h, b * Sample.keyHeads + h / 2)
    var alone = input
    (alone.batch, alone.heads, alone.keyHeads) = (1, 1, 1)
    alone.queries = input.queries.rows(9)[head]
    alone.keys = kind == .location ? [] : input.keys.rows(4 * kind.keyWidth)[keyHead]
    alone.values = input.values.rows(8)[keyHead]
    alone.lengths = input.lengths.map { [$0[b]] }
    alone.shaping.bias = input.shaping.bias?.rows(12)[head]
    alone.shaping.dropout = input.shaping.dropout?.rows(12)[head]
    alone.shaping.allowed = input.shaping.allowed.map { Array($0[head * 12..<head * 12 + 12]) }
    alone.shaping.window.centres = input.shaping.window.centres?.rows(3)[head]
    alone.shaping.window.offsets = input.shaping.window.offsets.map { [$0[b]] }
    return alone
  }

  /// Keys and values repeated for every query head give the same; a key head's gradient is the sum over its readers.
  @Test(arguments: Sample.Kind.allCases, Sample.Masking.allCases)
  func groupedHeadsAreRepeatedHeads(_ kind: Sample.Kind, _ masking: Sample.Masking) throws {
    let grouped = Sample(kind, masking)
    var repeated = grouped
    repeated.input.keyHeads = Sample.heads
    repeated.input.keys = grouped.input.keys.rows(4 * kind.keyWidth).flatMap { $0 + $0 }
    repeated.input.values = grouped.input.values.rows(8).flatMap { $0 + $0 }
    #expect(try grouped.result().context == repeated.result().context)

    let (found, each) = (try grouped.gradient(), try repeated.gradient())
    func sums(_ rows: [[Double]]) -> [Double] {
      stride(from: 0, to: rows.count, by: 2).flatMap { zip(rows[$0], rows[$0 + 1]).map(+) }
    }
    expectEqual(found.queries, each.queries, "queries")
    expectEqual(found.keys, sums(each.keys.rows(4 * kind.keyWidth)), "keys")
    expectEqual(found.values, sums(each.values.rows(8)), "values")
  }
}

import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct AttentionKernelTests {
    typealias Score = AttentionProblem.Score

    /// Every awkward width for H, D and Tk in turn; queries that do not fill a tile, and more than any has.
    @Test(arguments: Score.allCases, sets)
    func widthsOfEverySize(_ score: Score, _ set: String) throws {
      for w in widths(set) {
        for (queries, keys, hidden, values) in [(1, 5, w, 3), (2, w, 3, 5), (61, 6, 4, w), (3, w, w, w)] {
          try AttentionProblem(
            score, queries: queries, keys: keys, hidden: hidden, values: values, seed: UInt64(w)
          ).check(set)
        }
      }
    }

    /// Lengths from none to all, a source that is masked as a whole among them.
    @Test(arguments: Score.allCases, sets)
    func ragged(_ score: Score, _ set: String) throws {
      for keys in widths(set) {
        try AttentionProblem(
          score, batch: 4, queries: 18, keys: keys, hidden: 11, values: 13,
          lengths: [keys, 0, (keys + 1) / 2, max(keys - 1, 0)], seed: 2
        ).check(set)
      }
    }

    @Test(arguments: Score.allCases, sets)
    func emptySizes(_ score: Score, _ set: String) throws {
      for empty in 0..<5 {
        let size = (0..<5).map { $0 == empty ? 0 : 3 }
        try AttentionProblem(
          score, batch: size[0], queries: size[1], keys: size[2], hidden: size[3], values: size[4]
        ).check(set)
      }
    }

    /// Scores around ±1e4, of small integers so that they are exact: the softmax saturates without a NaN.
    @Test(arguments: sets)
    func veryLargeScores(set: String) throws {
      for w in widths(set) {
        var problem = AttentionProblem(.dot, queries: 3, keys: 2 * w, hidden: w, values: 5, scale: 1)
        problem.queries = problem.queries.map { 10 * ($0 * 5).rounded() }
        problem.keys = problem.keys.map { 10 * ($0 * 5).rounded() }
        try problem.check(set)
        // v of ±1e4 with saturated tanh.
        problem = AttentionProblem(.additive, queries: 3, keys: 2 * w, hidden: w, values: 5)
        problem.v = problem.v.map { 1e4 * $0.rounded() }
        problem.queries = problem.queries.map { 100 * $0.rounded() }
        try problem.check(set)
      }
    }

    /// Just below and just beyond where the additive score goes from each form to the next; whole groups of four vectors and
    /// a rest, keys and queries that do not fill a group.
    @Test(arguments: [9.9, 10.1, 19.9, 20.1, 42.9, 43.1] as [Float], sets)
    func everyFormOfTheAdditiveScore(_ reach: Float, _ set: String) throws {
      for (queries, keys, hidden) in [
        (5, 13, 4 * lanes(set) + 3), (2, 7, lanes(set)), (61, 9, 9 * lanes(set)),
      ] {
        try AttentionProblem(.additive, queries: queries, keys: keys, hidden: hidden, values: 3)
          .reaching(reach).check(set)
      }
    }

    /// Gradients that are added to what was there, from more keys than a block has (512).
    @Test(arguments: Score.allCases, sets)
    func blocksAccumulate(_ score: Score, _ set: String) throws {
      for queries in [1, 7] {
        try AttentionProblem(score, batch: 2, queries: queries, keys: 1100, hidden: 9, values: 5).check(set)
      }
    }

    @Test(arguments: Score.allCases, sets)
    func maskedPlacesAreNotRead(_ score: Score, _ set: String) throws {
      let keys = 2 * lanes(set) + 3
      let problem = AttentionProblem(
        score, queries: 5, keys: keys, hidden: lanes(set) + 1, values: 7, lengths: [2, 0, keys - 1])
      let expected = try under(set) { problem.run() }
      #expect(expected.all.allSatisfy { $0.allSatisfy(\.isFinite) })
      for poison in [Float.nan, .infinity, -.infinity] {
        let result = try under(set) { problem.poisoned(poison).run() }
        #expect(result.all.map(\.bits) == expected.all.map(\.bits))
      }
    }

    /// A NaN among the real keys fills what depends on it: its source's alignment and context, and no other's.
    @Test(arguments: Score.allCases, sets)
    func nanInARealPlaceShows(_ score: Score, _ set: String) throws {
      var problem = AttentionProblem(score, queries: 2, keys: 5, hidden: 9, values: 3)
      problem.keys[(5 + 4) * 9 + 8] = .nan
      let result = try under(set) { problem.run() }
      for (b, context) in zip(0..., stride(from: 0, to: result.context.count, by: 6)) {
        #expect(result.context[context..<context + 6].allSatisfy { $0.isNaN == (b == 1) })
        #expect(result.alignment[b * 10..<(b + 1) * 10].allSatisfy { $0.isNaN == (b == 1) })
        #expect(result.dqueries[b * 18..<(b + 1) * 18].allSatisfy { $0.isNaN == (b == 1) })
        #expect(result.dkeys[b * 45..<(b + 1) * 45].allSatisfy { $0.isNaN == (b == 1) })
        #expect(result.dvalues[b * 15..<(b + 1) * 15].allSatisfy { $0.isNaN == (b == 1) })
      }
      var withValue = AttentionProblem(score, queries: 2, keys: 5, hidden: 9, values: 3)
      withValue.values[2] = .nan
      let column = try under(set) { withValue.run() }.context.map(\.isNaN)
      #expect(column == [false, false, true, false, false, true] + [Bool](repeating: false, count: 12))
    }
  }
}

import Attention
import TestSupport
import Testing

extension KernelTests {
  /// Which weights are dropped; that forward and backward agree on it is among ``AttentionTypesTests``.
  @Suite struct AttentionDropoutTests {
    /// 0 where a weight is dropped, else what it grew by: equal weights 1 / Tk, and values that are unit vectors.
    private func factors(
      _ rate: Float, seed: UInt64 = 5, b: Int = 2, heads: Int = 2, tq: Int = 40, tk: Int = 48
    ) throws -> [Float] {
      var unit = [Float](repeating: 0, count: b * tk * tk)
      for row in 0..<b * tk { unit[row * tk + row % tk] = 1 }
      let attended = try DotAttention().forward(
        queries: Tensor(zeros: [b, heads, tq, 1]), keys: Tensor(zeros: [b, 1, tk, 1]),
        values: Tensor(unit, shape: [b, 1, tk, tk]), options: AttentionOptions(dropout: rate, seed: seed),
        alignment: true)
      #expect(attended.alignment!.elements.allSatisfy { abs($0 * Float(tk) - 1) < 1e-5 })
      return attended.context.elements.map { $0 * Float(tk) }
    }

    @Test(arguments: sets)
    func growsWhatItKeeps(set: String) throws {
      try under(set) {
        for rate in [0, 0.1, 0.5, 0.9] as [Float] {
          for factor in try factors(rate) {
            #expect(factor == 0 && rate > 0 || abs(factor * (1 - rate) - 1) < 1e-5)
          }
        }
      }
    }

    @Test(arguments: sets)
    func isTheSameUnderEverySetAndAtAnyNumberOfThreads(set: String) throws {
      let expected = try under("scalar") { try factors(0.3) }.map { $0 == 0 }
      try under(set) {
        for threads in [1, 2, 3, 8] {
          let dropped = try withThreads(threads) { try factors(0.3) }.map { $0 == 0 }
          #expect(dropped == expected, "\(threads) threads")
        }
      }
    }

    /// A place's fate depends on the place and the seed alone: a smaller call drops the same of what it has.
    @Test(arguments: sets)
    func dependsOnSeedAndPlaceAlone(set: String) throws {
      try under(set) {
        let (whole, part) = (try factors(0.4), try factors(0.4, tq: 7))
        let (rows, parts) = (whole.chunked(40 * 48), part.chunked(7 * 48))
        for (row, part) in zip(rows, parts) {
          #expect(part.map { $0 == 0 } == row[..<part.count].map { $0 == 0 })
        }
        let single = try factors(0.4, heads: 1)
        for (row, part) in zip([rows[0], rows[2]], single.chunked(40 * 48)) {
          #expect(part.map { $0 == 0 } == row.map { $0 == 0 })
        }
        let other = try factors(0.4, seed: 6)
        #expect(other.map { $0 == 0 } != whole.map { $0 == 0 })
      }
    }

    /// Shares of 100,000 and more draws lie within five standard deviations of what they should be.
    @Test(arguments: [Float(0.1), 0.3, 0.5, 0.9], [UInt64(0), 1, 1 << 40])
    func dropsTheRate(_ rate: Float, _ seed: UInt64) throws {
      func kept(_ seed: UInt64) throws -> [Bool] {
        try factors(rate, seed: seed, b: 4, heads: 4, tq: 100, tk: 80).map { $0 != 0 }
      }
      let (first, other) = (try kept(seed), try kept(seed + 1))
      let p = 1 - Double(rate)
      func check(_ name: String, _ hits: [Bool], _ p: Double) {
        let sigma = (Double(hits.count) * p * (1 - p)).squareRoot()
        let distance = abs(Double(hits.count { $0 }) - Double(hits.count) * p) / sigma
        #expect(distance < 5, "\(name): \(distance) standard deviations off")
      }
      check("kept", first, p)
      check("neighbours", stride(from: 0, to: first.count, by: 2).map { first[$0] && first[$0 + 1] }, p * p)
      check("another seed", zip(first, other).map { $0 && $1 }, p * p)
      // The same key of neighbouring queries, heads and sources.
      for (name, distance) in [("queries", 80), ("heads", 8000), ("sources", 32000)] {
        let pairs = stride(from: 0, to: first.count, by: 2 * distance).flatMap { start in
          (start..<start + distance).map { first[$0] && first[$0 + distance] }
        }
        check("neighbouring \(name)", pairs, p * p)
      }
    }
  }
}

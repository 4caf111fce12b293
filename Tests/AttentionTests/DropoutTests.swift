import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct DropoutTests {
    static let rates: [Float] = [0, 0.1, 0.3, 0.5, 0.9]

    private func dropped(
      _ x: [Float], rate: Float, seed: UInt64 = 11, offset: UInt64 = 0, set: String
    ) throws -> [Float] {
      var y = Output(x.count)
      try under(set) { expectOK(ck_dropout_f32(&y.memory, x, rate, seed, offset, Int64(x.count))) }
      return y.elements
    }

    @Test(arguments: sets)
    func scalesWhatItKeeps(set: String) throws {
      var random = SeededRandom(4)
      for rate in Self.rates {
        for count in widths(set) + [0, 1000] {
          let x = random.floats(count, 1, 2)
          let y = try dropped(x, rate: rate, set: set)
          let truth = zip(x, y).map { $1 == 0 ? 0 : Double($0) / (1 - Double(rate)) }
          // 1 − rate, its reciprocal and the product round: three times u.
          expect(
            Trial("dropout", set: set, shape: "\(count), rate \(rate)").compare(
              "y", y, truth, .sum(terms: 1, magnitudes: truth)))
          if rate == 0 { #expect(y == x) }
        }
      }
    }

    @Test(arguments: sets)
    func isTheSameUnderEverySet(set: String) throws {
      var random = SeededRandom(5)
      let x = random.floats(10_007)
      for rate in Self.rates {
        #expect(try dropped(x, rate: rate, set: set) == dropped(x, rate: rate, set: "scalar"))
      }
    }

    /// A million draws: the share that is kept lies within five standard deviations of 1 − rate, neighbours are kept
    /// independently of each other, and so are the same places under another seed.
    @Test(arguments: rates.dropFirst(), [UInt64(0), 1, 1 << 40])
    func keepsOneMinusRate(_ rate: Float, _ seed: UInt64) throws {
      let x = [Float](repeating: 1, count: 1_000_000)
      let kept = try dropped(x, rate: rate, seed: seed, set: KernelTests.sets[0]).map { $0 != 0 }
      let other = try dropped(x, rate: rate, seed: seed + 1, set: KernelTests.sets[0]).map { $0 != 0 }
      let p = 1 - Double(rate)
      func check(_ name: String, _ hits: Int, _ draws: Int, _ p: Double) {
        let sigma = (Double(draws) * p * (1 - p)).squareRoot()
        let distance = abs(Double(hits) - Double(draws) * p) / sigma
        #expect(distance < 5, "\(name): \(hits) of \(draws), \(distance) standard deviations off")
      }
      check("kept", kept.count { $0 }, kept.count, p)
      // Disjoint pairs, so that the draws are independent.
      let pairs = stride(from: 0, to: kept.count, by: 2).count { kept[$0] && kept[$0 + 1] }
      check("neighbours", pairs, kept.count / 2, p * p)
      check("another seed", zip(kept, other).count { $0 && $1 }, kept.count, p * p)
    }

    /// Element i of a call at an offset is element offset + i of a call at 0, whatever the ranges that it is cut in.
    @Test(arguments: sets)
    func dependsOnSeedAndPlaceAlone(set: String) throws {
      let x = [Float](repeating: 1, count: 40_000)
      let whole = try dropped(x, rate: 0.4, set: set)
      for offset in [1, 7, 16_384, 20_001] {
        let part = try dropped(Array(x[offset...]), rate: 0.4, offset: UInt64(offset), set: set)
        #expect(part == Array(whole[offset...]))
      }
    }

    /// Dropout is linear: the backward is the same call on the gradient, in place or not.
    @Test(arguments: sets)
    func isItsOwnBackward(set: String) throws {
      var random = SeededRandom(6)
      let dy = random.floats(999, 1, 2)
      let mask = try dropped([Float](repeating: 1, count: dy.count), rate: 0.25, set: set)
      let dx = try dropped(dy, rate: 0.25, set: set)
      #expect(dx == zip(dy, mask).map { $0 * $1 })
      var inPlace = Output(dy)
      try under(set) {
        inPlace.memory.withUnsafeMutableBufferPointer {
          expectOK(ck_dropout_f32($0.baseAddress, $0.baseAddress, 0.25, 11, 0, Int64(dy.count)))
        }
      }
      #expect(inPlace.elements == dx)
    }
  }
}

extension Sequence {
  fileprivate func count(_ predicate: (Element) -> Bool) -> Int { reduce(0) { $0 + (predicate($1) ? 1 : 0) } }
}

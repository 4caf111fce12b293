import Foundation
import Seq2Seq
import Testing

@Suite struct SeededGeneratorTests {
  /// The first numbers of Vigna's splitmix64.c for the seed 1234567.
  @Test func isSplitMix64() {
    var generator = SeededGenerator(seed: 1_234_567)
    #expect(
      (0..<5).map { _ in generator.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  /// Of 60,000 draws from six, each count stays within six standard deviations (91) of 10,000.
  @Test func integersAreEquallyLikely() {
    var generator = SeededGenerator(seed: 1)
    var counts = Array(repeating: 0, count: 6)
    for _ in 0..<60_000 { counts[generator.integer(below: 6)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 10_000) < 548 }, "\(counts)")
    #expect(generator.integer(below: 1) == 0)
  }

  @Test func uniformFillsTheUnitInterval() {
    var generator = SeededGenerator(seed: 2)
    let numbers = (0..<10_000).map { _ in generator.uniform() }
    #expect(numbers.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(numbers.reduce(0, +) / 10_000 - 0.5) < 0.02)
  }

  /// Each of the six orders of three comes up about as often, and the elements stay the same.
  @Test func shufflesFairly() {
    var generator = SeededGenerator(seed: 3)
    var counts: [[Int]: Int] = [:]
    for _ in 0..<6_000 { counts[generator.shuffled([1, 2, 3]), default: 0] += 1 }
    #expect(counts.count == 6 && counts.values.allSatisfy { abs($0 - 1_000) < 174 }, "\(counts)")
    #expect(generator.shuffled(0..<100).sorted() == Array(0..<100))
    #expect(generator.shuffled([Int]()) == [])
  }

  /// Pins the order itself: changing it would silently change every seeded run.
  @Test func shuffleIsReproducible() {
    var generator = SeededGenerator(seed: 42)
    #expect(generator.shuffled(0..<8) == [4, 3, 2, 0, 7, 6, 1, 5])
  }
}

import Foundation
import Seq2Seq
import Testing

@Suite("How sharply a model looks") struct AlignmentStatisticsTests {
  private func statistics(_ alignments: [[Float]]...) -> AlignmentStatistics {
    var result = AlignmentStatistics()
    for alignment in alignments { result.add(alignment) }
    return result
  }

  @Test func onePositionHasNoEntropy() {
    let found = statistics([[0, 1, 0], [1, 0, 0]])
    #expect(found.rows == 2 && found.entropy == 0 && found.largestWeight == 1)
  }

  @Test func allAlikeHaveTheMost() throws {
    let found = statistics([[0.25, 0.25, 0.25, 0.25]])
    #expect(abs(try #require(found.entropy) - log(4)) < 1e-12 && found.largestWeight == 0.25)
  }

  /// −(¾ log ¾ + ¼ log ¼) and 0, of sources of different lengths; a row of weights that add up to a half counts as the same shape.
  @Test func isTheMeanOverRows() throws {
    let entropy: Double = -0.75 * log(0.75) - 0.25 * log(0.25)
    let found = statistics([[0.75, 0.25]], [[0, 0, 1], [0.375, 0, 0.125]])
    #expect(found.rows == 3)
    #expect(abs(try #require(found.entropy) - 2 * entropy / 3) < 1e-12)
    let largest: Double = (0.75 + 1 + 0.375) / 3
    #expect(abs(try #require(found.largestWeight) - largest) < 1e-12)
  }

  @Test func rowsWithoutWeightsHaveNoSay() {
    #expect(statistics([[0, 0], []], []).entropy == nil && statistics().largestWeight == nil)
    let (found, alone) = (statistics([[0, 0], [0.5, 0.5], []]), statistics([[0.5, 0.5]]))
    #expect(found == alone && found.rows == 1)
  }
}

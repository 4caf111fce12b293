import Attention
import Testing

@Suite struct VectorOperationsTests {
  private func largest(_ count: Int, _ values: [Float]) -> [Int] {
    values.withUnsafeBufferPointer { Attention.largest(count, of: $0) }
  }

  @Test("the largest elements, against sorting, at every length around the vector's width")
  func againstSorting() {
    var state: UInt32 = 1
    for length in 0...40 {
      for count in [0, 1, 3, 8, 50] {
        let values = (0..<length).map { _ in
          state = state &* 1_664_525 &+ 1_013_904_223
          return Float(state >> 28) - 8  // few distinct values, so that ties are common
        }
        let sorted = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }
        #expect(largest(count, values) == Array(sorted.prefix(count)))
      }
    }
  }

  @Test func notANumberIsNeverAmongThem() {
    #expect(largest(2, [.nan, 1, .nan, 3, 2, .nan, .nan, .nan, 0, .nan]) == [3, 4])
    #expect(largest(2, [Float](repeating: .nan, count: 20)).isEmpty)
    #expect(largest(2, [-.infinity, -.infinity, .infinity]) == [2, 0])
  }
}

import AttentionReference
import CKernels
import TestSupport
import Testing

extension KernelTests {
  /// Rows gathered, scattered and summed. Their order of adding is part of the contract, so results are exact.
  @Suite struct RowsTests {
    @Test(arguments: sets)
    func gather(set: String) throws {
      var random = SeededRandom(31)
      for columns in widths(set) + [0, 130] {
        let (stride, outStride, tableRows) = (columns + 3, columns + 2, 11)
        let table = random.floats(tableRows * stride)
        let index = random.integers(20, in: -2...tableRows - 1)
        let start = random.floats(index.count * outStride)
        var out = Output(start)
        try under(set) {
          expectOK(
            ck_gather_rows_f32(
              &out.memory, Int64(outStride), table, Int64(stride), index.int32, Int64(index.count),
              Int64(tableRows), Int64(columns)))
        }
        var truth = start
        for (n, row) in index.enumerated() {
          for j in 0..<columns { truth[n * outStride + j] = row < 0 ? 0 : table[row * stride + j] }
        }
        expect(
          Trial("gather rows", set: set, shape: "20 of 11 × \(columns)").compare(
            "out", out.elements, truth.doubles, .exact))
      }
    }

    /// Bit for bit the reference's sums in `Float`: both add in the order of the rows.
    @Test(arguments: sets)
    func scatter(set: String) throws {
      var random = SeededRandom(32)
      for columns in widths(set) + [0, 130] {
        let (tableRows, ids) = (7, random.integers(50, in: 0...6))
        let rows = random.floats(ids.count * columns)
        var table = Output([Float](repeating: 0, count: tableRows * columns))
        try under(set) {
          expectOK(
            ck_scatter_add_rows_f32(
              &table.memory, Int64(columns), rows, Int64(columns), ids.int32, Int64(ids.count),
              Int64(tableRows), Int64(columns)))
        }
        let truth = try Reference.embeddingBackward(rows, ids: ids, vocabulary: tableRows, width: columns)
        expect(
          Trial("scatter-add rows", set: set, shape: "50 to 7 × \(columns)").compare(
            "table", table.elements, truth.doubles, .exact))
      }
    }

    @Test(arguments: sets)
    func scatterKeepsStridesAndSkipsNegatives(set: String) throws {
      var random = SeededRandom(33)
      let (columns, stride, rowsStride) = (lanes(set) + 1, lanes(set) + 4, lanes(set) + 2)
      let (start, rows) = (random.floats(3 * stride), random.floats(4 * rowsStride))
      let index = [2, -1, 2, 0]
      var table = Output(start)
      try under(set) {
        expectOK(
          ck_scatter_add_rows_f32(
            &table.memory, Int64(stride), rows, Int64(rowsStride), index.int32, 4, 3, Int64(columns)))
      }
      var truth = start
      for (n, row) in index.enumerated() where row >= 0 {
        for j in 0..<columns { truth[row * stride + j] += rows[n * rowsStride + j] }
      }
      #expect(table.elements == truth)
    }

    @Test(arguments: sets)
    func sums(set: String) throws {
      var random = SeededRandom(34)
      for columns in widths(set) + [0, 130] {
        for count in [0, 1, 33] {
          let stride = columns + 1
          let (start, rows) = (random.floats(columns), random.floats(count * stride))
          var sums = Output(start)
          try under(set) {
            expectOK(ck_sum_rows_f32(&sums.memory, rows, Int64(stride), Int64(count), Int64(columns)))
          }
          let truth = (0..<columns).map { j in (0..<count).reduce(start[j]) { $0 + rows[$1 * stride + j] } }
          expect(
            Trial("sum rows", set: set, shape: "\(count) × \(columns)").compare(
              "sums", sums.elements, truth.doubles, .exact))
        }
      }
    }
  }
}

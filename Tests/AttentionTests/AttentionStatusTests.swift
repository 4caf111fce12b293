import CKernels
import TestSupport
import Testing

/// What the attention kernels say of arguments that do not fit, and that they write nothing then.
extension KernelTests {
  @Suite struct AttentionStatusTests {
    private static let x = [Float](repeating: 1, count: 256)
    private static let huge: Int64 = 1 << 62

    /// The arrays of a call, any of which may be missing.
    fileprivate enum Part {
      case queries, keys, values, context, dcontext, statistics, dqueries, dkeys, dvalues, dv
    }

    private static func plain() -> ck_attention {
      var a = ck_attention()
      (a.B, a.heads, a.key_heads, a.Tq, a.Tk, a.H, a.D) = (2, 2, 1, 2, 2, 2, 2)
      (a.query, a.key) = (ck_strides(batch: 8, head: 2, row: 4), ck_strides(batch: 4, head: 2, row: 2))
      (a.value, a.context) = (a.key, a.query)
      (a.left, a.right, a.scale) = (-1, -1, 1)
      return a
    }

    private static func call(_ direction: Direction, _ a: ck_attention, missing: Part? = nil) -> ck_status {
      var a = a
      var outputs = (0..<5).map { _ in [Float](repeating: 0.25, count: 256) }
      let before = outputs
      func there(_ part: Part) -> [Float]? { part == missing ? nil : x }
      let (q, k, v) = (there(.queries), there(.keys), there(.values))
      let status: ck_status
      switch direction {
      case .forward:
        status = withPointers(&outputs) {
          ck_attention_forward_f32(missing == .context ? nil : $0[0], $0[1], $0[2], q, k, v, &a)
        }
      case .backward:
        status = withPointers(&outputs) {
          var g = ck_attention_gradients()
          g.queries = missing == .dqueries ? nil : $0[0]
          g.keys = missing == .dkeys ? nil : $0[1]
          g.values = missing == .dvalues ? nil : $0[2]
          g.v = missing == .dv ? nil : $0[3]
          return ck_attention_backward_f32(
            &g, there(.dcontext), there(.context), there(.statistics), nil, q, k, v, 0, &a)
        }
      case .scores:
        status = withPointers(&outputs) {
          ck_attention_scores_f32(missing == .context ? nil : $0[0], Int32(CK_SCORES_RAW), q, k, &a)
        }
      }
      if status != CK_OK { #expect(outputs == before, "something was written") }
      return status
    }

    private static func withPointers(
      _ arrays: inout [[Float]], _ body: ([UnsafeMutablePointer<Float>]) -> ck_status
    ) -> ck_status {
      var memory = arrays.flatMap { $0 }
      let status = memory.withUnsafeMutableBufferPointer { all in
        body(arrays.indices.map { all.baseAddress! + $0 * 256 })
      }
      arrays = memory.chunked(256)
      return status
    }

    enum Direction: CaseIterable {
      case forward, backward, scores

      fileprivate var needs: [Part] {
        switch self {
        case .forward: [.queries, .keys, .values, .context]
        case .backward:
          [.queries, .keys, .values, .context, .dcontext, .statistics, .dqueries, .dkeys, .dvalues]
        case .scores: [.queries, .keys, .context]
        }
      }
    }

    @Test(arguments: Direction.allCases)
    func nullPointers(_ direction: Direction) {
      expect(Self.call(direction, Self.plain()), CK_OK)
      for part in direction.needs {
        #expect(Self.call(direction, Self.plain(), missing: part) == CK_NULL_POINTER, "\(part)")
      }
      // Nothing is needed where there is nothing.
      var empty = Self.plain()
      empty.B = 0
      for part in direction.needs { #expect(Self.call(direction, empty, missing: part) == CK_OK, "\(part)") }
    }

    @Test func theGradientOfVIsNeededWithV() {
      let v: [Float] = [1, 2]
      v.withUnsafeBufferPointer {
        var a = Self.plain()
        a.v = $0.baseAddress
        expect(Self.call(.backward, a), CK_OK)
        expect(Self.call(.backward, a, missing: .dv), CK_NULL_POINTER)
      }
    }

    @Test func noDescription() {
      var y = Self.x
      expect(ck_attention_forward_f32(&y, nil, nil, Self.x, Self.x, Self.x, nil), CK_NULL_POINTER)
      expect(ck_attention_scores_f32(&y, 0, Self.x, Self.x, nil), CK_NULL_POINTER)
      var a = Self.plain()
      expect(
        ck_attention_backward_f32(nil, Self.x, Self.x, Self.x, nil, Self.x, Self.x, Self.x, 0, &a),
        CK_NULL_POINTER)
      #expect(y == Self.x)
    }

    @Test(arguments: Direction.allCases)
    func sizes(_ direction: Direction) {
      let sizes: [WritableKeyPath<ck_attention, Int64>] = [
        \.B, \.heads, \.key_heads, \.Tq, \.Tk, \.H, \.D,
      ]
      for size in sizes {
        for bad in [-1, Self.huge] {
          var a = Self.plain()
          a[keyPath: size] = bad
          #expect(Self.call(direction, a) == CK_BAD_SIZE, "\(size) = \(bad)")
        }
      }
      // Each fits, but not their product.
      var a = Self.plain()
      (a.B, a.Tq, a.Tk) = (1 << 30, 1 << 30, 1 << 30)
      expect(Self.call(direction, a), CK_BAD_SIZE)
    }

    @Test(arguments: Direction.allCases)
    func headsThatDoNotDivide(_ direction: Direction) {
      for (heads, keyHeads) in [(3, 2), (1, 2), (2, 0)] as [(Int64, Int64)] {
        var a = Self.plain()
        (a.heads, a.key_heads) = (heads, keyHeads)
        let status = Self.call(direction, a)
        #expect(status == CK_BAD_SIZE || status == CK_OUT_OF_RANGE, "\(heads) heads, \(keyHeads) key heads")
      }
    }

    @Test(arguments: Direction.allCases)
    func lengthsBeyond(_ direction: Direction) {
      for lengths in [[2, 3], [-1, 2]] as [[Int32]] {
        lengths.withUnsafeBufferPointer {
          var a = Self.plain()
          a.lengths = $0.baseAddress
          expect(Self.call(direction, a), CK_OUT_OF_RANGE)
        }
      }
    }

    /// Starts that go back, or that give a sentence more rows than the longest one is said to have.
    @Test(arguments: Direction.allCases)
    func startsThatDoNotFit(_ direction: Direction) {
      let fine: [Int64] = [0, 1, 3]
      for bad in [[0, 2, 1], [0, 3, 4], [-1, 0, 1]] as [[Int64]] {
        bad.withUnsafeBufferPointer { bad in
          fine.withUnsafeBufferPointer { fine in
            var a = Self.plain()
            (a.query_starts, a.key_starts) = (bad.baseAddress, fine.baseAddress)
            expect(Self.call(direction, a), CK_OUT_OF_RANGE)
            (a.query_starts, a.key_starts) = (fine.baseAddress, bad.baseAddress)
            expect(Self.call(direction, a), CK_OUT_OF_RANGE)
          }
        }
      }
    }

    @Test(arguments: Direction.allCases)
    func parametersOutOfRange(_ direction: Direction) {
      for rate in [1, -0.1, 2, .nan] as [Float] {
        var a = Self.plain()
        a.dropout = rate
        #expect(Self.call(direction, a) == CK_OUT_OF_RANGE, "dropout \(rate)")
      }
      let reach: Int64 = 1 << 41
      let numbers: [(WritableKeyPath<ck_attention, Float>, [Float])] = [
        (\.scale, [.nan, .infinity]), (\.softcap, [-1, .nan, .infinity, .leastNonzeroMagnitude]),
      ]
      for (parameter, bad) in numbers {
        for bad in bad {
          var a = Self.plain()
          a[keyPath: parameter] = bad
          #expect(Self.call(direction, a) == CK_OUT_OF_RANGE, "\(parameter) = \(bad)")
        }
      }
      for (bound, bad) in [
        (\ck_attention.left, reach), (\.right, reach), (\.offset, reach), (\.offset, -reach),
      ] {
        var a = Self.plain()
        a[keyPath: bound] = bad
        #expect(Self.call(direction, a) == CK_OUT_OF_RANGE, "\(bound) = \(bad)")
      }
      let centres: [Float] = [0, 1, 0, 1, 0, 1, 0, 1]
      centres.withUnsafeBufferPointer {
        for deviation in [0, -1, .nan, .infinity, 1e-30] as [Float] {
          var a = Self.plain()
          (a.centres, a.deviation) = ($0.baseAddress, deviation)
          #expect(Self.call(direction, a) == CK_OUT_OF_RANGE, "deviation \(deviation)")
        }
      }
    }

    @Test func anUnknownStage() {
      for stage in [-1, 3] as [Int32] {
        var (y, a) = (Self.x, Self.plain())
        expect(ck_attention_scores_f32(&y, stage, Self.x, Self.x, &a), CK_OUT_OF_RANGE)
        #expect(y == Self.x)
      }
    }

    /// Rows that are written may not repeat; those that are read may.
    @Test func stridesOfOutputs() {
      let dimensions: [WritableKeyPath<ck_strides, Int64>] = [\.batch, \.head, \.row]
      for dimension in dimensions {
        var a = Self.plain()
        a.query[keyPath: dimension] = 0
        expect(Self.call(.forward, a), CK_OK)
        expect(Self.call(.scores, a), CK_OK)
        expect(Self.call(.backward, a), CK_BAD_SIZE)
        a = Self.plain()
        a.context[keyPath: dimension] = 0
        expect(Self.call(.forward, a), CK_BAD_SIZE)
        a = Self.plain()
        a.key[keyPath: dimension] = dimension == \.head ? -1 : 1 << 50
        expect(Self.call(.forward, a), CK_BAD_SIZE)
      }
    }

    /// Nothing to write takes no time, however many rows it is nothing of.
    @Test func endlessNothing() {
      var a = ck_attention()
      (a.B, a.heads, a.key_heads, a.Tq, a.left, a.right) = (1 << 40, 1, 1, 1, -1, -1)
      expect(ck_attention_forward_f32(nil, nil, nil, nil, nil, nil, &a), CK_OK)
      var g = ck_attention_gradients()
      var statistics: Float = 0
      expect(ck_attention_backward_f32(&g, nil, nil, &statistics, nil, nil, nil, nil, 0, &a), CK_OK)
      (a.Tq, a.Tk) = (0, 1)
      expect(ck_attention_backward_f32(&g, nil, nil, nil, nil, nil, nil, nil, 0, &a), CK_OK)
    }

    /// Gradients of what is shared are zero where there is nothing to sum over.
    @Test func noHeads() {
      let v: [Float] = [1, 2]
      v.withUnsafeBufferPointer {
        var a = Self.plain()
        (a.v, a.heads, a.key_heads) = ($0.baseAddress, 0, 0)
        var dv: [Float] = [3, 4]
        dv.withUnsafeMutableBufferPointer { dv in
          var g = ck_attention_gradients()
          g.v = dv.baseAddress
          let x = Self.x
          expect(
            ck_attention_backward_f32(&g, nil, nil, nil, nil, nil, nil, nil, Int32(CK_ACCUMULATE), &a), CK_OK)
          #expect(Array(dv) == [3, 4])
          expect(ck_attention_backward_f32(&g, x, x, x, nil, x, x, x, 0, &a), CK_OK)
          #expect(Array(dv) == [0, 0])
        }
      }
    }
  }
}

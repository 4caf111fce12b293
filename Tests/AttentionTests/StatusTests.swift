import CKernels
import TestSupport
import Testing

/// What the C functions say of arguments that do not fit, and that they write nothing then.
extension KernelTests {
  @Suite struct StatusTests {
    private let x = [Float](repeating: 1, count: 64)
    private let huge: Int64 = 1 << 62
    private typealias Out = UnsafeMutablePointer<Float>?

    /// Runs a call on an output of 64 elements, and expects a status and an untouched output.
    private func expectStatus(
      _ expected: ck_status, _ call: (inout [Float]) -> ck_status,
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      var y = [Float](repeating: 0.25, count: 64)
      expect(call(&y), expected, sourceLocation: sourceLocation)
      #expect(y.allSatisfy { $0 == 0.25 }, "something was written", sourceLocation: sourceLocation)
    }

    private func matrix(_ data: UnsafePointer<Float>?, _ stride: Int64) -> ck_matrix {
      ck_matrix(data: data, row_stride: stride, column_stride: 1)
    }

    @Test func everyStatusHasItsMessage() {
      let all = [
        CK_OK, CK_NULL_POINTER, CK_BAD_SIZE, CK_OUT_OF_RANGE, CK_UNKNOWN_ISA, CK_UNSUPPORTED_ISA,
        CK_WRONG_PACKING, CK_NO_MEMORY, ck_status(rawValue: 99),
      ]
      let messages = all.map { String(cString: ck_status_message($0)) }
      #expect(Set(messages).count == all.count)
    }

    @Test func elementwise() {
      let maps = [ck_exp_f32, ck_tanh_f32, ck_sigmoid_f32, ck_add_f32]
      for map in maps {
        expectStatus(CK_NULL_POINTER) { _ in map(nil, x, 1) }
        expectStatus(CK_NULL_POINTER) { map(&$0, nil, 1) }
        expectStatus(CK_BAD_SIZE) { map(&$0, x, -1) }
        expectStatus(CK_OK) { _ in map(nil, nil, 0) }
      }
      expectStatus(CK_NULL_POINTER) { ck_tanh_backward_f32(&$0, x, nil, 1) }
      expectStatus(CK_NULL_POINTER) { ck_tanh_backward_f32(&$0, nil, x, 1) }
      expectStatus(CK_BAD_SIZE) { ck_tanh_backward_f32(&$0, x, x, -1) }
      expectStatus(CK_NULL_POINTER) { ck_maxout_f32(&$0, nil, 1) }
      expectStatus(CK_BAD_SIZE) { ck_maxout_f32(&$0, x, -1) }
      expectStatus(CK_NULL_POINTER) { ck_maxout_backward_f32(&$0, x, nil, 1) }
      expectStatus(CK_NULL_POINTER) { ck_maxout_backward_f32(&$0, nil, x, 1) }
      expectStatus(CK_BAD_SIZE) { ck_maxout_backward_f32(&$0, x, x, -1) }
      expectStatus(CK_NULL_POINTER) { ck_dropout_f32(&$0, nil, 0.5, 0, 0, 1) }
      expectStatus(CK_BAD_SIZE) { ck_dropout_f32(&$0, x, 0.5, 0, 0, -1) }
      for rate in [1, -0.1, 2, .nan, .infinity] as [Float] {
        expectStatus(CK_OUT_OF_RANGE) { ck_dropout_f32(&$0, x, rate, 0, 0, 1) }
      }
    }

    @Test func optimizer() {
      func adam(_ p: Out, step: Int64 = 1, beta1: Float = 0.9, beta2: Float = 0.9)
        -> ck_status
      {
        var (m, v) = (x, x)
        return ck_adam_f32(p, &m, &v, x, 1, 0.1, beta1, beta2, 1e-8, 0, step, 4)
      }
      expectStatus(CK_NULL_POINTER) { _ in adam(nil) }
      expectStatus(CK_OUT_OF_RANGE) { adam(&$0, step: 0) }
      expectStatus(CK_OUT_OF_RANGE) { adam(&$0, beta1: 1) }
      expectStatus(CK_OUT_OF_RANGE) { adam(&$0, beta2: -0.5) }
      expectStatus(CK_OUT_OF_RANGE) { adam(&$0, beta2: .nan) }
      expectStatus(CK_NULL_POINTER) { ck_adam_f32(&$0, nil, nil, x, 1, 0.1, 0.9, 0.9, 1e-8, 0, 1, 4) }
      expectStatus(CK_BAD_SIZE) { ck_adam_f32(&$0, nil, nil, nil, 1, 0.1, 0.9, 0.9, 1e-8, 0, 1, -4) }
      func adadelta(_ p: Out, decay: Float = 0.95) -> ck_status {
        var (squares, steps) = (x, x)
        return ck_adadelta_f32(p, &squares, &steps, x, 1, 1, decay, 1e-6, 0, 4)
      }
      expectStatus(CK_NULL_POINTER) { _ in adadelta(nil) }
      expectStatus(CK_OUT_OF_RANGE) { adadelta(&$0, decay: 1) }
      expectStatus(CK_OUT_OF_RANGE) { adadelta(&$0, decay: .nan) }
      expectStatus(CK_NULL_POINTER) { ck_adadelta_f32(&$0, nil, nil, x, 1, 1, 0.95, 1e-6, 0, 4) }
      expectStatus(CK_BAD_SIZE) { ck_adadelta_f32(&$0, nil, nil, nil, 1, 1, 0.95, 1e-6, 0, -4) }
      expectStatus(CK_NULL_POINTER) { ck_sgd_f32(&$0, nil, x, 1, 0.1, 0.9, 0, 4) }
      expectStatus(CK_NULL_POINTER) { ck_sgd_f32(&$0, nil, nil, 1, 0.1, 0, 0, 4) }
      expectStatus(CK_OUT_OF_RANGE) { ck_sgd_f32(&$0, nil, x, 1, 0.1, 1, 0, 4) }
      expectStatus(CK_OUT_OF_RANGE) { ck_sgd_f32(&$0, nil, x, 1, 0.1, .nan, 0, 4) }
      expectStatus(CK_BAD_SIZE) { ck_sgd_f32(&$0, nil, nil, 1, 0.1, 0, 0, -4) }
      expectStatus(CK_NULL_POINTER) { ck_lerp_f32(&$0, nil, 0.5, 4) }
      expectStatus(CK_OUT_OF_RANGE) { ck_lerp_f32(&$0, x, 1.5, 4) }
      expectStatus(CK_OUT_OF_RANGE) { ck_lerp_f32(&$0, x, .nan, 4) }
      expectStatus(CK_BAD_SIZE) { ck_lerp_f32(&$0, x, 0.5, -4) }
      var sum = 0.0
      expect(ck_sum_squares_f32(nil, x, 1), CK_NULL_POINTER)
      expect(ck_sum_squares_f32(&sum, nil, 1), CK_NULL_POINTER)
      expect(ck_sum_squares_f32(&sum, x, -1), CK_BAD_SIZE)
      #expect(sum == 0)
    }

    @Test func softmaxes() {
      expectStatus(CK_NULL_POINTER) { ck_softmax_f32(&$0, nil, nil, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_softmax_f32(&$0, x, nil, -1, 2) }
      expectStatus(CK_BAD_SIZE) { ck_softmax_f32(&$0, x, nil, huge, 2) }
      expectStatus(CK_BAD_SIZE) { ck_softmax_f32(&$0, x, nil, huge, huge) }
      expectStatus(CK_OUT_OF_RANGE) { ck_softmax_f32(&$0, x, [1, 3], 2, 2) }
      expectStatus(CK_OUT_OF_RANGE) { ck_softmax_f32(&$0, x, [1, -1], 2, 2) }
      expectStatus(CK_NULL_POINTER) { ck_softmax_backward_f32(&$0, x, nil, nil, 2, 2) }
      expectStatus(CK_OUT_OF_RANGE) { ck_softmax_backward_f32(&$0, x, x, [3, 0], 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_softmax_backward_f32(&$0, x, x, nil, 2, -2) }
      expectStatus(CK_NULL_POINTER) { _ in ck_log_softmax_f32(nil, x, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_log_softmax_f32(&$0, x, huge, 4) }
      expectStatus(CK_NULL_POINTER) { ck_log_softmax_backward_f32(&$0, nil, x, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_log_softmax_backward_f32(&$0, x, x, -2, 2) }
    }

    @Test func layerNorms() {
      // Four rows of four.
      func forward(
        _ y: Out, sum: Out = nil, _ x: [Float]?, residual: [Float]? = nil, gain: [Float]?, bias: [Float]?,
        strides: [Int64] = [4, 4, 4, 4], epsilon: Float = 1e-5, _ n: Int64 = 4, _ m: Int64 = 4
      ) -> ck_status {
        var (mean, inverse) = (self.x, self.x)
        let status = ck_layer_norm_forward_f32(
          y, strides[0], sum, strides[1], &mean, &inverse, x, strides[2], residual, strides[3], gain, bias,
          epsilon, n, m)
        #expect(status == CK_OK || mean == self.x && inverse == self.x)
        return status
      }
      expectStatus(CK_NULL_POINTER) { _ in forward(nil, x, gain: x, bias: x) }
      expectStatus(CK_NULL_POINTER) { forward(&$0, nil, gain: x, bias: x) }
      expectStatus(CK_NULL_POINTER) { forward(&$0, x, gain: nil, bias: x) }
      expectStatus(CK_NULL_POINTER) { forward(&$0, x, gain: x, bias: nil) }
      for strides in [[3, 4, 4, 4], [4, 3, 4, 4], [4, 4, 3, 4], [4, 4, 4, 3], [4, -4, 4, 4]] as [[Int64]] {
        var other = x
        expectStatus(CK_BAD_SIZE) {
          forward(&$0, sum: &other, x, residual: x, gain: x, bias: x, strides: strides)
        }
      }
      for (n, m) in [(-1, 4), (4, -1), (huge, 4), (4, huge), (huge, huge), (1 << 40, 1 << 40)]
        as [(Int64, Int64)]
      {
        let strides = [Int64](repeating: min(max(m, 4), 1 << 40), count: 4)
        expectStatus(CK_BAD_SIZE) { forward(&$0, x, gain: x, bias: x, strides: strides, n, m) }
      }
      for epsilon in [0, -1, .nan, .infinity] as [Float] {
        expectStatus(CK_OUT_OF_RANGE) { forward(&$0, x, gain: x, bias: x, epsilon: epsilon) }
      }

      func backward(
        _ dx: Out, _ dy: [Float]?, dsum: [Float]? = nil, z: [Float]?, mean: [Float]?, inverse: [Float]?,
        gain: [Float]?, strides: [Int64] = [4, 4, 4, 4], _ n: Int64 = 4, _ m: Int64 = 4
      ) -> ck_status {
        var (dgain, dbias) = (x, x)
        let status = ck_layer_norm_backward_f32(
          dx, strides[0], &dgain, &dbias, dy, strides[1], dsum, strides[2], z, strides[3], mean, inverse,
          gain, n, m)
        #expect(status == CK_OK || dgain == x && dbias == x)
        return status
      }
      expectStatus(CK_NULL_POINTER) { _ in backward(nil, x, z: x, mean: x, inverse: x, gain: x) }
      expectStatus(CK_NULL_POINTER) { backward(&$0, nil, z: x, mean: x, inverse: x, gain: x) }
      expectStatus(CK_NULL_POINTER) { backward(&$0, x, z: nil, mean: x, inverse: x, gain: x) }
      expectStatus(CK_NULL_POINTER) { backward(&$0, x, z: x, mean: nil, inverse: x, gain: x) }
      expectStatus(CK_NULL_POINTER) { backward(&$0, x, z: x, mean: x, inverse: nil, gain: x) }
      expectStatus(CK_NULL_POINTER) { backward(&$0, x, z: x, mean: x, inverse: x, gain: nil) }
      // Rows of no columns have means, too.
      expectStatus(CK_NULL_POINTER) { _ in backward(nil, nil, z: nil, mean: nil, inverse: x, gain: nil, 4, 0)
      }
      expectStatus(CK_NULL_POINTER) { _ in backward(nil, nil, z: nil, mean: x, inverse: nil, gain: nil, 4, 0)
      }
      expectStatus(CK_OK) { _ in backward(nil, nil, z: nil, mean: x, inverse: x, gain: nil, 4, 0) }
      expectStatus(CK_OK) { _ in backward(nil, nil, z: nil, mean: nil, inverse: nil, gain: x, 0, 4) }
      expectStatus(CK_NULL_POINTER) {
        ck_layer_norm_backward_f32(&$0, 4, nil, nil, x, 4, nil, 4, x, 4, x, x, x, 4, 4)
      }
      for strides in [[3, 4, 4, 4], [4, 3, 4, 4], [4, 4, 3, 4], [4, 4, 4, 3]] as [[Int64]] {
        expectStatus(CK_BAD_SIZE) {
          backward(&$0, x, dsum: x, z: x, mean: x, inverse: x, gain: x, strides: strides)
        }
      }
      for (n, m) in [(-1, 4), (4, -1), (huge, 4), (4, huge), (huge, huge)] as [(Int64, Int64)] {
        expectStatus(CK_BAD_SIZE) {
          backward(&$0, x, z: x, mean: x, inverse: x, gain: x, strides: [m, m, m, m], n, m)
        }
      }
    }

    @Test func products() {
      x.withUnsafeBufferPointer { data in
        let (some, none) = (matrix(data.baseAddress, 4), matrix(nil, 4))
        expectStatus(CK_NULL_POINTER) { _ in ck_matmul_f32(nil, 4, some, some, nil, 0, 4, 4, 4) }
        expectStatus(CK_NULL_POINTER) { ck_matmul_f32(&$0, 4, none, some, nil, 0, 4, 4, 4) }
        expectStatus(CK_NULL_POINTER) { ck_matmul_f32(&$0, 4, some, none, nil, 0, 4, 4, 4) }
        expectStatus(CK_BAD_SIZE) { ck_matmul_f32(&$0, 3, some, some, nil, 0, 4, 4, 4) }
        for sizes in [(-1, 4, 4), (4, -1, 4), (4, 4, -1), (huge, 4, 4), (4, huge, 4), (huge, 1, huge)] {
          expectStatus(CK_BAD_SIZE) {
            ck_matmul_f32(&$0, max(sizes.1, 4), some, some, nil, 0, sizes.0, sizes.1, sizes.2)
          }
        }
        expectStatus(CK_NULL_POINTER) { ck_matmul_bf16(&$0, 4, some, none, nil, 0, 4, 4, 4) }
        expectStatus(CK_BAD_SIZE) { ck_matmul_bf16(&$0, 4, some, some, nil, 0, 4, 4, huge) }
        expect(ck_pack_f32(nil, some, 4, 4, 1), CK_NULL_POINTER)
        expectStatus(CK_NULL_POINTER) { ck_pack_f32(&$0, none, 4, 4, 1) }
        expectStatus(CK_BAD_SIZE) { ck_pack_f32(&$0, some, -4, 4, 1) }
        expectStatus(CK_BAD_SIZE) { ck_pack_f32(&$0, some, huge, 4, 1) }
        for groups in [Int64(0), -1, 3, 8, huge] {
          expectStatus(CK_BAD_SIZE) { ck_pack_f32(&$0, some, 4, 4, groups) }
          #expect(ck_packed_count_f32(4, 4, groups) == -1)
        }
      }
      #expect(ck_packed_count_f32(4, 4, 1) > 0)
      let bad: [(Int64, Int64)] = [
        (-1, 4), (4, -1), (huge, 4), (4, huge), (huge, huge), (1, .max), (.max, 1),
      ]
      for (k, n) in bad {
        #expect(ck_packed_count_f32(k, n, 1) == -1, "\(k) × \(n)")
      }
    }

    @Test func batchedProducts() {
      x.withUnsafeBufferPointer { data in
        let (some, none) = (matrix(data.baseAddress, 2), matrix(nil, 2))
        // Four products of 2 × 2.
        func batch(
          _ c: Out, a: ck_matrix? = nil, b: ck_matrix? = nil, apart: Int64 = 4, stride: Int64 = 2,
          _ batch: Int64 = 4, _ m: Int64 = 2, _ n: Int64 = 2, _ k: Int64 = 2
        ) -> ck_status {
          ck_matmul_batched_f32(c, apart, stride, a ?? some, 4, b ?? some, 4, nil, 0, batch, m, n, k)
        }
        expectStatus(CK_NULL_POINTER) { _ in batch(nil) }
        expectStatus(CK_NULL_POINTER) { batch(&$0, a: none) }
        expectStatus(CK_NULL_POINTER) { batch(&$0, b: none) }
        for bad in [-1, huge] {
          expectStatus(CK_BAD_SIZE) { batch(&$0, bad) }
          expectStatus(CK_BAD_SIZE) { batch(&$0, 4, bad) }
          expectStatus(CK_BAD_SIZE) { batch(&$0, stride: max(bad, 2), 4, 2, bad) }
          expectStatus(CK_BAD_SIZE) { batch(&$0, 4, 2, 2, bad) }
          expectStatus(CK_BAD_SIZE) { batch(&$0, apart: bad) }
          expectStatus(CK_BAD_SIZE) { batch(&$0, stride: bad) }
        }
        let long: Int64 = 1 << 40
        expectStatus(CK_BAD_SIZE) { batch(&$0, apart: long, stride: long, long, long, long, long) }
        // Products that would share elements of c: rows within rows, or all at one place.
        for (apart, stride) in [(3, 2), (0, 2), (2, 4), (2, 7), (1, 8)] as [(Int64, Int64)] {
          expectStatus(CK_BAD_SIZE) { batch(&$0, apart: apart, stride: stride) }
        }
        for (apart, stride) in [(4, 2), (5, 3), (2, 8), (3, 11)] as [(Int64, Int64)] {
          var y = x
          expectOK(batch(&y, apart: apart, stride: stride))
        }
        expectStatus(CK_OK) { _ in batch(nil, a: none, b: none, 0) }
      }
    }

    @Test func wrongPacking() throws {
      func packed(_ k: Int64, _ n: Int64) -> [Float] {
        var panels = [Float](repeating: 0, count: Int(ck_packed_count_f32(k, n, 1)))
        x.withUnsafeBufferPointer { expectOK(ck_pack_f32(&panels, matrix($0.baseAddress, n), k, n, 1)) }
        return panels
      }
      // A packed matrix goes on with the set that packed it, to the bit, whatever is in use by then.
      func product(_ panels: [Float]) -> [Float] {
        var c = [Float](repeating: 0.25, count: 64)
        x.withUnsafeBufferPointer {
          expectOK(ck_matmul_packed_f32(&c, 8, matrix($0.baseAddress, 4), panels, nil, 0, 4, 8, 4))
        }
        return c
      }
      let sets = KernelTests.sets
      for packer in sets {
        let (panels, expected) = try under(packer) {
          let panels = packed(4, 8)
          return (panels, product(panels))
        }
        for set in sets { try under(set) { #expect(product(panels) == expected, "\(packer) under \(set)") } }
      }
      x.withUnsafeBufferPointer { data in
        let a = matrix(data.baseAddress, 4)
        expectStatus(CK_NULL_POINTER) { ck_matmul_packed_f32(&$0, 8, a, nil, nil, 0, 4, 8, 4) }
        for panels in [packed(8, 4), packed(4, 7), packed(3, 8), [Float](repeating: 0, count: 512)] {
          expectStatus(CK_WRONG_PACKING) { ck_matmul_packed_f32(&$0, 8, a, panels, nil, 0, 4, 8, 4) }
        }
      }
    }

    @Test func cells() {
      func packed(_ k: Int64, _ n: Int64, groups: Int64 = 1) -> [Float] {
        var panels = [Float](repeating: 0, count: Int(ck_packed_count_f32(k, n, groups)))
        x.withUnsafeBufferPointer {
          expectOK(ck_pack_f32(&panels, matrix($0.baseAddress, n), k, n, groups))
        }
        return panels
      }
      // H = 2, two steps of 2 and 1 rows.
      func lstm(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var (c, gates) = (x, x)
        let status = ck_lstm_forward_f32(y, &c, &gates, x, x, r, n, t, h)
        #expect(status == CK_OK || c == x && gates == x)
        return status
      }
      func lstmBackward(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var (dh, dc) = (x, x)
        let status = ck_lstm_backward_f32(y, &dh, &dc, x, x, x, x, r, n, t, h)
        #expect(status == CK_OK || dh == x && dc == x)
        return status
      }
      func gru(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var (reset, gates) = (x, x)
        let status = ck_gru_forward_f32(y, &reset, &gates, x, r, x, n, t, h)
        #expect(status == CK_OK || reset == x && gates == x)
        return status
      }
      func gruBackward(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var (du, dh) = (x, x)
        let status = ck_gru_backward_f32(y, &du, &dh, x, x, x, x, x, r, n, t, h)
        #expect(status == CK_OK || du == x && dh == x)
        return status
      }
      func rnn(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var gates = x
        let status = ck_rnn_forward_f32(y, &gates, x, r, n, t, h)
        #expect(status == CK_OK || gates == x)
        return status
      }
      func rnnBackward(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var dh = x
        let status = ck_rnn_backward_f32(y, &dh, x, x, r, n, t, h)
        #expect(status == CK_OK || dh == x)
        return status
      }
      // Of the two matrices of a GRU that resets first, one is right.
      func reset(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var (state, gates) = (x, x)
        let status = ck_reset_gru_forward_f32(y, &state, &gates, x, r, packed(2, 2), n, t, h)
        #expect(status == CK_OK || state == x && gates == x)
        return status
      }
      func resetNew(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var (state, gates) = (x, x)
        return ck_reset_gru_forward_f32(y, &state, &gates, x, packed(2, 4, groups: 2), r, n, t, h)
      }
      func resetBackward(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var dh = x
        let status = ck_reset_gru_backward_f32(y, &dh, x, x, x, x, r, packed(2, 2), n, t, h)
        #expect(status == CK_OK || dh == x)
        return status
      }
      func resetNewBackward(_ y: Out, _ r: [Float]?, _ n: [Int32]?, _ t: Int64, _ h: Int64) -> ck_status {
        var dh = x
        return ck_reset_gru_backward_f32(y, &dh, x, x, x, x, packed(4, 2), r, n, t, h)
      }
      let calls = [
        (lstm, packed(2, 8, groups: 4)), (lstmBackward, packed(8, 2)), (gru, packed(2, 6, groups: 3)),
        (gruBackward, packed(6, 2)), (rnn, packed(2, 2)), (rnnBackward, packed(2, 2)),
        (reset, packed(2, 4, groups: 2)), (resetBackward, packed(4, 2)), (resetNew, packed(2, 2)),
        (resetNewBackward, packed(2, 2)),
      ]
      // The right sizes in the wrong number of groups.
      for (call, panels) in [(lstm, packed(2, 8)), (gru, packed(2, 6)), (reset, packed(2, 4))] {
        expectStatus(CK_WRONG_PACKING) { call(&$0, panels, [2, 1], 2, 2) }
      }
      for (call, panels) in calls {
        expectStatus(CK_NULL_POINTER) { _ in call(nil, panels, [2, 1], 2, 2) }
        expectStatus(CK_NULL_POINTER) { call(&$0, panels, nil, 2, 2) }
        expectStatus(CK_NULL_POINTER) { call(&$0, nil, [2, 1], 2, 2) }
        expectStatus(CK_WRONG_PACKING) { call(&$0, packed(3, 2), [2, 1], 2, 2) }
        expectStatus(CK_OUT_OF_RANGE) { call(&$0, panels, [1, 2], 2, 2) }
        expectStatus(CK_OUT_OF_RANGE) { call(&$0, panels, [2, -1], 2, 2) }
        expectStatus(CK_BAD_SIZE) { call(&$0, panels, [2, 1], -1, 2) }
        expectStatus(CK_BAD_SIZE) { call(&$0, panels, [2, 1], 2, -1) }
        expectStatus(CK_BAD_SIZE) { call(&$0, panels, [2, 1], 2, huge) }
        expectStatus(CK_OK) { call(&$0, panels, nil, 0, 2) }
        var y = x
        expect(call(&y, panels, [2, 1], 2, 2), CK_OK)
      }
    }

    @Test func rows() {
      expectStatus(CK_NULL_POINTER) { ck_gather_rows_f32(&$0, 2, nil, 2, [0, 1], 2, 2, 2) }
      expectStatus(CK_NULL_POINTER) { ck_gather_rows_f32(&$0, 2, x, 2, nil, 2, 2, 2) }
      expectStatus(CK_OUT_OF_RANGE) { ck_gather_rows_f32(&$0, 2, x, 2, [0, 2], 2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_gather_rows_f32(&$0, 1, x, 2, [0, 1], 2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_gather_rows_f32(&$0, 2, x, 1, [0, 1], 2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_gather_rows_f32(&$0, 2, x, 2, [0, 1], -2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_gather_rows_f32(&$0, 2, x, 2, [0, 1], 2, -2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_gather_rows_f32(&$0, 4, x, 4, [0, 1], huge, 2, 4) }
      expectStatus(CK_NULL_POINTER) { ck_scatter_add_rows_f32(&$0, 2, nil, 2, [0, 1], 2, 2, 2) }
      expectStatus(CK_OUT_OF_RANGE) { ck_scatter_add_rows_f32(&$0, 2, x, 2, [0, 2], 2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_scatter_add_rows_f32(&$0, 2, x, 1, [0, 1], 2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_scatter_add_rows_f32(&$0, 4, x, 4, [0, 1], 2, huge, 4) }
      expectStatus(CK_NULL_POINTER) { ck_sum_rows_f32(&$0, nil, 2, 2, 2) }
      expectStatus(CK_NULL_POINTER) { _ in ck_sum_rows_f32(nil, x, 2, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_sum_rows_f32(&$0, x, 1, 2, 2) }
      expectStatus(CK_BAD_SIZE) { ck_sum_rows_f32(&$0, x, 4, huge, 4) }
    }

    @Test func crossEntropy() {
      func loss(
        _ y: Out, _ targets: [Int32]?, _ n: Int64, _ v: Int64, _ h: Int64, w: [Float]?
      ) -> ck_status {
        ck_projected_cross_entropy_f32(y, nil, nil, nil, x, w, x, targets, 1, 0, n, v, h)
      }
      expectStatus(CK_NULL_POINTER) { _ in loss(nil, [0, 1], 2, 2, 2, w: x) }
      expectStatus(CK_NULL_POINTER) { loss(&$0, [0, 1], 2, 2, 2, w: nil) }
      expectStatus(CK_NULL_POINTER) { loss(&$0, nil, 2, 2, 2, w: x) }
      expectStatus(CK_OUT_OF_RANGE) { loss(&$0, [0, 2], 2, 2, 2, w: x) }
      for bad in [-1, huge] {
        expectStatus(CK_BAD_SIZE) { loss(&$0, [0, 1], bad, 2, 2, w: x) }
        expectStatus(CK_BAD_SIZE) { loss(&$0, [0, 1], 2, bad, 2, w: x) }
        expectStatus(CK_BAD_SIZE) { loss(&$0, [0, 1], 2, 2, bad, w: x) }
      }
      expectStatus(CK_BAD_SIZE) { loss(&$0, [0, 1], 2, 0, 2, w: x) }
      // The gradient of x alone is no use: all three or none.
      expectStatus(CK_NULL_POINTER) {
        var dx = x
        return ck_projected_cross_entropy_f32(&$0, &dx, nil, nil, x, x, x, [0, 1], 1, 0, 2, 2, 2)
      }
      for smoothing in [-0.1, 1.1, .nan] as [Float] {
        expectStatus(CK_OUT_OF_RANGE) {
          ck_projected_cross_entropy_f32(&$0, nil, nil, nil, x, x, x, [0, 1], 1, smoothing, 2, 2, 2)
        }
      }
    }

    @Test func topTokens() {
      var packed = [Float](repeating: 0, count: Int(ck_packed_count_f32(2, 4, 1)))
      x.withUnsafeBufferPointer { expectOK(ck_pack_f32(&packed, matrix($0.baseAddress, 4), 2, 4, 1)) }
      func top(
        _ y: Out, _ m: Int64, _ k: Int64, x: [Float]?, packed: [Float]?, b: [Float]?, v: Int64 = 4,
        h: Int64 = 2, tokens: Bool = true
      ) -> ck_status {
        var ids = [Int32](repeating: 9, count: 64)
        let status =
          tokens
          ? ck_projected_top_k_f32(y, &ids, x, packed, b, m, v, h, k)
          : ck_projected_top_k_f32(y, nil, x, packed, b, m, v, h, k)
        #expect(status == CK_OK || ids.allSatisfy { $0 == 9 })
        return status
      }
      expectStatus(CK_NULL_POINTER) { _ in top(nil, 2, 3, x: x, packed: packed, b: x) }
      expectStatus(CK_NULL_POINTER) { top(&$0, 2, 3, x: x, packed: packed, b: x, tokens: false) }
      expectStatus(CK_NULL_POINTER) { top(&$0, 2, 3, x: nil, packed: packed, b: x) }
      expectStatus(CK_NULL_POINTER) { top(&$0, 2, 3, x: x, packed: nil, b: x) }
      expectStatus(CK_NULL_POINTER) { top(&$0, 2, 3, x: x, packed: packed, b: nil) }
      expectStatus(CK_WRONG_PACKING) { top(&$0, 2, 3, x: x, packed: packed, b: x, h: 3) }
      for k in [0, -1, 5, huge] as [Int64] {
        let status = k == 0 || k == 5 ? CK_OUT_OF_RANGE : CK_BAD_SIZE
        expectStatus(status) { top(&$0, 2, k, x: x, packed: packed, b: x) }
      }
      for bad in [-1, huge] {
        expectStatus(CK_BAD_SIZE) { top(&$0, bad, 3, x: x, packed: packed, b: x) }
        expectStatus(CK_BAD_SIZE) { top(&$0, 2, 3, x: x, packed: packed, b: x, v: bad) }
        expectStatus(CK_BAD_SIZE) { top(&$0, 2, 3, x: x, packed: packed, b: x, h: bad) }
      }
      expectStatus(CK_BAD_SIZE) { top(&$0, 2, 3, x: x, packed: packed, b: x, v: 1 << 31) }
      expectStatus(CK_OK) { _ in top(nil, 0, 3, x: nil, packed: packed, b: x) }
    }
  }
}

import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct StatusTests: StatusSuite {
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
  }
}

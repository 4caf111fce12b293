import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct RecurrentStatusTests: StatusSuite {
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
  }
}

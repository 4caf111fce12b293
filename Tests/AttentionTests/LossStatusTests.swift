import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct LossStatusTests: StatusSuite {
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

import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct LayerNormStatusTests: StatusSuite {
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
  }
}

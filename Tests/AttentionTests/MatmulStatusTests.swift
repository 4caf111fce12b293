import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct MatmulStatusTests: StatusSuite {
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
  }
}

import CKernels

/// What the weights of a matrix product are stored in, and what they meet is rounded to. Sums, biases, activations and
/// states are `Float` in all three.
public enum Precision: String, Codable, Sendable, CaseIterable {
  /// As they are.
  case float32
  /// In half the memory: each weight is rounded to the nearest bfloat16, which has the exponents of a `Float` and 8
  /// significant bits (a relative error of 2⁻⁹ at most), and in every product so is each element of the left factor. The
  /// products of such numbers are exact in `Float`, where they are summed; the instruction set `avx512bf16`, which has
  /// instructions for them, takes what lies below 2⁻¹²⁶ for zero.
  case bfloat16
  /// In a quarter, and for inference alone: each weight is rounded to one of 255 multiples of its column's largest / 127,
  /// and in every product each element of the left factor to such multiples of its row's. Their sums are exact integers.
  case int8

  /// How many floats a packed matrix takes, and what packs it.
  package var packing:
    (
      count: (_ k: Int64, _ n: Int64, _ groups: Int64) -> Int64,
      pack: (UnsafeMutablePointer<Float>?, ck_matrix, _ k: Int64, _ n: Int64, _ groups: Int64) -> ck_status
    )
  {
    switch self {
    case .float32: (ck_packed_count_f32, ck_pack_f32)
    case .bfloat16: (ck_packed_count_bf16, ck_pack_bf16)
    case .int8: (ck_packed_count_int8, ck_pack_int8)
    }
  }
}

/// The rows of the table of tolerances for whole models, whose truth is a run in double; u = 2⁻²⁴.
///
/// Errors are largest absolute differences over the largest absolute value of the tensor ("relative" below), or plain
/// differences where a row says so.
public enum ModelTolerance {
  /// The mean cross entropy against PyTorch's in float: what the project promises, some 1700 u.
  public static let peerLoss: Float = 1e-4

  /// The norm of all gradients against PyTorch's in float: ten steps of Adam apart, each of which can turn the rounding of a
  /// tiny gradient into a step of up to the rate.
  public static let peerNorm: Double = 1e-3

  /// A gradient, relative, against PyTorch's in double: what rounding may leave of it, whichever program computes it.
  ///
  /// - Parameter noise: the largest error of 64 runs in double whose operations, forward and backward, are each off by a random share
  ///   of 1 u, and functions of what their contract allows, 6 u (rounding_noise.py, which says what that leaves out). No factor was
  ///   needed: on scalar, AVX2 and AVX-512 ours stay below 0.8 of it, and PyTorch's below 0.83; NEON was not measured.
  public static func peerGradient(noise: Float) -> Float { noise }

  /// A weight after ten steps of Adam, plain, against PyTorch's in double: three times PyTorch's own error in float. The floor is
  /// for its luck: Adam divides a gradient by its own size, so that where a gradient is nearly zero rounding decides a
  /// thousandth of a step, 1e-5 at the rate of 1e-2.
  public static func peerWeight(own: Float) -> Float { 3 * own + 1e-5 }

  /// The alignment against PyTorch's in double, plain: a softmax of scores near 1 that carry some 30 roundings, and a factor of 3.
  public static let peerAlignment: Float = 5e-6

  /// The mean cross entropy, near 2, against the reference in double, plain: a chain of some 20 sums, 20 u · 2, and a factor
  /// of 2.
  public static let loss: Double = 5e-6

  /// The alignment against the reference in double, plain: some 30 roundings of scores near 1.
  public static let alignment: Double = 2e-6

  /// A gradient's element against the central difference of the reference's loss in double, h = 1e-5. The difference errs by
  /// h² f‴/6, f‴ up to some hundreds where the cosine of short states is taken, ≈ 1e-8, and by rounding ≈ 1e-11; the gradient by some 30 u of sums whose terms are of the size of the
  /// tensor's largest element, for which 1e-5 leaves a factor of 5.
  public static func difference(scale: Float) -> Double { 1e-5 * Double(scale) + 1e-7 }
}

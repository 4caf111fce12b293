extension Reference {
  /// Layer normalisation (Ba, Kiros, Hinton 2016, equations 3 and 4):
  ///
  ///     y[n, j] = gain[j] (x[n, j] − μ[n]) / √(σ²[n] + epsilon) + bias[j]
  ///
  /// where μ and σ² are the mean of row n and that of its squared deviations from it.
  ///
  /// - Parameters:
  ///   - x: [rows, columns].
  ///   - gain, bias: [columns].
  /// - Throws: ``ReferenceError/shape(argument:expected:count:)``.
  @inlinable
  public static func layerNorm<T: Scalar>(
    _ x: [T], rows: Int, columns: Int, gain: [T], bias: [T], epsilon: T
  ) throws -> [T] {
    try require(x, "x", rows, columns)
    try require(gain, "gain", columns)
    try require(bias, "bias", columns)
    var y: [T] = []
    for n in 0..<rows {
      let (normal, _) = normalised(row(x, n, columns), epsilon: epsilon)
      for j in 0..<columns { y.append(gain[j] * normal[j] + bias[j]) }
    }
    return y
  }

  /// The gradients of ``layerNorm(_:rows:columns:gain:bias:epsilon:)``, each in the shape of what it belongs to.
  public struct LayerNormGradient<T: Scalar>: Sendable {
    public var x, gain, bias: [T]

    @inlinable
    init(columns: Int) {
      x = []
      gain = Array(repeating: 0, count: columns)
      bias = gain
    }
  }

  /// Inverts y = gain z + bias, z = (x − μ) / s, s = √(σ² + epsilon), with means over the columns of a row:
  ///
  ///     dz = gain dy      dx = (dz − mean(dz) − z mean(dz z)) / s
  ///     dgain[j] = Σₙ dy[n, j] z[n, j]      dbias[j] = Σₙ dy[n, j]
  ///
  /// - Parameters:
  ///   - outputGradient: dy [rows, columns].
  ///   - x: [rows, columns], the forward's.
  /// - Throws: ``ReferenceError/shape(argument:expected:count:)``.
  @inlinable
  public static func layerNormBackward<T: Scalar>(
    _ outputGradient: [T], x: [T], rows: Int, columns: Int, gain: [T], epsilon: T
  ) throws -> LayerNormGradient<T> {
    try require(outputGradient, "outputGradient", rows, columns)
    try require(x, "x", rows, columns)
    try require(gain, "gain", columns)
    var gradient = LayerNormGradient<T>(columns: columns)
    for n in 0..<rows {
      let (z, s) = normalised(row(x, n, columns), epsilon: epsilon)
      let dy = Array(row(outputGradient, n, columns))
      let dz = zip(gain, dy).map(*)
      let mean = dz.reduce(0, +) / T(columns)
      let slope = dot(dz[...], z[...]) / T(columns)
      for j in 0..<columns {
        gradient.x.append((dz[j] - mean - z[j] * slope) / s)
        gradient.gain[j] += dy[j] * z[j]
        gradient.bias[j] += dy[j]
      }
    }
    return gradient
  }

  /// One row's z = (x − μ) / s, and s.
  @inlinable
  static func normalised<T: Scalar>(_ x: ArraySlice<T>, epsilon: T) -> (z: [T], s: T) {
    let mean = x.reduce(0, +) / T(x.count)
    let deviations = x.map { $0 - mean }
    let variance = dot(deviations[...], deviations[...]) / T(x.count)
    let s = T.sqrt(variance + epsilon)
    return (deviations.map { $0 / s }, s)
  }
}

/// Small work on short vectors, in Swift's own SIMD types: what is not worth a call into C.

/// Σ_i x_i y_i, summed in double: squares neither overflow nor vanish.
func innerProduct(_ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, count: Int) -> Double {
  let (a, b) = (UnsafeRawPointer(x), UnsafeRawPointer(y))
  var sums = SIMD8<Double>.zero
  var index = 0
  while index + 8 <= count {
    let offset = index * MemoryLayout<Float>.stride
    let left = a.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
    let right = b.loadUnaligned(fromByteOffset: offset, as: SIMD8<Float>.self)
    sums += SIMD8<Double>(left) * SIMD8<Double>(right)
    index += 8
  }
  var sum = sums.sum()
  while index < count {
    sum += Double(x[index]) * Double(y[index])
    index += 1
  }
  return sum
}

/// result = x · factor.
func setScaled(
  _ result: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, by factor: Float, count: Int
) {
  for index in 0..<count { result[index] = x[index] * factor }
}

/// result = x · factor + y · other.
func setScaled(
  _ result: UnsafeMutablePointer<Float>, _ x: UnsafePointer<Float>, by factor: Float,
  adding y: UnsafePointer<Float>, times other: Float, count: Int
) {
  for index in 0..<count { result[index] = x[index] * factor + y[index] * other }
}

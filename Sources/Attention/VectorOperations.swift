/// Small work on short vectors, in Swift's own SIMD types: what is not worth a call into C.

/// The indices of the `count` largest elements, largest first; of equals the lower index comes first. A NaN is never
/// among them, so the result may be shorter.
///
/// - Complexity: O(n + n′ · count), where n′ elements beat the smallest of the best so far; n′ is small, so eight
///   elements at a time are compared with that bound and mostly passed over.
package func largest(_ count: Int, of values: UnsafeBufferPointer<Float>) -> [Int] {
  guard count > 0 else { return [] }
  var best: [Int] = []
  best.reserveCapacity(count + 1)
  var bound = -Float.infinity

  func consider(_ index: Int) {
    let value = values[index]
    guard !value.isNaN, best.count < count || value > bound else { return }
    let place = best.firstIndex { values[$0] < value } ?? best.count
    best.insert(index, at: place)
    if best.count > count { best.removeLast() }
    if best.count == count { bound = values[best[count - 1]] }
  }

  let base = UnsafeRawPointer(values.baseAddress)
  var index = 0
  while let base, index + 8 <= values.count {
    let eight = base.loadUnaligned(fromByteOffset: index * MemoryLayout<Float>.stride, as: SIMD8<Float>.self)
    if best.count < count || any(eight .> SIMD8(repeating: bound)) {
      for lane in 0..<8 { consider(index + lane) }
    }
    index += 8
  }
  while index < values.count {
    consider(index)
    index += 1
  }
  return best
}

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

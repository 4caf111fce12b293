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

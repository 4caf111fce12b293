import Seq2Seq

/// Floats at an address that stays, aligned to a cache line, for kernels to read and write.
///
/// Unchecked: a case's data are touched by one thread of ours at a time, or in separate places.
final class Floats: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  init(zeros count: Int) {
    self.count = count
    pointer = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: max(count, 1))
    pointer.initialize(repeating: 0, count: count)
  }

  /// Uniform numbers in ±scale; the same for a seed on every machine.
  convenience init(random count: Int, seed: UInt64, scale: Double = 1) {
    self.init(zeros: count)
    var generator = SeededGenerator(seed: seed)
    for i in 0..<count { pointer[i] = Float(scale * (2 * generator.uniform() - 1)) }
  }

  deinit { UnsafeMutableRawPointer(pointer).deallocate() }

  func zero() { pointer.update(repeating: 0, count: count) }

  func copy(from other: Floats) { pointer.update(from: other.pointer, count: min(count, other.count)) }

  var array: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }
  var doubles: [Double] { array.map(Double.init) }

  func slice(_ range: Range<Int>) -> [Float] {
    Array(UnsafeBufferPointer(start: pointer, count: count)[range])
  }
}

/// Sentence lengths that differ, from `least` to `most`: spread evenly, and the same for every peer.
func raggedLengths(_ count: Int, _ least: Int, _ most: Int) -> [Int] {
  (0..<count).map { least + $0 * 5 % (most - least + 1) }
}

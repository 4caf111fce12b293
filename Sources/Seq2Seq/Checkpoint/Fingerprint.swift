import Foundation

/// What tells data from other data: the 64-bit hash of Fowler, Noll and Vo (FNV-1a), the same on every platform, unlike `Hasher`.
struct Fingerprint {
  private var hash: UInt64 = 0xcbf2_9ce4_8422_2325

  mutating func add(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01b3 }

  /// In hexadecimal.
  var text: String { String(hash, radix: 16) }

  /// Of a file's bytes.
  static func text(of content: Data) -> String {
    var fingerprint = Fingerprint()
    for byte in content { fingerprint.add(UInt64(byte)) }
    return fingerprint.text
  }
}

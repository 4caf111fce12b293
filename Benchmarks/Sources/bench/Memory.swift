import CKernels
import Foundation

/// The most memory that a run takes beyond what was there before it, as Linux counts it: the highest resident size.
///
/// The count is off by some hundred kilobytes, and includes code that is read from disk for the first time.
enum Memory {
  static var isMeasurable: Bool { resident("VmHWM") != nil }

  static func extraBytes(_ run: () throws -> Void) throws -> Int {
    // What earlier runs left behind would pass for memory that this one does not need.
    ck_release_memory()
    // "5" sets the highest size back to the present one.
    try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .ascii)
    guard let before = resident("VmRSS") else { throw BenchError("/proc/self/status names no VmRSS") }
    try run()
    return max(0, (resident("VmHWM") ?? before) - before)
  }

  private static func resident(_ field: String) -> Int? {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix(field + ":") }
    return line.flatMap { Int($0.filter(\.isNumber)) }.map { $0 * 1024 }
  }
}

import Attention
import CKernels
import TestSupport
import Testing

/// Everything that depends on the instruction set or the number of threads, which are the process's: one test at a
/// time. Every test leaves both as it found them.
@Suite(.serialized) enum KernelTests {
  static let sets = KernelRuntime.availableInstructionSets
}

/// Runs `body` under an instruction set, then goes back to the one before.
func under<R>(_ set: String, _ body: () throws -> R) throws -> R {
  let before = try KernelRuntime.instructionSet
  try KernelRuntime.select(instructionSet: set)
  defer { try? KernelRuntime.select(instructionSet: before) }
  return try body()
}

/// Runs `body` with a number of threads, then goes back to the number before.
func withThreads<R>(_ count: Int, _ body: () throws -> R) throws -> R {
  let before = KernelRuntime.threads
  try KernelRuntime.setThreads(count)
  defer { try? KernelRuntime.setThreads(before) }
  return try body()
}

/// The vector's width W of a set, in floats.
func lanes(_ set: String) -> Int {
  ["scalar": 1, "neon": 4, "avx2": 8, "avx512": 16, "avx512bf16": 16][set]!
}

/// Awkward widths for a set: 1, W − 1, W, W + 1, a prime, and one more than four vectors.
func widths(_ set: String) -> [Int] {
  let w = lanes(set)
  return Set([1, w - 1, w, w + 1, 37, 4 * w + 1]).filter { $0 > 0 }.sorted()
}

func expect(_ comparison: Comparison, sourceLocation: SourceLocation = #_sourceLocation) {
  if !comparison.passed { Issue.record("\(comparison)", sourceLocation: sourceLocation) }
}

func expectOK(_ status: ck_status, sourceLocation: SourceLocation = #_sourceLocation) {
  expect(status, CK_OK, sourceLocation: sourceLocation)
}

func expect(_ status: ck_status, _ expected: ck_status, sourceLocation: SourceLocation = #_sourceLocation) {
  let (found, wanted) = (ck_status_message(status), ck_status_message(expected))
  #expect(
    status == expected, "\(String(cString: found!)); expected: \(String(cString: wanted!))",
    sourceLocation: sourceLocation)
}

extension [Float] {
  var doubles: [Double] { map(Double.init) }
  /// In another type, without rounding on the way there.
  func converted<T: BinaryFloatingPoint>(to: T.Type = T.self) -> [T] { map { T($0) } }
  var largest: Double { reduce(0) { Swift.max($0, Double(abs($1))) } }
  /// The bits, so that NaN equals NaN and 0 differs from −0.
  var bits: [UInt32] { map(\.bitPattern) }
}

extension [Double] {
  var largest: Double { reduce(0) { Swift.max($0, abs($1)) } }
}

extension [Int] {
  var int32: [Int32] { map(Int32.init) }
}

/// An array for a kernel to write: NaN, or given values where it accumulates or works in place, and behind it a margin
/// that must not change.
struct Output {
  var memory: [Float]
  let count: Int
  private static let margin = [Float](repeating: Float(bitPattern: 0x7fc0_dead), count: 67)

  init(_ count: Int) { self.init([Float](repeating: Self.margin[0], count: count)) }

  init(_ values: [Float]) {
    count = values.count
    memory = values + Self.margin
  }

  /// What the kernel wrote.
  var elements: [Float] {
    #expect(memory[count...].map(\.bitPattern) == Self.margin.bits, "written beyond \(count) elements")
    return Array(memory[..<count])
  }
}

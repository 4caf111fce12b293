import CKernels
import Testing

/// Tests of what C functions say of arguments that do not fit, and that they write nothing then.
protocol StatusSuite {}

extension StatusSuite {
  var x: [Float] { [Float](repeating: 1, count: 64) }
  var huge: Int64 { 1 << 62 }
  typealias Out = UnsafeMutablePointer<Float>?

  /// Runs a call on an output of 64 elements, and expects a status and an untouched output.
  func expectStatus(
    _ expected: ck_status, _ call: (inout [Float]) -> ck_status,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    var y = [Float](repeating: 0.25, count: 64)
    expect(call(&y), expected, sourceLocation: sourceLocation)
    #expect(y.allSatisfy { $0 == 0.25 }, "something was written", sourceLocation: sourceLocation)
  }

  func matrix(_ data: UnsafePointer<Float>?, _ stride: Int64) -> ck_matrix {
    ck_matrix(data: data, row_stride: stride, column_stride: 1)
  }
}

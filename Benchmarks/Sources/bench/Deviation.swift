/// How far a result lies from the truth, before it is timed.
///
/// The tests hold every kernel to derived bounds on awkward shapes; this only makes sure that what is timed is the
/// right thing: no output's largest error may exceed (terms + 16) u times its largest true value, u = 2⁻²⁴ (or a limit
/// of the case's own). Errors of a sum grow at most with its terms, and random data keep well below that.
struct Deviation {
  let output: String
  /// The largest error as a part of the largest true value.
  let error: Double
  let limit: Double
}

extension Check {
  /// Runs the kernels and returns the deviation of the worst output.
  ///
  /// - Throws: ``BenchError`` when one lies beyond its limit or is missing.
  func deviation(from truth: [String: [Double]], of name: String) throws -> Deviation {
    let result = try result()
    guard result.keys.sorted() == truth.keys.sorted() else {
      throw BenchError("\(name): compared \(result.keys.sorted()) with \(truth.keys.sorted())")
    }
    var worst = Deviation(output: "", error: 0, limit: limit)
    for (output, values) in result.sorted(by: { $0.key < $1.key }) {
      let error = relativeError(values, truth[output]!)
      guard error <= limit else {
        throw BenchError(
          "\(name): '\(output)' is wrong: its largest error is \(error) of its largest value; at most \(limit)"
        )
      }
      if error >= worst.error { worst = Deviation(output: output, error: error, limit: limit) }
    }
    return worst
  }

  private func relativeError(_ values: [Float], _ truth: [Double]) -> Double {
    guard values.count == truth.count, !values.isEmpty else { return .infinity }
    var (error, largest) = (0.0, Double.leastNormalMagnitude)
    for (value, truth) in zip(values, truth) {
      let difference = abs(Double(value) - truth)
      guard difference.isFinite else { return .infinity }
      error = max(error, difference)
      largest = max(largest, abs(truth))
    }
    return error / largest
  }
}

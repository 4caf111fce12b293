/// One run of one kernel under one instruction set on one shape: what its outputs are compared under.
public struct Trial: Sendable {
  public let kernel: String
  public let set: String
  public let shape: String

  public init(_ kernel: String, set: String, shape: String) {
    self.kernel = kernel
    self.set = set
    self.shape = shape
  }

  /// Compares a result with the truth, element by element, and counts it in the ``Tally``.
  ///
  /// Where the truth is NaN, the result must be NaN; where it is infinite or rounds to that, the same infinity.
  public func compare(
    _ output: String, _ result: [Float], _ truth: [Double], _ tolerance: Tolerance
  ) -> Comparison {
    var worst = Comparison.Worst()
    guard result.count == truth.count else {
      return Comparison(
        share: .infinity,
        description: "\(name) \(output): \(result.count) elements instead of \(truth.count)")
    }
    for (index, (value, truth)) in zip(result, truth).enumerated() {
      let error = Self.error(value, truth)
      worst.add(index, error: error, bound: error == 0 ? 0 : tolerance.bound(index, truth))
    }
    let comparison = Comparison(
      share: worst.share,
      description: worst.describe("\(name) \(output)", result, truth, tolerance))
    Tally.shared.add(self, output: output, numbers: result.count, share: comparison.share)
    return comparison
  }

  private var name: String { "\(kernel) on \(set), \(shape):" }

  private static func error(_ value: Float, _ truth: Double) -> Double {
    if Double(value) == truth || value.isNaN && truth.isNaN { return 0 }
    if value.isInfinite && Float(truth) == value { return 0 }
    return value.isFinite && truth.isFinite ? abs(Double(value) - truth) : .infinity
  }
}

/// The outcome of a comparison; its description says where the result strayed furthest.
public struct Comparison: Sendable, CustomStringConvertible {
  /// The largest error as a part of what the tolerance allows there: above 1 is a failure.
  public let share: Double
  public let description: String
  public var passed: Bool { share <= 1 }

  struct Worst {
    var share = 0.0
    var error = 0.0
    var index = 0
    var failures = 0

    mutating func add(_ index: Int, error: Double, bound: Double) {
      guard error > 0 else { return }
      let share = error / bound
      if !(share <= 1) { failures += 1 }
      if !(share <= self.share) { (self.share, self.error, self.index) = (share, error, index) }
    }

    func describe(_ name: String, _ result: [Float], _ truth: [Double], _ tolerance: Tolerance) -> String {
      guard error > 0 else { return "\(name): no error" }
      return """
        \(name): largest error \(error) at [\(index)], \(result[index]) instead of \(truth[index]); \
        \(share) of the tolerance (\(tolerance.name)); \(failures) of \(result.count) elements beyond it
        """
    }
  }
}

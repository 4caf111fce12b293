/// What one run does, as a number that a rate and a share of the machine's peak come from.
enum Work {
  /// Floating-point operations: a multiply-add is two; an exp or tanh is one.
  case operations(Double)
  /// Bytes that must be read and written at least once.
  case bytes(Double)

  var amount: Double {
    switch self {
    case .operations(let amount), .bytes(let amount): amount
    }
  }

  var unit: String {
    switch self {
    case .operations: "GFLOP/s"
    case .bytes: "GB/s"
    }
  }
}

/// A benchmark, declared once and run on every path: naive Swift, each instruction set, each number of threads, peers.
struct Case {
  /// Peers know it by the same name.
  let name: String
  let shape: String
  let work: Work
  /// Whether the peak memory of a run is measured too, beyond its inputs and results.
  var measuresMemory = false
  /// Makes the data. Called when the case's turn comes, so that only one case's data exist at a time.
  let make: () throws -> Body
}

/// A case with its data.
struct Body {
  /// Called after each change of the instruction set: packs what a set packs in its own way.
  var prepare: () throws -> Void = {}
  /// What is timed.
  let run: () throws -> Void
  let check: Check
  let naive: Naive
  /// What the case's data hold besides inputs and results: it counts as memory of the run.
  var keptBytes = 0
}

/// How a case is held against the reference.
struct Check {
  /// Runs the kernels and returns what the truth is compared with, by name.
  let result: () throws -> [String: [Float]]
  /// The same in double precision, from AttentionReference or the system's functions.
  let truth: () throws -> [String: [Double]]
  /// The largest error that passes, as a part of the largest true value.
  let limit: Double

  init(
    result: @escaping () throws -> [String: [Float]], truth: @escaping () throws -> [String: [Double]],
    limit: Double
  ) {
    (self.result, self.truth, self.limit) = (result, truth, limit)
  }

  /// - Parameter terms: those of the longest sum behind an element.
  init(
    result: @escaping () throws -> [String: [Float]], truth: @escaping () throws -> [String: [Double]],
    terms: Int
  ) {
    self.init(result: result, truth: truth, limit: Double(terms + 16) * 0x1p-24)
  }
}

/// The reference in `Float`, for how much the kernels gain.
enum Naive {
  /// A run that does `share` of the case's work; the note says what it leaves out.
  case run(share: Double = 1, note: String = "", () throws -> Void)
  case skipped(String)
}

/// A benchmark that cannot go on.
struct BenchError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

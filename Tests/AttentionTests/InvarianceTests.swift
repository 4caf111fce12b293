import Attention
import AttentionReference
import CKernels
import Dispatch
import TestSupport
import Testing

/// A call of one kernel family, above the size from which it runs on several threads (a million multiply-adds).
struct LargeCall: Sendable, CustomTestStringConvertible {
  let name: String
  let run: @Sendable () -> [[Float]]
  var testDescription: String { name }

  init(_ name: String, _ run: @escaping @Sendable () -> [[Float]]) {
    self.name = name
    self.run = run
  }

  static let all = elementwise + products + batches + rows + models

  private static let elementwise: [LargeCall] = {
    var random = SeededRandom(51)
    let count = 300_001
    let (x, g) = (random.floats(count, -4, 4), random.floats(count))
    func map(
      _ name: String,
      _ kernel: @escaping @Sendable (UnsafeMutablePointer<Float>?, UnsafePointer<Float>?, Int64) -> ck_status
    ) -> LargeCall {
      LargeCall(name) {
        var y = Output(g)
        expectOK(kernel(&y.memory, x, Int64(count)))
        return [y.elements]
      }
    }
    return [
      map("exp") { ck_exp_f32($0, $1, $2) }, map("tanh") { ck_tanh_f32($0, $1, $2) },
      map("sigmoid") { ck_sigmoid_f32($0, $1, $2) }, map("add") { ck_add_f32($0, $1, $2) },
      map("tanh backward") { ck_tanh_backward_f32($0, $1, g, $2) },
      map("maxout") { ck_maxout_f32($0, $1, $2 / 2) },
      map("maxout backward") { ck_maxout_backward_f32($0, g, $1, $2 / 2) },
      map("dropout") { ck_dropout_f32($0, $1, 0.3, 5, 77, $2) },
      LargeCall("Adam") {
        var (p, m, v) = (Output(x), Output(g), Output(x.map { $0 * $0 }))
        expectOK(
          ck_adam_f32(&p.memory, &m.memory, &v.memory, g, 0.5, 0.01, 0.9, 0.999, 1e-8, 0.1, 3, Int64(count)))
        return [p.elements, m.elements, v.elements]
      },
      LargeCall("gradient descent") {
        var (p, velocity) = (Output(x), Output(g))
        expectOK(ck_sgd_f32(&p.memory, &velocity.memory, g, 0.5, 0.01, 0.9, 0.1, Int64(count)))
        return [p.elements, velocity.elements]
      },
      LargeCall("Adadelta") {
        var (p, squares, steps) = (Output(x), Output(g.map { $0 * $0 }), Output(x.map { $0 * $0 }))
        expectOK(
          ck_adadelta_f32(
            &p.memory, &squares.memory, &steps.memory, g, 0.5, 1, 0.95, 1e-6, 0.1, Int64(count)))
        return [p.elements, squares.elements, steps.elements]
      },
      map("lerp") { ck_lerp_f32($0, $1, 0.3, $2) },
      LargeCall("sum of squares") {
        let long = x + g + x + g
        var sum = 0.0
        expectOK(ck_sum_squares_f32(&sum, long, Int64(long.count)))
        let bits = sum.bitPattern
        return [[Float(bitPattern: UInt32(truncatingIfNeeded: bits)), Float(bitPattern: UInt32(bits >> 32))]]
      },
    ]
  }()

  private static let products: [LargeCall] = {
    var random = SeededRandom(52)
    let (m, n, k) = (201, 601, 303)
    let (a, b, bias) = (random.floats(m * k), random.floats(k * n), random.floats(n))
    @Sendable func product(
      packed: Precision? = nil,
      _ multiply:
        @Sendable (
          UnsafeMutablePointer<Float>?, Int64, ck_matrix, ck_matrix, UnsafePointer<Float>?, Int32, Int64,
          Int64,
          Int64
        ) -> ck_status = ck_matmul_f32
    ) -> [[Float]] {
      var c = Output(m * n)
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          let left = ck_matrix(data: a.baseAddress, row_stride: Int64(k), column_stride: 1)
          let right = ck_matrix(data: b.baseAddress, row_stride: 1, column_stride: Int64(k))
          let (m, n, k) = (Int64(m), Int64(n), Int64(k))
          if let packed {
            let panels = packed.packed(right, k: k, n: n)
            expectOK(ck_matmul_packed_f32(&c.memory, n, left, panels, bias, 0, m, n, k))
          } else {
            expectOK(multiply(&c.memory, n, left, right, bias, Int32(CK_TANH), m, n, k))
          }
        }
      }
      return [c.elements]
    }
    return [
      LargeCall("matmul") { product() },
      LargeCall("matmul in bfloat16") { product(ck_matmul_bf16) },
    ]
      + Precision.allCases.map { precision in
        LargeCall("matmul packed \(precision)") { product(packed: precision) }
      }
  }()

  private static let batches: [LargeCall] = {
    func call(_ name: String, _ batch: Int, _ m: Int, _ n: Int, _ k: Int, shared: Bool = false) -> LargeCall {
      var problem = BatchedProduct(batch, m, n, k)
      problem.sharesB = shared
      let call = problem
      return LargeCall("batch of \(name)") { [call.run()] }
    }
    return [
      call("small products", 37, 13, 50, 70), call("large products", 2, 97, 401, 700),
      call("products with one b", 37, 13, 50, 70, shared: true),
    ]
  }()

  private static let rows: [LargeCall] = {
    var random = SeededRandom(53)
    let (n, columns) = (1103, 1009)
    let (x, dy) = (random.floats(n * columns, -6, 6), random.floats(n * columns))
    let lengths = random.integers(n, in: 0...columns).int32
    let index = random.integers(n, in: -1...499).int32
    let (rows, width) = (Int64(n), Int64(columns))
    func make(
      _ name: String, _ count: Int, _ call: @escaping @Sendable (inout Output) -> ck_status
    ) -> LargeCall {
      LargeCall(name) {
        var y = Output([Float](repeating: 0.5, count: count))
        expectOK(call(&y))
        return [y.elements]
      }
    }
    return [
      make("softmax", x.count) { ck_softmax_f32(&$0.memory, x, lengths, rows, width) },
      make("log-softmax", x.count) { ck_log_softmax_f32(&$0.memory, x, rows, width) },
      make("softmax backward", x.count) { ck_softmax_backward_f32(&$0.memory, dy, x, lengths, rows, width) },
      make("log-softmax backward", x.count) { ck_log_softmax_backward_f32(&$0.memory, dy, x, rows, width) },
      make("gather rows", x.count) {
        ck_gather_rows_f32(&$0.memory, width, dy, width, index, rows, 500, width)
      },
      make("scatter-add rows", 500 * columns) {
        ck_scatter_add_rows_f32(&$0.memory, width, dy, width, index, rows, 500, width)
      },
      make("sum rows", columns) { ck_sum_rows_f32(&$0.memory, dy, width, rows, width) },
    ]
  }()

  private static let models: [LargeCall] =
    AttentionProblem.Score.allCases.map { score in
      let problem = AttentionProblem(
        score, batch: 3, queries: 41, keys: 101, hidden: 65, values: 67, lengths: [101, 50, 0])
      return LargeCall("\(score) attention") { problem.run().all }
    }
    + AttentionCase.Kind.allCases.flatMap { kind in
      let sizes = AttentionCase.Sizes(
        queries: 37, keys: 131, width: 24, keyWidth: 20, inner: 17, valueWidth: 19)
      return [AttentionCase.Shape.everything, .localP].map { shape in
        let problem = AttentionCase(kind, shape, .sideBySide, sizes)
        return LargeCall("\(kind) attention type, \(shape)") {
          do {
            return try problem.run().map(\.elements)
          } catch {
            Issue.record(error)
            return []
          }
        }
      }
    }
    + Reference.Cell.allCases.flatMap { cell in
      [Precision.float32, .bfloat16].map { precision in
        var problem = RecurrentProblem(
          cell, lengths: [Int](repeating: 3, count: 40) + [Int](repeating: 1, count: 31), hidden: 251)
        problem.precision = precision
        let call = problem
        return LargeCall("\(cell), weights in \(precision)") { call.run().all }
      }
    }
    + [
      {
        let problem = LayerNormProblem(1103, 251, inBlock: true)
        return LargeCall("layer normalisation") { problem.run().all }
      }(),
      {
        let problem = LossProblem(rows: 503, vocabulary: 1003, hidden: 33, smoothing: 0.1)
        return LargeCall("projected cross entropy") { problem.run().all }
      }(),
    ]
    + Precision.allCases.map { precision in
      var problem = TopTokensProblem(rows: 103, vocabulary: 5003, hidden: 33, count: 7)
      problem.precision = precision
      let call = problem
      return LargeCall("projected top k, weights in \(precision)") {
        let (logProbabilities, tokens) = call.run()
        return [logProbabilities, tokens.map(Float.init)]
      }
    }
}

extension KernelTests {
  @Suite struct InvarianceTests {
    /// The same bits for 1, 2, 3, 4 and 8 threads, and when a call is repeated.
    @Test(arguments: LargeCall.all, sets)
    func threadsChangeNoBit(_ call: LargeCall, _ set: String) throws {
      try under(set) {
        let expected = try withThreads(1) { call.run() }.map(\.bits)
        #expect(!expected.allSatisfy { $0.isEmpty })
        for threads in [1, 2, 3, 4, 8] {
          for _ in 0..<2 {
            #expect(try withThreads(threads) { call.run() }.map(\.bits) == expected, "\(threads) threads")
          }
        }
      }
    }

    /// Six callers at once, each with every family in another order, get what one caller gets.
    @Test func concurrentCallers() throws {
      let calls = LargeCall.all
      try withThreads(2) {
        let expected = calls.map { $0.run().map(\.bits) }
        DispatchQueue.concurrentPerform(iterations: 6) { caller in
          for step in calls.indices {
            let index = (step + caller * 3) % calls.count
            let bits = calls[index].run().map(\.bits)
            #expect(bits == expected[index], "caller \(caller): \(calls[index].name)")
          }
        }
      }
    }

    @Test func concurrentTasksOnTheSwiftTypes() async throws {
      var random = SeededRandom(54)
      let queries = try Tensor(random.floats(4 * 33 * 64), shape: [4, 33, 64])
      let keys = try Tensor(random.floats(4 * 57 * 64), shape: [4, 57, 64])
      let layer = try GeneralAttention(weight: Tensor(random.floats(64 * 64), shape: [64, 64]))
      @Sendable func run() throws -> [Tensor] {
        let output = try layer.forward(queries: queries, keys: keys, values: keys)
        let gradients = try layer.backward(output.context, output)
        return [output.context, gradients.inputs.queries, gradients.inputs.keys, gradients.weight]
      }
      let expected = try run()
      try await withThrowingTaskGroup(of: [Tensor].self) { group in
        for _ in 0..<16 { group.addTask { try run() } }
        for try await result in group { #expect(result == expected) }
      }
    }
  }
}

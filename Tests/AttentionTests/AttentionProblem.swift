import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// One attention call's data, what the reference makes of it, and what the kernels do.
struct AttentionProblem {
  enum Score: String, CaseIterable, Sendable {
    case dot, additive
  }

  let score: Score
  let batch, queryLength, keyLength, hidden, valueWidth: Int
  let lengths: [Int]?
  /// What the dot score is multiplied by.
  let scale: Float
  var queries, keys, values, v, dcontext: [Float]
  /// What stands in dkeys, dvalues and dv before the backward adds to them.
  private let before: (keys: [Float], values: [Float], v: [Float])

  init(
    _ score: Score, batch: Int = 3, queries: Int, keys: Int, hidden: Int, values: Int, lengths: [Int]? = nil,
    scale: Float = 0.5, seed: UInt64 = 1
  ) {
    (self.score, self.batch, self.lengths, self.scale) = (score, batch, lengths, scale)
    (queryLength, keyLength, self.hidden, valueWidth) = (queries, keys, hidden, values)
    var random = SeededRandom(seed)
    self.queries = random.floats(batch * queries * hidden, -2, 2)
    self.keys = random.floats(batch * keys * hidden, -2, 2)
    self.values = random.floats(batch * keys * values)
    v = random.floats(hidden, -2, 2)
    dcontext = random.floats(batch * queries * values)
    before = (random.floats(self.keys.count), random.floats(self.values.count), random.floats(hidden))
  }

  var shape: String {
    "B \(batch) Tq \(queryLength) Tk \(keyLength) H \(hidden) D \(valueWidth) lengths \(lengths ?? [])"
  }

  /// Context, alignment and the gradients, these added to what was there before.
  struct Result<T> {
    var context, alignment, dqueries, dkeys, dvalues, dv: [T]
  }

  func reference<T: Reference.Scalar>(_: T.Type) throws -> Result<T> {
    let input = Reference.AttentionInput<T>(
      queries: queries.converted(), keys: keys.converted(), values: values.converted(), lengths: lengths,
      batch: batch, queryLength: queryLength, keyLength: keyLength, hidden: hidden, valueWidth: valueWidth)
    let score: Reference.Score<T> =
      self.score == .dot ? .dot(scale: T(scale)) : .additive(v: v.converted())
    let result = try Reference.attention(input, score: score)
    let gradient = try Reference.attentionBackward(dcontext.converted(), result, input, score: score)
    func added(_ gradient: [T], to before: [Float]) -> [T] { zip(before, gradient).map { T($0) + $1 } }
    return Result(
      context: result.context, alignment: result.alignment, dqueries: gradient.queries,
      dkeys: added(gradient.keys, to: before.keys), dvalues: added(gradient.values, to: before.values),
      dv: self.score == .dot ? before.v.converted() : added(gradient.scoreParameter, to: before.v))
  }

  /// Calls `body` with the kernels' terms.
  private func withKernel(_ body: (UnsafePointer<ck_attention>) -> ck_status) -> ck_status {
    func rows(_ count: Int, _ width: Int) -> ck_strides {
      ck_strides(batch: Int64(count * width), head: Int64(width), row: Int64(width))
    }
    var attention = ck_attention()
    (attention.B, attention.heads, attention.key_heads) = (Int64(batch), 1, 1)
    (attention.Tq, attention.Tk) = (Int64(queryLength), Int64(keyLength))
    (attention.H, attention.D) = (Int64(hidden), Int64(valueWidth))
    (attention.query, attention.context) = (rows(queryLength, hidden), rows(queryLength, valueWidth))
    (attention.key, attention.value) = (rows(keyLength, hidden), rows(keyLength, valueWidth))
    (attention.left, attention.right, attention.scale) = (-1, -1, scale)
    let lengths = lengths?.int32 ?? [Int32](repeating: Int32(keyLength), count: batch)
    return lengths.withUnsafeBufferPointer { lengths in
      if self.lengths != nil { attention.lengths = lengths.baseAddress }
      return v.withUnsafeBufferPointer { v in
        if score == .additive { attention.v = v.baseAddress }
        return body(&attention)
      }
    }
  }

  /// The kernels under the set in use; the backward with the forward's alignment, or without.
  func run(givingAlignment: Bool = true) -> Result<Float> {
    var (context, alignment) = (Output(dcontext.count), Output(batch * queryLength * keyLength))
    var (contextAlone, statistics) = (Output(dcontext.count), Output(batch * queryLength * 2))
    expectOK(
      withKernel {
        ck_attention_forward_f32(
          &context.memory, &alignment.memory, &statistics.memory, queries, keys, values, $0)
      })
    expectOK(
      withKernel { ck_attention_forward_f32(&contextAlone.memory, nil, nil, queries, keys, values, $0) })
    #expect(
      contextAlone.elements.bits == context.elements.bits, "the alignment's absence changes the context")
    var (dqueries, dkeys) = (Output(queries.count), Output(before.keys))
    var (dvalues, dv) = (Output(before.values), Output(before.v))
    dqueries.memory.withUnsafeMutableBufferPointer { dq in
      dkeys.memory.withUnsafeMutableBufferPointer { dk in
        dvalues.memory.withUnsafeMutableBufferPointer { dvalues in
          dv.memory.withUnsafeMutableBufferPointer { dv in
            var gradients = ck_attention_gradients()
            (gradients.queries, gradients.keys) = (dq.baseAddress, dk.baseAddress)
            (gradients.values, gradients.v) = (dvalues.baseAddress, dv.baseAddress)
            let weights = givingAlignment ? alignment.elements : nil
            expectOK(
              withKernel {
                ck_attention_backward_f32(
                  &gradients, dcontext, context.elements, statistics.elements, weights, queries, keys, values,
                  Int32(CK_ACCUMULATE), $0)
              })
          }
        }
      }
    }
    return Result(
      context: context.elements, alignment: alignment.elements, dqueries: dqueries.elements,
      dkeys: dkeys.elements, dvalues: dvalues.elements, dv: dv.elements)
  }

  func check(_ set: String) throws {
    let (truth, naive) = (try reference(Double.self), try reference(Float.self))
    try check(set, under(set) { run() }, truth, naive)
    try check(set, under(set) { run(givingAlignment: false) }, truth, naive)
  }

  private func check(_ set: String, _ result: Result<Float>, _ truth: Result<Double>, _ naive: Result<Float>)
  {
    let forward = Trial("\(score) attention", set: set, shape: shape)
    expect(
      forward.compare(
        "context", result.context, truth.context,
        .forward(naive: naive.context, truth: truth.context, scale: values.largest)))
    expect(
      forward.compare(
        "alignment", result.alignment, truth.alignment,
        .forward(naive: naive.alignment, truth: truth.alignment)))
    // With one key the weight is 1 and everything cancels: then the floor is of what cancels, dcᵀ v times the inputs.
    let inputs = max(queries.largest, max(keys.largest, v.largest))
    let cancelling = keyLength == 1 ? Double(valueWidth) * values.largest * dcontext.largest * inputs : 0
    let backward = Trial("\(score) attention backward", set: set, shape: shape)
    func compare(
      _ name: String, _ part: KeyPath<Result<Float>, [Float]>, _ of: KeyPath<Result<Double>, [Double]>
    ) {
      let scale = max(truth[keyPath: of].largest, cancelling)
      expect(
        backward.compare(
          name, result[keyPath: part], truth[keyPath: of],
          .gradient(naive: naive[keyPath: part], truth: truth[keyPath: of], scale: scale)))
    }
    compare("dqueries", \.dqueries, \.dqueries)
    compare("dkeys", \.dkeys, \.dkeys)
    compare("dvalues", \.dvalues, \.dvalues)
    compare("dv", \.dv, \.dv)
    checkMasked(result)
  }

  /// Masked weights are exactly 0, and the gradients of masked keys and values are left alone.
  private func checkMasked(_ result: Result<Float>) {
    for (b, length) in (lengths ?? []).enumerated() {
      for t in b * queryLength..<(b + 1) * queryLength {
        #expect(result.alignment[t * keyLength + length..<(t + 1) * keyLength].allSatisfy { $0 == 0 })
      }
      let masked = b * keyLength + length..<(b + 1) * keyLength
      let (keys, values) = (masked.scaled(hidden), masked.scaled(valueWidth))
      #expect(result.dkeys[keys] == before.keys[keys])
      #expect(result.dvalues[values] == before.values[values])
    }
  }

  /// With queries and keys that lie as far from 0 as this, and at least one of every source there.
  func reaching(_ reach: Float) -> AttentionProblem {
    var problem = self
    problem.queries = queries.map { $0 / 2 * reach }
    problem.keys = keys.map { $0 / 2 * reach }
    for b in 0..<batch {
      problem.queries[b * queryLength * hidden] = reach
      problem.keys[b * keyLength * hidden + hidden - 1] = -reach
    }
    return problem
  }

  /// With something else wherever a length says that nothing is read.
  func poisoned(_ poison: Float) -> AttentionProblem {
    var problem = self
    for (b, length) in (lengths ?? []).enumerated() {
      let masked = b * keyLength + length..<(b + 1) * keyLength
      for i in masked.scaled(hidden) { problem.keys[i] = poison }
      for i in masked.scaled(valueWidth) { problem.values[i] = poison }
    }
    return problem
  }
}

extension Range<Int> {
  /// The elements of these rows.
  func scaled(_ width: Int) -> Range<Int> { lowerBound * width..<upperBound * width }
}

extension AttentionProblem.Result where T == Float {
  var all: [[Float]] { [context, alignment, dqueries, dkeys, dvalues, dv] }
}

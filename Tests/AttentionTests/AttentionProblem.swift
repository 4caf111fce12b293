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
  private(set) var before: (keys: [Float], values: [Float], v: [Float])

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

  /// With zeros in place of what the backward adds to.
  func fromZero() -> AttentionProblem {
    var problem = self
    problem.before = (keys.map { _ in 0 }, values.map { _ in 0 }, v.map { _ in 0 })
    return problem
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

  /// The kernels under the set in use. `alignment` replaces the forward's in the backward.
  func run(alignment given: [Float]? = nil) -> Result<Float> {
    var (context, alignment) = (Output(dcontext.count), Output(batch * queryLength * keyLength))
    var contextAlone = Output(dcontext.count)
    let (b, tq, tk) = (Int64(batch), Int64(queryLength), Int64(keyLength))
    let (h, d, lengths) = (Int64(hidden), Int64(valueWidth), lengths?.int32)
    var (dqueries, dkeys) = (Output(queries.count), Output(before.keys))
    var (dvalues, dv) = (Output(before.values), Output(before.v))
    switch score {
    case .dot:
      expectOK(
        ck_dot_attention_forward_f32(
          &context.memory, &alignment.memory, queries, keys, values, lengths, scale, b, tq, tk, h, d))
      expectOK(
        ck_dot_attention_forward_f32(
          &contextAlone.memory, nil, queries, keys, values, lengths, scale, b, tq, tk, h, d))
      expectOK(
        ck_dot_attention_backward_f32(
          &dqueries.memory, &dkeys.memory, &dvalues.memory, dcontext, queries, keys, values,
          given ?? alignment.elements, lengths, scale, b, tq, tk, h, d))
    case .additive:
      expectOK(
        ck_additive_attention_forward_f32(
          &context.memory, &alignment.memory, queries, keys, values, v, lengths, b, tq, tk, h, d))
      expectOK(
        ck_additive_attention_forward_f32(
          &contextAlone.memory, nil, queries, keys, values, v, lengths, b, tq, tk, h, d))
      expectOK(
        ck_additive_attention_backward_f32(
          &dqueries.memory, &dkeys.memory, &dvalues.memory, &dv.memory, dcontext, queries, keys, values, v,
          given ?? alignment.elements, lengths, b, tq, tk, h, d))
    }
    #expect(
      contextAlone.elements.bits == context.elements.bits, "the alignment's absence changes the context")
    return Result(
      context: context.elements, alignment: alignment.elements, dqueries: dqueries.elements,
      dkeys: dkeys.elements, dvalues: dvalues.elements, dv: dv.elements)
  }

  func check(_ set: String) throws {
    let (truth, naive) = (try reference(Double.self), try reference(Float.self))
    let result = try under(set) { run() }
    let forward = Trial("\(score) attention", set: set, shape: shape)
    expect(
      forward.compare(
        "context", result.context, truth.context,
        .forward(naive: naive.context, truth: truth.context, scale: values.largest)))
    expect(
      forward.compare(
        "alignment", result.alignment, truth.alignment,
        .forward(naive: naive.alignment, truth: truth.alignment)))
    let backward = Trial("\(score) attention backward", set: set, shape: shape)
    func compare(
      _ name: String, _ part: KeyPath<Result<Float>, [Float]>, _ of: KeyPath<Result<Double>, [Double]>
    ) {
      expect(
        backward.compare(
          name, result[keyPath: part], truth[keyPath: of],
          .gradient(naive: naive[keyPath: part], truth: truth[keyPath: of])))
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

  /// With something else wherever a length says that nothing is read: keys, values and the backward's alignment.
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

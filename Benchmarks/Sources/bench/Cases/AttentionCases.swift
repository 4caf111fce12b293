import AttentionReference
import CKernels

/// Attention over a batch of 64 ragged sources of 10 to 30 keys, 30 queries each, 512 wide: scores, softmax, context.
///
/// Queries and keys are projected already. Forward and backward together start from cleared sums.
func dotAttention(backward: Bool) -> Case { attention("dot", backward: backward) { $0.dotScore } }

/// As ``dotAttention(backward:)`` with the additive score of Bahdanau, Cho, Bengio 2015.
func additiveAttention(backward: Bool) -> Case {
  attention("additive", backward: backward) { $0.additiveScore }
}

private func attention(
  _ score: String, backward: Bool, _ functions: @escaping (AttentionData) -> AttentionData.Score
) -> Case {
  let name = "\(score)-attention" + (backward ? "-forward-backward" : "-forward")
  let work = Work.operations(AttentionData.operations(additive: score == "additive", backward: backward))
  return Case(name: name, shape: "B 64, Tq 30, Tk 10…30, H 512", work: work) {
    let data = AttentionData()
    let score = functions(data)
    let run = {
      try kernel(score.forward())
      guard backward else { return }
      data.clearGradients()
      try kernel(score.backward())
    }
    let check = Check(
      result: {
        try run()
        return data.outputs(backward: backward, parameter: score.hasParameter)
      },
      truth: { try data.reference(Double.self, score.reference(), sources: AttentionData.batch, backward) },
      terms: AttentionData.width)
    let some = 8
    let naive = Naive.run(share: data.share(ofFirst: some), note: "\(some) of 64 sources") {
      _ = try data.reference(Float.self, score.naive(), sources: some, backward)
    }
    return Body(run: run, check: check, naive: naive)
  }
}

/// The arrays of one attention call and its gradients.
final class AttentionData {
  static let (batch, queryLength, keyLength, width) = (64, 30, 30, 512)
  static let lengths = raggedLengths(batch, 10, keyLength)

  let queries = Floats(random: batch * queryLength * width, seed: 1)
  let keys = Floats(random: batch * keyLength * width, seed: 2)
  let values = Floats(random: batch * keyLength * width, seed: 3)
  let v = Floats(random: width, seed: 4, scale: 0.25)
  let contextGradient = Floats(random: batch * queryLength * width, seed: 5)
  let context = Floats(zeros: batch * queryLength * width)
  let alignment = Floats(zeros: batch * queryLength * keyLength)
  let dqueries = Floats(zeros: batch * queryLength * width)
  let dkeys = Floats(zeros: batch * keyLength * width)
  let dvalues = Floats(zeros: batch * keyLength * width)
  let dv = Floats(zeros: width)
  private let lengths = lengths.map(Int32.init)

  /// Dot: a multiply-add for each element of a pair's score, and one for its context. Additive: a sum, a tanh and a
  /// multiply-add for its score. The backward: dα and dv, then dq and dk; additive, the derivative besides (a sum, a
  /// tanh, 1 − u², v (1 − u²)) and dv.
  static func operations(additive: Bool, backward: Bool) -> Double {
    let perElement = (additive ? 6 : 4) + (backward ? (additive ? 14 : 8) : 0)
    return Double(perElement * queryLength * lengths.reduce(0, +) * width)
  }

  func share(ofFirst sources: Int) -> Double {
    Double(Self.lengths.prefix(sources).reduce(0, +)) / Double(Self.lengths.reduce(0, +))
  }

  func clearGradients() {
    for sum in [dkeys, dvalues, dv] { sum.zero() }
  }

  func outputs(backward: Bool, parameter: Bool) -> [String: [Float]] {
    var result = ["context": context.array, "alignment": alignment.array]
    guard backward else { return result }
    result.merge(
      ["dqueries": dqueries.array, "dkeys": dkeys.array, "dvalues": dvalues.array],
      uniquingKeysWith: { first, _ in first })
    if parameter { result["dv"] = dv.array }
    return result
  }
}

extension AttentionData {
  /// The kernels of one score, and what the reference calls it.
  struct Score {
    let forward: () -> ck_status
    let backward: () -> ck_status
    let reference: () -> Reference.Score<Double>
    let naive: () -> Reference.Score<Float>
    let hasParameter: Bool
  }

  private static let sizes = (Int64(batch), Int64(queryLength), Int64(keyLength), Int64(width))

  var dotScore: Score {
    let (b, tq, tk, h) = Self.sizes
    return Score(
      forward: {
        ck_dot_attention_forward_f32(
          self.context.pointer, self.alignment.pointer, self.queries.pointer, self.keys.pointer,
          self.values.pointer, self.lengths, 1, b, tq, tk, h, h)
      },
      backward: {
        ck_dot_attention_backward_f32(
          self.dqueries.pointer, self.dkeys.pointer, self.dvalues.pointer, self.contextGradient.pointer,
          self.queries.pointer, self.keys.pointer, self.values.pointer, self.alignment.pointer, self.lengths,
          1, b, tq, tk, h, h)
      },
      reference: { .dot(scale: 1) }, naive: { .dot(scale: 1) }, hasParameter: false)
  }

  var additiveScore: Score {
    let (b, tq, tk, h) = Self.sizes
    return Score(
      forward: {
        ck_additive_attention_forward_f32(
          self.context.pointer, self.alignment.pointer, self.queries.pointer, self.keys.pointer,
          self.values.pointer, self.v.pointer, self.lengths, b, tq, tk, h, h)
      },
      backward: {
        ck_additive_attention_backward_f32(
          self.dqueries.pointer, self.dkeys.pointer, self.dvalues.pointer, self.dv.pointer,
          self.contextGradient.pointer, self.queries.pointer, self.keys.pointer, self.values.pointer,
          self.v.pointer, self.alignment.pointer, self.lengths, b, tq, tk, h, h)
      },
      reference: { .additive(v: self.v.doubles) }, naive: { .additive(v: self.v.array) }, hasParameter: true)
  }

  /// The reference's results for the first sources.
  @inline(__always)
  func reference<T: Reference.Scalar>(
    _: T.Type, _ score: Reference.Score<T>, sources: Int, _ backward: Bool
  ) throws -> [String: [T]] {
    func first(_ floats: Floats) -> [T] {
      floats.slice(0..<floats.count / Self.batch * sources).map { T($0) }
    }
    let input = Reference.AttentionInput(
      queries: first(queries), keys: first(keys), values: first(values),
      lengths: Array(Self.lengths.prefix(sources)), batch: sources, queryLength: Self.queryLength,
      keyLength: Self.keyLength, hidden: Self.width, valueWidth: Self.width)
    let attended = try Reference.attention(input, score: score)
    var result = ["context": attended.context, "alignment": attended.alignment]
    guard backward else { return result }
    let gradient = try Reference.attentionBackward(first(contextGradient), attended, input, score: score)
    result["dqueries"] = gradient.queries
    result["dkeys"] = gradient.keys
    result["dvalues"] = gradient.values
    if case .additive = score { result["dv"] = gradient.scoreParameter }
    return result
  }
}

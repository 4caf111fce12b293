import Attention
import AttentionReference
import TestSupport
import Testing

/// The Swift types, with their projections, against the reference.
private struct Projected {
  let batch = 3, queryLength = 4, keyLength = 7
  let width = 5, keyWidth = 6, valueWidth = 9, inner = 11
  let lengths = [7, 0, 3]
  var queries, keys, values, dcontext, general, v, wq, wk: [Float]

  init() {
    var random = SeededRandom(21)
    queries = random.floats(batch * queryLength * width)
    keys = random.floats(batch * keyLength * keyWidth)
    values = random.floats(batch * keyLength * valueWidth)
    dcontext = random.floats(batch * queryLength * valueWidth)
    general = random.floats(width * keyWidth)
    v = random.floats(inner)
    wq = random.floats(inner * width)
    wk = random.floats(inner * keyWidth)
  }

  /// Keys and values with something else where the lengths say that nothing is read.
  mutating func poison(_ poison: Float) {
    for (b, length) in lengths.enumerated() {
      let masked = b * keyLength + length..<(b + 1) * keyLength
      for i in masked.scaled(keyWidth) { keys[i] = poison }
      for i in masked.scaled(valueWidth) { values[i] = poison }
    }
  }

  struct Tensors {
    let queries, keys, values, dcontext: Tensor
  }

  func tensors() throws -> Tensors {
    try Tensors(
      queries: Tensor(queries, shape: [batch, queryLength, width]),
      keys: Tensor(keys, shape: [batch, keyLength, keyWidth]),
      values: Tensor(values, shape: [batch, keyLength, valueWidth]),
      dcontext: Tensor(dcontext, shape: [batch, queryLength, valueWidth]))
  }

  func generalLayer() throws -> GeneralAttention {
    try GeneralAttention(weight: Tensor(general, shape: [width, keyWidth]))
  }

  func additiveLayer() throws -> AdditiveAttention {
    try AdditiveAttention(
      v: Tensor(v, shape: [inner]), query: Tensor(wq, shape: [inner, width]),
      key: Tensor(wk, shape: [inner, keyWidth]))
  }

  /// Context, alignment, then the gradients: queries, keys, values, parameters.
  func referenceGeneral<T: Reference.Scalar>(_: T.Type) throws -> [[T]] {
    let input = Reference.AttentionInput<T>(
      queries: queries.converted(), keys: keys.converted(), values: values.converted(), lengths: lengths,
      batch: batch, queryLength: queryLength, keyLength: keyLength, hidden: width, valueWidth: valueWidth)
    let score = Reference.Score<T>.general(weight: general.converted(), keyWidth: keyWidth)
    let result = try Reference.attention(input, score: score)
    let gradient = try Reference.attentionBackward(dcontext.converted(), result, input, score: score)
    return [
      result.context, result.alignment, gradient.queries, gradient.keys, gradient.values,
      gradient.scoreParameter,
    ]
  }

  func referenceAdditive<T: Reference.Scalar>(_: T.Type) throws -> [[T]] {
    let (q, k, wq, wk): ([T], [T], [T], [T]) = (
      queries.converted(), keys.converted(), self.wq.converted(), self.wk.converted()
    )
    let queryShape = Reference.ProductShape(m: batch * queryLength, n: inner, k: width, transposeB: true)
    let keyShape = Reference.ProductShape(m: batch * keyLength, n: inner, k: keyWidth, transposeB: true)
    let (pq, pk) = (
      try Reference.matrixProduct(q, wq, queryShape), try Reference.matrixProduct(k, wk, keyShape)
    )
    let input = Reference.AttentionInput<T>(
      queries: pq, keys: pk, values: values.converted(), lengths: lengths, batch: batch,
      queryLength: queryLength, keyLength: keyLength, hidden: inner, valueWidth: valueWidth)
    let score = Reference.Score<T>.additive(v: v.converted())
    let result = try Reference.attention(input, score: score)
    let gradient = try Reference.attentionBackward(dcontext.converted(), result, input, score: score)
    let dq = try Reference.matrixProductBackward(gradient.queries, output: pq, q, wq, queryShape)
    let dk = try Reference.matrixProductBackward(gradient.keys, output: pk, k, wk, keyShape)
    return [
      result.context, result.alignment, dq.a, dk.a, gradient.values, gradient.scoreParameter, dq.b, dk.b,
    ]
  }

  func runGeneral(alignment: Bool = true) throws -> [[Float]] {
    let (layer, t) = (try generalLayer(), try tensors())
    let output = try layer.forward(
      queries: t.queries, keys: t.keys, values: t.values, mask: .lengths(lengths), alignment: alignment)
    let g = try layer.backward(t.dcontext, output)
    #expect(output.context.shape == [batch, queryLength, valueWidth])
    #expect(output.alignment?.shape == (alignment ? [batch, queryLength, keyLength] : nil))
    return [output.context, output.alignment, g.queries, g.keys, g.values, g.weight]
      .compactMap { $0?.elements }
  }

  func runAdditive(alignment: Bool = true) throws -> [[Float]] {
    let (layer, t) = (try additiveLayer(), try tensors())
    let output = try layer.forward(
      queries: t.queries, keys: t.keys, values: t.values, mask: .lengths(lengths), alignment: alignment)
    let g = try layer.backward(t.dcontext, output)
    #expect(output.context.shape == [batch, queryLength, valueWidth])
    #expect(output.alignment?.shape == (alignment ? [batch, queryLength, keyLength] : nil))
    return [output.context, output.alignment, g.queries, g.keys, g.values, g.v, g.queryWeight, g.keyWeight]
      .compactMap { $0?.elements }
  }
}

extension KernelTests {
  @Suite struct AttentionTypesTests {
    static let names = ["context", "alignment", "dqueries", "dkeys", "dvalues", "dW or dv", "dW_q", "dW_k"]

    private func check(_ trial: Trial, _ result: [[Float]], _ truth: [[Double]], _ naive: [[Float]]) {
      #expect(result.count == truth.count)
      for index in result.indices {
        let tolerance: Tolerance =
          index < 2
          ? .forward(naive: naive[index], truth: truth[index])
          : .gradient(naive: naive[index], truth: truth[index])
        expect(trial.compare(Self.names[index], result[index], truth[index], tolerance))
      }
    }

    @Test(arguments: sets)
    func general(set: String) throws {
      let problem = Projected()
      let result = try under(set) { try problem.runGeneral() }
      check(
        Trial("GeneralAttention", set: set, shape: "ragged"), result,
        try problem.referenceGeneral(Double.self), try problem.referenceGeneral(Float.self))
      // The backward makes the alignment again where the forward did not keep it.
      let again = try under(set) { try problem.runGeneral(alignment: false) }
      #expect(again == [result[0]] + result[2...])
    }

    @Test(arguments: sets)
    func additive(set: String) throws {
      let problem = Projected()
      let result = try under(set) { try problem.runAdditive() }
      check(
        Trial("AdditiveAttention", set: set, shape: "ragged"), result,
        try problem.referenceAdditive(Double.self), try problem.referenceAdditive(Float.self))
      let again = try under(set) { try problem.runAdditive(alignment: false) }
      #expect(again == [result[0]] + result[2...])
    }

    @Test(arguments: sets)
    func dot(set: String) throws {
      let problem = AttentionProblem(
        .dot, queries: 4, keys: 7, hidden: 5, values: 9, lengths: [7, 0, 3]
      ).fromZero()
      let (b, tq, tk, h, d) = (3, 4, 7, 5, 9)
      let queries = try Tensor(problem.queries, shape: [b, tq, h])
      let keys = try Tensor(problem.keys, shape: [b, tk, h])
      let values = try Tensor(problem.values, shape: [b, tk, d])
      let dcontext = try Tensor(problem.dcontext, shape: [b, tq, d])
      let layer = DotAttention(scale: problem.scale)
      for alignment in [true, false] {
        let (attended, gradients) = try under(set) {
          let attended = try layer.forward(
            queries: queries, keys: keys, values: values, mask: .lengths([7, 0, 3]), alignment: alignment)
          return (attended, try layer.backward(dcontext, attended))
        }
        // The same kernels with the same data: the same bits.
        let expected = try under(set) { problem.run() }
        #expect(attended.context.elements == expected.context)
        #expect(attended.alignment?.elements == (alignment ? expected.alignment : nil))
        #expect(gradients.queries.elements == expected.dqueries)
        #expect(gradients.keys.elements == expected.dkeys)
        #expect(gradients.values.elements == expected.dvalues)
      }
    }

    /// The projections run over masked keys too, but what stands there reaches neither a result nor a gradient.
    @Test(arguments: sets, [Float.nan, .infinity])
    func maskedKeysReachNothing(_ set: String, _ poison: Float) throws {
      let clean = Projected()
      var poisoned = clean
      poisoned.poison(poison)
      try under(set) {
        let (general, additive) = (try clean.runGeneral(), try clean.runAdditive())
        for (index, part) in try poisoned.runGeneral().enumerated() {
          #expect(part == general[index], "general: \(Self.names[index])")
        }
        for (index, part) in try poisoned.runAdditive().enumerated() {
          #expect(part == additive[index], "additive: \(Self.names[index])")
        }
      }
    }

    @Test(arguments: sets)
    func emptyBatchAndNoKeys(set: String) throws {
      try under(set) {
        for (b, tq, tk) in [(0, 2, 3), (2, 0, 3), (2, 2, 0)] {
          let queries = Tensor(zeros: [b, tq, 5])
          let (keys, values) = (Tensor(zeros: [b, tk, 6]), Tensor(zeros: [b, tk, 4]))
          let layer = try Projected().generalLayer()
          let output = try layer.forward(queries: queries, keys: keys, values: values, alignment: true)
          #expect(output.context == Tensor(zeros: [b, tq, 4]))
          #expect(try layer.backward(output.context, output).weight == Tensor(zeros: [5, 6]))
          let additive = try Projected().additiveLayer()
          let other = try additive.forward(queries: queries, keys: keys, values: values)
          #expect(try additive.backward(other.context, other).v == Tensor(zeros: [11]))
        }
      }
    }
  }
}

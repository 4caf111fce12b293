import Attention
import AttentionReference
import TestSupport
import Testing

/// A call of one of the attention functions under one shaping in one layout: what the reference makes of it, and what the fast
/// path does. All arrays are [B, heads, T, width], as the reference has them.
struct AttentionCase {
  enum Kind: CaseIterable {
    case dot, scaledDot, cosine, general, additive, biasedAdditive, normedAdditive, location
  }

  /// In most there is a query with nothing to attend to.
  enum Shape: CaseIterable {
    case none, lengths, causal, window, windows, boolean, sharedBoolean, bias, sharedBias, localM, localP
    case sharedLocalP, softcap, dropout, everything, everythingLocalP
  }

  enum Form: CaseIterable {
    case oneHead, sideBySide, headed, packed
  }

  struct Sizes {
    var queries = 5
    var keys = 13
    var width = 9
    var keyWidth = 6
    var inner = 11
    var valueWidth = 7
  }

  static let batch = 4
  let kind: Kind
  let shape: Shape
  let form: Form
  let sizes: Sizes
  let (heads, keyHeads): (Int, Int)
  var queries, keys, values, dcontext: [Float]
  /// W_a (general, location); v, W_a, U_a, b (additive).
  var weight, v, queryWeight, keyWeight, scoreBias: [Float]
  let gain: Float = 1.75
  var shaping: CaseShaping

  var batch: Int { Self.batch }
  var keyWidth: Int {
    switch kind {
    case .dot, .scaledDot, .cosine: sizes.width
    default: sizes.keyWidth
    }
  }
  /// The sentences of a packed batch: one without queries and one without keys among them.
  var queryLengths: [Int]? { form == .packed ? [sizes.queries, 2, 0, 3] : nil }
  var keyLengths: [Int]? { form == .packed ? [6, sizes.keys, 4, 0] : nil }

  init(_ kind: Kind, _ shape: Shape, _ form: Form = .oneHead, _ sizes: Sizes = Sizes(), seed: UInt64 = 61) {
    (self.kind, self.shape, self.form, self.sizes) = (kind, shape, form, sizes)
    (heads, keyHeads) = form == .oneHead ? (1, 1) : (4, 2)
    var random = SeededRandom(seed)
    let (b, inner) = (Self.batch, sizes.inner)
    queries = random.floats(b * heads * sizes.queries * sizes.width)
    keys = random.floats(b * keyHeads * sizes.keys * max(sizes.width, sizes.keyWidth))
    values = random.floats(b * keyHeads * sizes.keys * sizes.valueWidth)
    dcontext = random.floats(b * heads * sizes.queries * sizes.valueWidth)
    // As layers begin: products of the size of what goes into them.
    func weights(_ count: Int, _ width: Int) -> [Float] {
      let bound = (3 / Float(max(width, 3))).squareRoot()
      return random.floats(count, -bound, bound)
    }
    weight = weights((sizes.keys + 2) * sizes.width * max(1, sizes.keyWidth), sizes.width)
    (v, scoreBias) = (random.floats(inner), random.floats(inner))
    queryWeight = weights(inner * sizes.width, sizes.width)
    keyWeight = weights(inner * sizes.keyWidth, sizes.keyWidth)
    shaping = CaseShaping(
      shape, [b, heads, sizes.queries, sizes.keys], isPacked: form == .packed, seed: seed + 1)
    keys.removeLast(keys.count - b * keyHeads * sizes.keys * keyWidth)
    weight.removeLast(weight.count - (kind == .location ? sizes.keys + 2 : keyWidth) * sizes.width)
    if let queryLengths {
      // The reference knows no ragged queries; one whose gradient is zero might as well not be there.
      forEachRow(heads, sizes.queries) { b, row, t in
        guard t >= queryLengths[b] else { return }
        for i in row * sizes.valueWidth..<(row + 1) * sizes.valueWidth { dcontext[i] = 0 }
      }
    }
  }

  var isAdditive: Bool { [.additive, .biasedAdditive, .normedAdditive].contains(kind) }

  var description: String { "\(shape), \(form)" }

  func forEachRow(_ heads: Int, _ positions: Int, _ body: (_ b: Int, _ row: Int, _ t: Int) -> Void) {
    for row in 0..<batch * heads * positions { body(row / positions / heads, row, row % positions) }
  }

  /// The parts of a result, by name, forward first.
  typealias Parts<T> = [(name: String, isForward: Bool, elements: [T])]
}

// MARK: - The reference

extension AttentionCase {
  /// Where the reference's result has rows that a packed batch lacks, they are as of a query without keys.
  private func cut<T>(_ array: [T], width: Int, to fill: T) -> [T] {
    guard let queryLengths else { return array }
    var array = array
    forEachRow(heads, sizes.queries) { b, row, t in
      guard t >= queryLengths[b] else { return }
      for i in row * width..<(row + 1) * width { array[i] = fill }
    }
    return array
  }

  var lengths: [Int]? {
    guard let keyLengths else { return shaping.lengths }
    return shaping.lengths.map { zip($0, keyLengths).map(min) } ?? keyLengths
  }

  private struct Projected<T: Reference.Scalar> {
    var queries, keys: [T]
    var width: Int
    var score: Reference.Score<T>
  }

  private func product(rows: Int, inner: Int, width: Int) -> Reference.ProductShape {
    Reference.ProductShape(m: rows, n: inner, k: width, transposeB: true)
  }

  private var queryProduct: Reference.ProductShape {
    product(rows: batch * heads * sizes.queries, inner: sizes.inner, width: sizes.width)
  }

  private var keyProduct: Reference.ProductShape {
    product(rows: batch * keyHeads * sizes.keys, inner: sizes.inner, width: keyWidth)
  }

  private func projected<T: Reference.Scalar>() throws -> Projected<T> {
    let (q, k): ([T], [T]) = (queries.converted(), keys.converted())
    func plain(_ score: Reference.Score<T>, keys: [T]? = nil) -> Projected<T> {
      Projected(queries: q, keys: keys ?? k, width: sizes.width, score: score)
    }
    func additive(_ score: Reference.Score<T>) throws -> Projected<T> {
      Projected(
        queries: try Reference.matrixProduct(q, queryWeight.converted(), queryProduct),
        keys: try Reference.matrixProduct(k, keyWeight.converted(), keyProduct), width: sizes.inner,
        score: score)
    }
    switch kind {
    case .dot: return plain(.dot(scale: 1))
    case .scaledDot: return plain(.dot(scale: 1 / T(sizes.width).squareRoot()))
    case .cosine: return plain(.cosine(temperature: 0.25))
    case .general: return plain(.general(weight: weight.converted(), keyWidth: keyWidth))
    case .location: return plain(.location(weight: weight.converted()), keys: [])
    case .additive: return try additive(.additive(v: v.converted()))
    case .biasedAdditive: return try additive(.additive(v: v.converted(), bias: scoreBias.converted()))
    case .normedAdditive:
      return try additive(
        .normedAdditive(v: v.converted(), gain: T(gain), bias: scoreBias.converted()))
    }
  }

  func reference<T: Reference.Scalar>(_: T.Type) throws -> Parts<T> {
    let p: Projected<T> = try projected()
    let input = Reference.AttentionInput<T>(
      queries: p.queries, keys: p.keys, values: values.converted(), lengths: lengths, batch: batch,
      heads: heads, keyHeads: keyHeads, queryLength: sizes.queries, keyLength: sizes.keys, hidden: p.width,
      valueWidth: sizes.valueWidth, shaping: try shaping.reference())
    let result = try Reference.attention(input, score: p.score)
    let g = try Reference.attentionBackward(dcontext.converted(), result, input, score: p.score)
    var parts: Parts<T> = [
      ("context", true, cut(result.context, width: sizes.valueWidth, to: 0)),
      ("alignment", true, cut(result.alignment, width: sizes.keys, to: 0)),
      ("log-sum-exp", true, cut(result.logSumExp, width: 1, to: -.infinity)),
    ]
    for (name, stage) in [("raw", Reference.ScoreStage.raw), ("capped", .capped), ("masked", .masked)] {
      parts.append(
        ("\(name) scores", true, inSentence(try Reference.attentionScores(input, score: p.score, at: stage))))
    }
    let (dqueries, dkeys, parameters) = try throughProjections(g, p)
    parts += [("dqueries", false, dqueries), ("dkeys", false, dkeys), ("dvalues", false, g.values)]
    parts += parameters
    if let shape = shaping.bias?.shape {
      parts.append(("dbias", false, reduced(g.bias, shape, over: shaping.pairs)))
    }
    if let shape = shaping.centres?.shape {
      parts.append(("dcentres", false, reduced(g.centres, shape, over: [1] + shaping.pairs[..<3])))
    }
    return parts
  }

  /// 0 for pairs that a packed batch does not have.
  private func inSentence<T: ExpressibleByIntegerLiteral>(_ scores: [T]) -> [T] {
    guard let queryLengths, let keyLengths else { return scores }
    var scores = scores
    forEachRow(heads, sizes.queries) { b, row, t in
      for i in 0..<sizes.keys where t >= queryLengths[b] || i >= keyLengths[b] {
        scores[row * sizes.keys + i] = 0
      }
    }
    return scores
  }

  private func throughProjections<T: Reference.Scalar>(
    _ g: Reference.AttentionGradient<T>, _ p: Projected<T>
  ) throws -> ([T], [T], Parts<T>) {
    switch kind {
    case .dot, .scaledDot, .cosine: return (g.queries, g.keys, [])
    case .general: return (g.queries, g.keys, [("dweight", false, g.scoreParameter)])
    case .location:
      return (g.queries, keys.map { _ in 0 }, [("dweight", false, g.scoreParameter)])
    case .additive, .biasedAdditive, .normedAdditive:
      let dq = try Reference.matrixProductBackward(
        g.queries, output: p.queries, queries.converted(), queryWeight.converted(), queryProduct)
      let dk = try Reference.matrixProductBackward(
        g.keys, output: p.keys, keys.converted(), keyWeight.converted(), keyProduct)
      // g and v̂ are one vector in other coordinates; a number alone has no scale of its own.
      let dg = kind == .normedAdditive ? [g.gain] : []
      var parts: Parts<T> = [
        ("dv", false, g.scoreParameter + dg), ("dW_a", false, dq.b), ("dU_a", false, dk.b),
      ]
      if kind != .additive { parts.append(("db", false, g.scoreBias)) }
      return (dq.a, dk.a, parts)
    }
  }
}

// MARK: - The fast path

extension AttentionCase {
  func run(alignment: Bool = true) throws -> Parts<Float> {
    switch kind {
    case .dot: return try run(DotAttention(), alignment) { ($0, []) }
    case .scaledDot: return try run(DotAttention.scaled, alignment) { ($0, []) }
    case .cosine: return try run(CosineAttention(temperature: 0.25), alignment) { ($0, []) }
    case .general:
      return try run(general(), alignment) { ($0.inputs, [("dweight", false, $0.weight.elements)]) }
    case .location:
      return try run(location(), alignment) { ($0.inputs, [("dweight", false, $0.weight.elements)]) }
    case .additive, .biasedAdditive, .normedAdditive:
      return try run(additive(), alignment) {
        let dg = $0.gain.map { [$0] } ?? []
        var parts: Parts<Float> = [
          ("dv", false, $0.v.elements + dg), ("dW_a", false, $0.query.elements),
          ("dU_a", false, $0.key.elements),
        ]
        if let bias = $0.bias { parts.append(("db", false, bias.elements)) }
        return ($0.inputs, parts)
      }
    }
  }

  func general() throws -> GeneralAttention {
    try GeneralAttention(weight: Tensor(weight, shape: [sizes.width, keyWidth]))
  }

  func location() throws -> LocationAttention {
    try LocationAttention(weight: Tensor(weight, shape: [sizes.keys + 2, sizes.width]))
  }

  func additive() throws -> AdditiveAttention {
    try AdditiveAttention(
      v: Tensor(v, shape: [sizes.inner]), query: Tensor(queryWeight, shape: [sizes.inner, sizes.width]),
      key: Tensor(keyWeight, shape: [sizes.inner, keyWidth]),
      bias: kind == .additive ? nil : Tensor(scoreBias, shape: [sizes.inner]),
      gain: kind == .normedAdditive ? gain : nil)
  }

  func input() throws -> AttentionInput {
    AttentionInput(
      queries: try tensor(queries, heads, sizes.queries, sizes.width, queryLengths),
      keys: try tensor(keys, keyHeads, sizes.keys, keyWidth, keyLengths),
      values: try tensor(values, keyHeads, sizes.keys, sizes.valueWidth, keyLengths),
      mask: try shaping.mask(), window: try shaping.window(),
      options: shaping.options(
        heads: form == .headed ? nil : heads, keyHeads: form == .headed ? nil : keyHeads,
        packed: queryLengths.map { PackedLengths(queries: $0, keys: keyLengths!) }))
  }

  private func run<F: AttentionFunction>(
    _ function: F, _ alignment: Bool, _ gradients: (F.Gradients) -> (AttentionGradients, Parts<Float>)
  ) throws -> Parts<Float> {
    let attended = try function.forward(input(), alignment: alignment)
    var parts: Parts<Float> = [
      ("context", true, flat(attended.context, heads, sizes.queries, sizes.valueWidth, queryLengths)),
      ("alignment", true, attended.alignment?.elements ?? []),
      ("log-sum-exp", true, attended.logSumExp.elements),
    ]
    for (name, stage) in [("raw", Attended.ScoreStage.raw), ("capped", .capped), ("masked", .masked)] {
      let scores = attended.scores(at: stage).elements
      parts.append(("\(name) scores", true, stage == .masked ? inSentence(scores) : scores))
    }
    let dcontext = try tensor(dcontext, heads, sizes.queries, sizes.valueWidth, queryLengths)
    let (g, parameters) = gradients(try function.backward(dcontext, attended))
    parts += [
      ("dqueries", false, flat(g.queries, heads, sizes.queries, sizes.width, queryLengths)),
      ("dkeys", false, flat(g.keys, keyHeads, sizes.keys, keyWidth, keyLengths)),
      ("dvalues", false, flat(g.values, keyHeads, sizes.keys, sizes.valueWidth, keyLengths)),
    ]
    parts += parameters
    if let bias = g.bias { parts.append(("dbias", false, bias.elements)) }
    if let centres = g.centres { parts.append(("dcentres", false, centres.elements)) }
    return parts
  }

  /// Where element 0 of row t of (b, head) stands in the form's layout; nil where a packed batch has no such row.
  private func offset(_ b: Int, _ head: Int, _ t: Int, _ heads: Int, _ positions: Int, _ lengths: [Int]?)
    -> Int?
  {
    guard form != .headed else { return (b * heads + head) * positions + t }
    guard let lengths else { return (b * positions + t) * heads + head }
    return t < lengths[b] ? (lengths[..<b].reduce(0, +) + t) * heads + head : nil
  }

  func tensor(_ array: [Float], _ heads: Int, _ positions: Int, _ width: Int, _ lengths: [Int]?) throws
    -> Tensor
  {
    let rows = lengths.map { $0.reduce(0, +) } ?? batch * positions
    var elements = [Float](repeating: 0, count: rows * heads * width)
    forEachRow(heads, positions) { b, row, t in
      guard let place = offset(b, row / positions % heads, t, heads, positions, lengths) else { return }
      for i in 0..<width { elements[place * width + i] = array[row * width + i] }
    }
    let shape =
      switch form {
      case .oneHead, .sideBySide: [batch, positions, heads * width]
      case .headed: [batch, heads, positions, width]
      case .packed: [rows, heads * width]
      }
    return try Tensor(elements, shape: shape)
  }

  /// Inverts ``tensor(_:_:_:_:_:)``; zeros where the form has no row.
  private func flat(_ tensor: Tensor, _ heads: Int, _ positions: Int, _ width: Int, _ lengths: [Int]?)
    -> [Float]
  {
    let elements = tensor.elements
    var array = [Float](repeating: 0, count: batch * heads * positions * width)
    forEachRow(heads, positions) { b, row, t in
      guard let place = offset(b, row / positions % heads, t, heads, positions, lengths) else { return }
      for i in 0..<width { array[row * width + i] = elements[place * width + i] }
    }
    return array
  }
}

// MARK: - Both

extension AttentionCase {
  /// Expects what the set in use made of this case, or of one that must give the same, to be the reference's.
  func compare(_ result: Parts<Float>, _ set: String, alignment: Bool = true) throws {
    let (truth, naive) = (try reference(Double.self), try reference(Float.self))
    #expect(result.map(\.name) == truth.map(\.name))
    let name = alignment ? "\(kind) attention type" : "\(kind) attention type without alignment"
    let trial = Trial(name, set: set, shape: description)
    // The gradients of parameters are sums over all rows, in which terms of the size of the inputs' gradients cancel.
    let inputs = truth.filter { ["dqueries", "dkeys"].contains($0.name) }.map(\.elements.largest).max()!
    for (part, (truth, naive)) in zip(result, zip(truth, naive)) where alignment || part.name != "alignment" {
      let scale = max(truth.elements.largest, inputs)
      let tolerance: Tolerance =
        part.isForward
        ? .forward(naive: naive.elements, truth: truth.elements)
        : .gradient(naive: naive.elements, truth: truth.elements, scale: scale)
      expect(trial.compare(part.name, part.elements, truth.elements, tolerance))
    }
  }
}

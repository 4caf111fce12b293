import Attention

/// The scores of Luong, Pham, Manning 2015 (§3.1).
public enum Score: String, Codable, Sendable, CaseIterable {
  /// sᵀ h_i
  case dot
  /// sᵀ W_a h_i
  case general
  /// v_aᵀ tanh(W_a [s; h_i]), which is the alignment model of Bahdanau, Cho, Bengio 2015 (appendix A.1.2).
  case concat
}

/// Global attention: a score with its parameters.
///
/// What does not depend on the target's position is made once for a sentence: the projected keys.
struct AttentionLayer: Parameterized {
  let score: Score
  /// W_a (general), or the part of W_a that meets h_i (concat; Bahdanau's U_a), [H, width of h].
  var key: Tensor?
  /// b_a [H], of Bahdanau's score. It joins the keys, which are made once.
  var bias: Tensor?
  /// The part of W_a that meets s (concat), [H, H].
  var query: Tensor?
  /// v_a (concat), [H].
  var v: Tensor?

  /// Attention of states of `hidden` units over states of `width`.
  init(score: Score, hidden: Int, width: Int, biased: Bool, generator: inout SeededGenerator) {
    self.score = score
    key = score == .dot ? nil : generator.weight(hidden, width)
    bias = biased ? Tensor(zeros: [hidden]) : nil
    query = score == .concat ? generator.weight(hidden, hidden) : nil
    v = score == .concat ? generator.uniform([hidden], bound: 1 / Float(hidden).squareRoot()) : nil
  }

  fileprivate init(score: Score) { self.score = score }

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    if key != nil { body(prefix + "key", &key!) }
    if bias != nil { body(prefix + "bias", &bias!) }
    if query != nil { body(prefix + "query", &query!) }
    if v != nil { body(prefix + "v", &v!) }
  }

  var kernelScore: AttentionScore { v.map { .additive(v: $0) } ?? .dot }
}

/// An attention layer with its weights packed for many steps.
struct PackedAttention: Sendable {
  private let layer: AttentionLayer
  private let key: PackedMatrix?
  private let query: PackedMatrix?

  init(_ layer: AttentionLayer, _ precision: Precision) {
    self.layer = layer
    key = layer.key.map { PackedMatrix(Matrix($0).transposed, precision: precision) }
    query = layer.query.map { PackedMatrix(Matrix($0).transposed, precision: precision) }
  }

  /// The sources' states, rows in the order of the plan, as the kernels attend to them.
  func memory(_ states: Matrix, _ plan: SequencePlan) -> SourceMemory {
    func padded(_ packed: Matrix) -> Matrix {
      let result = Matrix(rows: plan.lengths.count * plan.steps, columns: packed.columns)
      result.setRows(of: packed, at: plan.paddedRows)
      return result
    }
    let values = padded(states)
    var keys = values
    if let key {
      let projected = Matrix(rows: states.rows, columns: layer.key!.shape[0])
      projected.setProduct(states, key, bias: layer.bias)
      keys = padded(projected)
    }
    return SourceMemory(
      plan: plan, states: states,
      padded: AttentionMemory(
        keys: keys, values: values, lengths: plan.lengths.map(Int32.init), positions: plan.steps))
  }

  /// Attends from the rows of one step; `top` [rows, H] are the states that ask.
  func attend(_ tape: AttentionTape, from top: Matrix, memory: AttentionMemory, sources: Int) {
    if let query { tape.queries!.setProduct(top, query) }
    Attention.attend(
      context: tape.context, alignment: tape.alignment, statistics: tape.statistics,
      queries: tape.queries ?? top, score: layer.kernelScore, memory: memory, sources: sources)
  }
}

/// Source sentences as a decoder reads them.
struct SourceMemory {
  let plan: SequencePlan
  /// h, [N, ·] in the order of the plan.
  let states: Matrix
  /// Keys and values a sentence each.
  let padded: AttentionMemory

  /// The rows of a padded matrix in the order of the plan.
  fileprivate func packed(_ padded: Matrix) -> Matrix {
    let result = Matrix(rows: plan.rows, columns: padded.columns)
    result.setRows(of: padded, at: plan.places)
    return result
  }
}

/// What attention makes of some rows of a decoder.
struct AttentionTape {
  /// With the concat score, the projected queries [rows, H].
  let queries: Matrix?
  /// [rows, width of h].
  let context: Matrix
  /// [rows, positions].
  let alignment: Matrix
  /// What the backward needs of the softmax, [rows, 2].
  let statistics: Matrix

  init(_ layer: AttentionLayer, rows: Int, hidden: Int, memory: AttentionMemory) {
    queries = layer.query == nil ? nil : Matrix(rows: rows, columns: hidden)
    context = Matrix(rows: rows, columns: memory.values.columns)
    alignment = Matrix(rows: rows, columns: memory.positions)
    statistics = Matrix(rows: rows, columns: 2)
  }

  private init(queries: Matrix?, context: Matrix, alignment: Matrix, statistics: Matrix) {
    (self.queries, self.context, self.alignment, self.statistics) = (queries, context, alignment, statistics)
  }

  func rows(_ range: Range<Int>) -> AttentionTape {
    AttentionTape(
      queries: queries?.rows(range), context: context.rows(range), alignment: alignment.rows(range),
      statistics: statistics.rows(range))
  }
}

/// The sums of an attention layer's gradients over the steps of a decoder.
struct AttentionGradients {
  private let layer: AttentionLayer
  private let memory: SourceMemory
  private let keys: Matrix
  private let values: Matrix
  private let v: Matrix?

  init(_ layer: AttentionLayer, memory: SourceMemory) {
    self.layer = layer
    self.memory = memory
    let padded = memory.padded
    keys = Matrix(rows: padded.keys.rows, columns: padded.keys.columns, zeros: true)
    values = Matrix(rows: padded.values.rows, columns: padded.values.columns, zeros: true)
    v = layer.v.map { Matrix(rows: 1, columns: $0.count, zeros: true) }
  }

  /// Inverts ``PackedAttention/attend(_:from:memory:sources:)`` for a step of one row a source, up to the queries'
  /// projection: overwrites their gradient.
  func add(_ tape: AttentionTape, from top: Matrix, dcontext: Matrix, dqueries: Matrix) {
    attendBackward(
      dqueries: dqueries, dkeys: keys, dvalues: values, dv: v, dcontext: dcontext,
      rows: AttentionRows(
        queries: tape.queries ?? top, context: tape.context, alignment: tape.alignment,
        statistics: tape.statistics),
      score: layer.kernelScore, memory: memory.padded, sources: dcontext.rows)
  }

  /// The gradients of the parameters, and of the states that were keys and values. With k = W h + b: dW = dkᵀ h, db = Σ dk,
  /// dh = dk W + dv. `dqueries` is the gradient of the projected queries, of all steps, and `top` what they were made from.
  func finished(dqueries: Matrix?, from top: Matrix, precision: Precision) -> (
    layer: AttentionLayer, states: Matrix
  ) {
    var gradient = AttentionLayer(score: layer.score)
    let (dkeys, dstates) = (memory.packed(keys), memory.packed(values))
    gradient.v = v.map { $0.tensor([$0.columns]) }
    gradient.query = dqueries?.weightGradient([LayerInput(top)], precision)
    guard let key = layer.key else {
      dstates.add(dkeys)
      return (gradient, dstates)
    }
    gradient.key = dkeys.weightGradient([LayerInput(memory.states)], precision)
    if layer.bias != nil { gradient.bias = dkeys.sumOfRows() }
    dstates.setProduct(dkeys, Matrix(key), accumulating: true, precision: precision)
    return (gradient, dstates)
  }
}

import Attention

/// Attention: a score with its parameters, over a whole source or a window of it.
struct AttentionLayer: Parameterized {
  let score: Score
  let window: AttentionWindow?
  /// What dot products are multiplied with.
  private let scale: Float
  /// W_a (general), or the part of W_a that meets h_i (concat; Bahdanau's U_a), [H, width of h].
  var key: Tensor?
  /// b_a [H], of Bahdanau's score. It joins the keys, which are made once.
  var bias: Tensor?
  /// The part of W_a that meets s (concat), [H, H].
  var query: Tensor?
  /// v_a (concat), [H].
  var v: Tensor?
  /// g (normed concat), [1].
  var gain: Tensor?
  /// W_a (location), [the longest source, H]. Its rows are the keys, so that its product is the attention's own, in Float.
  var location: Tensor?
  /// Where a predictive window lies.
  var position: PositionLayer?

  /// - Parameter biased: whether the concat score has a bias
  init(_ configuration: ModelConfiguration, score: Score, biased: Bool, generator: inout SeededGenerator) {
    let (hidden, width) = (configuration.hidden, configuration.stateWidth)
    self.score = score
    window = configuration.window
    let norm = Float(hidden).squareRoot()
    switch score {
    case .scaledDot: scale = 1 / norm
    case .cosine: scale = 1 / configuration.scoreTemperature
    case .dot, .general, .concat, .normedConcat, .location: scale = 1
    }
    let isAdditive = score.isAdditive
    key = isAdditive || score == .general ? generator.weight(hidden, width) : nil
    bias = biased ? Tensor(zeros: [hidden]) : nil
    query = isAdditive ? generator.weight(hidden, hidden) : nil
    v = isAdditive ? generator.uniform([hidden], bound: 1 / norm) : nil
    if score == .normedConcat {
      var gain = Tensor(zeros: [1])
      gain.withUnsafeMutablePointer { $0[0] = 1 / norm }
      self.gain = gain
    }
    location = score == .location ? generator.weight(configuration.maximumLength, hidden) : nil
    if case .predictive? = window { position = PositionLayer(hidden: hidden, generator: &generator) }
  }

  /// The shape of another layer's gradient, before there are any.
  init(gradientOf layer: AttentionLayer) {
    (score, window, scale) = (layer.score, layer.window, layer.scale)
  }

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    if key != nil { body(prefix + "key", &key!) }
    if bias != nil { body(prefix + "bias", &bias!) }
    if query != nil { body(prefix + "query", &query!) }
    if v != nil { body(prefix + "v", &v!) }
    if gain != nil { body(prefix + "gain", &gain!) }
    if location != nil { body(prefix + "location", &location!) }
    position?.forEachParameter(prefix: prefix + "position.", body)
  }

  /// Whether what is compared with the keys is made from the states that ask, rather than being them.
  var makesQueries: Bool { query != nil || score == .cosine }

  var kernelScore: AttentionTerms.Score {
    guard let v else { return .dot(scale: scale) }
    return .additive(v: gain.map { v.normed(gain: $0[0]) } ?? v)
  }

  /// What the rows of a step ask of the kernels, of a score that is this layer's; `centres` are theirs in a predictive window.
  func terms(_ score: AttentionTerms.Score, step: Int, centres: Matrix?, dropout: Dropout?)
    -> AttentionTerms
  {
    let reach: AttentionTerms.Reach =
      switch window {
      case nil: .all
      case .monotonic(let radius)?: .around(position: step, radius: radius)
      case .predictive(let radius)?: .predicted(centres: centres!, radius: radius)
      }
    return AttentionTerms(score: score, reach: reach, dropout: dropout?.weights(step: step))
  }
}

/// An attention layer with its weights packed for many steps.
struct PackedAttention: Sendable {
  private let layer: AttentionLayer
  private let score: AttentionTerms.Score
  private let key: PackedMatrix?
  private let query: PackedMatrix?
  private let position: PackedPosition?

  init(_ layer: AttentionLayer, _ precision: Precision) {
    self.layer = layer
    score = layer.kernelScore
    key = layer.key.map { PackedMatrix(Matrix($0).transposed, precision: precision) }
    query = layer.query.map { PackedMatrix(Matrix($0).transposed, precision: precision) }
    position = layer.position.map { PackedPosition($0, precision) }
  }

  /// The sources' states, rows in the order of the plan, as the kernels attend to them. What does not depend on the target's
  /// position is made here, once for a sentence: the projected keys.
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
    } else if let location = layer.location {
      keys = Matrix(rows: values.rows, columns: location.shape[1])
      keys.setRows(of: Matrix(location), at: plan.paddedPositions)
    } else if layer.score == .cosine {
      let normalized = Matrix(rows: states.rows, columns: states.columns)
      normalized.setNormalized(states)
      keys = padded(normalized)
    }
    return SourceMemory(
      plan: plan, states: states,
      padded: AttentionMemory(
        keys: keys, values: values, lengths: plan.lengths.map(Int32.init), positions: plan.steps))
  }

  /// Attends from the rows of one step; `top` [rows, H] are the states that ask.
  func attend(
    _ tape: AttentionTape, from top: Matrix, step: Int, memory: AttentionMemory, sources: Int,
    dropout: Dropout?
  ) {
    if let query {
      tape.queries!.setProduct(top, query)
    } else if layer.score == .cosine {
      tape.queries!.setNormalized(top)
    }
    position?.predict(tape.position!, from: top, lengths: memory.lengths.prefix(sources))
    Attention.attend(
      tape.kernelRows(top),
      layer.terms(score, step: step, centres: tape.position?.centres, dropout: dropout), memory: memory,
      sources: sources)
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
  func packed(_ padded: Matrix) -> Matrix {
    let result = Matrix(rows: plan.rows, columns: padded.columns)
    result.setRows(of: padded, at: plan.places)
    return result
  }
}

/// What attention makes of some rows of a decoder.
struct AttentionTape {
  /// What is made from the states that ask [rows, H]: projected, or of norm 1 (cosine).
  let queries: Matrix?
  /// [rows, width of h].
  let context: Matrix
  /// [rows, positions].
  let alignment: Matrix
  /// What the backward needs of the softmax, [rows, 2].
  let statistics: Matrix
  /// In a predictive window.
  let position: PositionTape?

  init(_ layer: AttentionLayer, rows: Int, hidden: Int, memory: AttentionMemory) {
    queries = layer.makesQueries ? Matrix(rows: rows, columns: hidden) : nil
    context = Matrix(rows: rows, columns: memory.values.columns)
    alignment = Matrix(rows: rows, columns: memory.positions)
    statistics = Matrix(rows: rows, columns: 2)
    position = layer.position.map { PositionTape($0, rows: rows) }
  }

  private init(
    queries: Matrix?, context: Matrix, alignment: Matrix, statistics: Matrix, position: PositionTape?
  ) {
    (self.queries, self.context, self.alignment) = (queries, context, alignment)
    (self.statistics, self.position) = (statistics, position)
  }

  func rows(_ range: Range<Int>) -> AttentionTape {
    AttentionTape(
      queries: queries?.rows(range), context: context.rows(range), alignment: alignment.rows(range),
      statistics: statistics.rows(range), position: position?.rows(range))
  }

  /// The same as the kernels take it, of the states that ask.
  func kernelRows(_ top: Matrix) -> AttentionRows {
    AttentionRows(queries: queries ?? top, context: context, alignment: alignment, statistics: statistics)
  }
}

import Attention

/// The scores of Luong, Pham, Manning 2015 (§3.1).
public enum Score: String, Codable, Sendable, CaseIterable {
  /// sᵀ h_i
  case dot
  /// sᵀ W_a h_i
  case general
  /// v_aᵀ tanh(W_a [s; h_i])
  case concat
}

/// Global attention: a score with its parameters.
///
/// What does not depend on the target's position is made once for a sentence: the projected keys.
struct AttentionLayer: Parameterized {
  let score: Score
  /// W_a (general), or the half of W_a that meets h_i (concat), [H, H].
  var key: Tensor?
  /// The half of W_a that meets s (concat), [H, H].
  var query: Tensor?
  /// v_a (concat), [H].
  var v: Tensor?

  init(score: Score, hidden: Int, generator: inout SeededGenerator) {
    self.score = score
    key = score == .dot ? nil : generator.weight(hidden, hidden)
    query = score == .concat ? generator.weight(hidden, hidden) : nil
    v = score == .concat ? generator.uniform([hidden], bound: 1 / Float(hidden).squareRoot()) : nil
  }

  fileprivate init(score: Score) { self.score = score }

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    if key != nil { body(prefix + "key", &key!) }
    if query != nil { body(prefix + "query", &query!) }
    if v != nil { body(prefix + "v", &v!) }
  }

  var kernelScore: AttentionScore { v.map { .additive(v: $0) } ?? .dot }

  /// The sources' states [B·S, H] as the kernels attend to them.
  func memory(_ states: Matrix, lengths: [Int32], positions: Int, precision: Precision = .float32)
    -> AttentionMemory
  {
    guard let key else {
      return AttentionMemory(keys: states, values: states, lengths: lengths, positions: positions)
    }
    let keys = Matrix(rows: states.rows, columns: key.shape[0])
    keys.setProduct(states, PackedMatrix(Matrix(key).transposed, precision: precision))
    return AttentionMemory(keys: keys, values: states, lengths: lengths, positions: positions)
  }
}

/// The sums of an attention layer's gradients over the steps of a decoder.
struct AttentionGradients {
  let keys: Matrix
  let values: Matrix
  let v: Matrix?

  init(_ layer: AttentionLayer, memory: AttentionMemory) {
    keys = Matrix(rows: memory.keys.rows, columns: memory.keys.columns, zeros: true)
    values = Matrix(rows: memory.values.rows, columns: memory.values.columns, zeros: true)
    v = layer.v.map { Matrix(rows: 1, columns: $0.count, zeros: true) }
  }

  /// The gradients of the parameters, and of the states that were keys and values. With k = W h: dW = dkᵀ h, dh = dk W + dv.
  /// `projected` is the gradient of the projected queries, of all steps, and `queries` what they were made from.
  func finished(_ layer: AttentionLayer, memory: AttentionMemory, projected: Matrix?, queries: Matrix)
    -> (layer: AttentionLayer, states: Matrix)
  {
    var gradient = AttentionLayer(score: layer.score)
    gradient.v = v.map { $0.tensor([$0.columns]) }
    if let query = layer.query, let projected {
      let dW = Matrix(rows: query.shape[0], columns: query.shape[1])
      dW.setProduct(projected.transposed, queries)
      gradient.query = dW.tensor(query.shape)
    }
    guard let key = layer.key else {
      values.add(keys)
      return (gradient, values)
    }
    let dW = Matrix(rows: key.shape[0], columns: key.shape[1])
    dW.setProduct(keys.transposed, memory.values)
    gradient.key = dW.tensor(key.shape)
    values.setProduct(keys, Matrix(key), accumulating: true)
    return (gradient, values)
  }
}

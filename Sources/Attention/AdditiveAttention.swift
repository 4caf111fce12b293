/// Attention with the additive score `vᵀ tanh(W_a q_t + U_a k_i + b)`: Bahdanau, Cho, Bengio 2015 (appendix A.1.2), and
/// "concat" of Luong, Pham, Manning 2015 with W = [W_a U_a].
///
/// With a gain g it is the normed score `g · v̂ᵀ tanh(W_a q_t + U_a k_i + b)`, v̂ = v / ‖v‖ (Raffel et al. 2017; the weight
/// normalisation of Salimans, Kingma 2016).
///
/// The projections are one product each; the scores are made without ever storing a [B, Tq, Tk, A] array. Several heads
/// share the parameters.
public struct AdditiveAttention: AttentionFunction {
  /// v, [A].
  public let v: Tensor
  /// W_a, [A, H].
  public let query: Tensor
  /// U_a, [A, H_key].
  public let key: Tensor
  /// b, [A], or none.
  public let bias: Tensor?
  /// g, which makes the score the normed one.
  public let gain: Float?

  /// - Throws: ``AttentionError`` when the parameters do not fit together, or a gain comes with a v that has no direction.
  public init(v: Tensor, query: Tensor, key: Tensor, bias: Tensor? = nil, gain: Float? = nil)
    throws(AttentionError)
  {
    guard v.shape.count == 1 else { throw .shape(argument: "v", expected: "[A]", found: v.shape) }
    guard query.shape.count == 2, query.shape[0] == v.count else {
      throw .shape(argument: "query", expected: "[\(v.count), H]", found: query.shape)
    }
    guard key.shape.count == 2, key.shape[0] == v.count else {
      throw .shape(argument: "key", expected: "[\(v.count), H_key]", found: key.shape)
    }
    if let bias, bias.shape != v.shape {
      throw .shape(argument: "bias", expected: "\(v.shape)", found: bias.shape)
    }
    if let gain {
      guard gain.isFinite else {
        throw .value(argument: "gain", expected: "a finite number", found: "\(gain)")
      }
      let square = innerProduct(v.storage.pointer, v.storage.pointer, count: v.count)
      guard square > 0, square.isFinite else {
        throw .value(
          argument: "v", expected: "a vector with a direction, for the normed score",
          found: square == 0 ? "zeros" : "not finite")
      }
    }
    (self.v, self.query, self.key, self.bias, self.gain) = (v, query, key, bias, gain)
  }

  /// Luong's form, `vᵀ tanh(W [q; k])`, with one weight W = [W_a U_a].
  ///
  /// - Parameters:
  ///   - concat: W, [A, H + H_key]
  ///   - queryWidth: H, in 0…(H + H_key)
  public init(v: Tensor, concat: Tensor, queryWidth: Int, bias: Tensor? = nil, gain: Float? = nil)
    throws(AttentionError)
  {
    guard concat.shape.count == 2, v.shape.count != 1 || concat.shape[0] == v.count else {
      throw .shape(argument: "concat", expected: "[\(v.count), H + H_key]", found: concat.shape)
    }
    let width = concat.shape[1]
    guard (0...width).contains(queryWidth) else {
      throw .value(argument: "queryWidth", expected: "0 to \(width)", found: "\(queryWidth)")
    }
    func columns(_ range: Range<Int>) -> Tensor {
      let part = Matrix(rows: concat.shape[0], columns: range.count)
      part.copy(from: Matrix(concat).columns(range))
      return part.tensor([part.rows, part.columns])
    }
    try self.init(
      v: v, query: columns(0..<queryWidth), key: columns(queryWidth..<width), bias: bias, gain: gain)
  }

  public struct Gradients: Sendable {
    public let inputs: AttentionGradients
    /// Of v.
    public let v: Tensor
    /// Of W_a, U_a, and of b when there is one.
    public let query, key: Tensor
    public let bias: Tensor?
    /// Of g, when there is one.
    public let gain: Float?

    /// Of W = [W_a U_a].
    public var concat: Tensor {
      let (left, right) = (Matrix(query), Matrix(key))
      let joined = Matrix(rows: left.rows, columns: left.columns + right.columns)
      joined.columns(0..<left.columns).copy(from: left)
      joined.columns(left.columns..<joined.columns).copy(from: right)
      return joined.tensor([joined.rows, joined.columns])
    }
  }

  /// The keys are [B, Tk, H_key]. Complexity: O(B · Tq · H · A + B · Tk · H_key · A) for the projections, besides the rest.
  public func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended {
    var call = try AttentionCall(
      input, queryWidth: query.shape[1], keyWidth: .exactly(key.shape[1]), comparedWidth: v.count)
    let (queries, keys) = (call.queries, call.keys.compacted)
    call.queries = queries.projected(Matrix(query).transposed, bias: bias)
    call.keys = keys.projected(Matrix(key).transposed)
    call.v = gain.map(v.normed) ?? v
    return Attended(call, queries: queries, keys: keys, alignment: alignment, maker: Self.self)
  }

  /// Inverts the forward; the tanh of every pair is computed again rather than kept. With u = g v̂ and du from the score,
  /// dg = v̂ᵀ du and dv = g / ‖v‖ · (du − v̂ v̂ᵀ du).
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) -> Gradients {
    try validate(contextGradient, attended)
    try validate(attended, widths: [query.shape[1], key.shape[1], v.count])
    let gradients = attended.call.backward(contextGradient, attended)
    let dv = gradients.v!
    let normed = gain.map { v.normedGradient(dv, gain: $0) }
    return Gradients(
      inputs: attended.call.inputGradients(
        gradients, queries: gradients.queries.projected(Matrix(query)),
        keys: gradients.keys.projected(Matrix(key))),
      v: normed?.v ?? dv, query: gradients.queries.weightGradient(from: attended.queries),
      key: gradients.keys.weightGradient(from: attended.keys),
      bias: bias == nil ? nil : gradients.queries.rows.sumOfRows(), gain: normed?.gain)
  }
}

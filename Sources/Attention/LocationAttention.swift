/// Attention whose scores depend on the query alone: "location" of Luong, Pham, Manning 2015 (equation 8).
///
///     e_ti = (W_a q_t)_i
///
/// The weight has a row for each position that a sentence can have; a shorter sentence uses the first ones. Keys are not
/// compared with, and take no gradient; several heads share the weight. To the kernels it is the dot score with W_a's rows in
/// the keys' places.
public struct LocationAttention: AttentionFunction {
  /// W_a, [S_max, H].
  public let weight: Tensor

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` unless `weight` is a matrix.
  public init(weight: Tensor) throws(AttentionError) {
    guard weight.shape.count == 2 else {
      throw .shape(argument: "weight", expected: "[S_max, H]", found: weight.shape)
    }
    self.weight = weight
  }

  public struct Gradients: Sendable {
    /// That of the keys is zero.
    public let inputs: AttentionGradients
    /// Of W_a.
    public let weight: Tensor
  }

  /// Attention over values that have no keys.
  public func forward(
    queries: Tensor, values: Tensor, mask: Mask = .none, window: Window = .global,
    options: AttentionOptions = AttentionOptions(), alignment: Bool = false
  ) throws(AttentionError) -> Attended {
    var input = AttentionInput(
      queries: queries, keys: values, values: values, mask: mask, window: window, options: options)
    input.keysName = "values"
    return try forward(input, alignment: alignment)
  }

  /// What the keys hold is not read; their positions are counted. Complexity: O(B · keyHeads · Tk · H) for copies of the
  /// weight, besides the rest.
  public func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended {
    var call = try AttentionCall(
      input, queryWidth: weight.shape[1], keyWidth: .any, comparedWidth: weight.shape[1])
    let keys = call.keys.compacted
    guard keys.layout.positions <= weight.shape[0] else {
      throw .shape(
        argument: input.keysName,
        expected: "at most \(weight.shape[0]) positions, which the weight has rows for",
        found: input.keys.shape)
    }
    let layout = keys.layout.with(width: weight.shape[1])
    let rows = Matrix(rows: layout.rowCount, columns: layout.width)
    rows.setRows(of: Matrix(weight), at: layout.rowPositions)
    call.keys = AttentionOperand(tensor: rows.tensor(layout.shape), layout: layout)
    return Attended(call, queries: call.queries, keys: keys, alignment: alignment, maker: Self.self)
  }

  /// Inverts the forward: a row of W_a gets the gradients of all keys whose place it took.
  public func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) -> Gradients {
    try validate(contextGradient, attended)
    try validate(attended, widths: [weight.shape[1], attended.keys.layout.width, weight.shape[1]])
    let (call, layout) = (attended.call, attended.call.keys.layout)
    guard layout.positions <= weight.shape[0] else {
      throw .value(
        argument: "attended", expected: "at most \(weight.shape[0]) positions, which the weight has rows for",
        found: "of \(layout.positions)")
    }
    let gradients = call.backward(contextGradient, attended)
    let dweight = Matrix(rows: weight.shape[0], columns: weight.shape[1], zeros: true)
    dweight.addRows(gradients.keys.rows, at: layout.rowPositions)
    let dkeys = AttentionOperand(
      tensor: Tensor(zeros: attended.keys.layout.shape), layout: attended.keys.layout)
    return Gradients(
      inputs: call.inputGradients(gradients, queries: gradients.queries, keys: dkeys),
      weight: dweight.tensor(weight.shape))
  }
}

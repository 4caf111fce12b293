/// What an attention function takes.
///
/// The tensors are, each of them, one of
///
/// - `[B, T, heads · width]`, the heads side by side in the last dimension (with one head, plain rows);
/// - `[B, heads, T, width]`;
/// - `[Σ lengths, heads · width]` for a batch without padding, with ``AttentionOptions/packed``.
public struct AttentionInput: Sendable {
  /// [B, Tq, heads · H], or as above.
  public var queries: Tensor
  /// [B, Tk, keyHeads · H]; the width may be another where the score projects.
  public var keys: Tensor
  /// [B, Tk, keyHeads · D].
  public var values: Tensor
  public var mask: Mask
  public var window: Window
  public var options: AttentionOptions
  /// The positions of keys and values that count, where a cache has room for more.
  var cached: Int?
  /// What errors call the keys.
  var keysName = "keys"

  public init(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Mask = .none, window: Window = .global,
    options: AttentionOptions = AttentionOptions()
  ) {
    self.queries = queries
    self.keys = keys
    self.values = values
    self.mask = mask
    self.window = window
    self.options = options
  }
}

/// Attention: scores every key against the query, makes weights of the scores, and sums the values with them.
///
///     e_ti = score(q_t, k_i)      α_t = softmax(e_t)      c_t = Σ_i α_ti v_i
///
/// A score passes, in this order: its own scale; softcap; the mask's bias; masks; softmax; the window's Gaussian; dropout.
/// All of it is one pass, and nothing of the size queries × keys × width is ever stored.
///
/// ``forward(queries:keys:values:mask:window:options:alignment:)`` returns all that ``backward(_:_:)`` needs; the functions
/// hold parameters and nothing else.
public protocol AttentionFunction: Sendable {
  /// The gradients of the input and of the parameters.
  associatedtype Gradients: Sendable

  /// - Parameter alignment: Keep the weights in the result, B · heads · Tq · Tk floats. The backward need not make them again
  ///   then.
  /// - Throws: ``AttentionError`` that names the argument whose shape or value does not fit.
  func forward(_ input: AttentionInput, alignment: Bool) throws(AttentionError) -> Attended

  /// The gradients, from that of the context, of what `forward` took.
  ///
  /// - Throws: ``AttentionError`` when the gradient is not shaped as the context, or another function made `attended`.
  func backward(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) -> Gradients
}

extension AttentionFunction {
  /// - Parameters:
  ///   - queries: [B, Tq, H], or one of the other forms of ``AttentionInput``
  ///   - keys: [B, Tk, H]
  ///   - values: [B, Tk, D]
  ///   - alignment: keep the weights in the result, B · heads · Tq · Tk floats; the backward need not make them again then
  /// - Throws: ``AttentionError`` that names the argument whose shape or value does not fit.
  /// - Complexity: O(B · heads · Tq · Tk · (H + D)) besides the projections of keys and queries; of Tk only what lies in the
  ///   window.
  public func forward(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Mask = .none, window: Window = .global,
    options: AttentionOptions = AttentionOptions(), alignment: Bool = false
  ) throws(AttentionError) -> Attended {
    try forward(
      AttentionInput(
        queries: queries, keys: keys, values: values, mask: mask, window: window, options: options),
      alignment: alignment)
  }

  /// Checks what `backward` was given.
  func validate(_ contextGradient: Tensor, _ attended: Attended) throws(AttentionError) {
    guard attended.maker == Self.self else {
      throw .value(argument: "attended", expected: "made by \(Self.self)", found: "made by \(attended.maker)")
    }
    guard contextGradient.shape == attended.context.shape else {
      throw .shape(
        argument: "contextGradient", expected: "\(attended.context.shape)", found: contextGradient.shape)
    }
  }

  /// Checks that `attended` came from parameters of these widths.
  func validate(_ attended: Attended, widths: [Int]) throws(AttentionError) {
    let found = [
      attended.queries.layout.width, attended.keys.layout.width, attended.call.queries.layout.width,
    ]
    guard found == widths else {
      throw .shape(argument: "attended", expected: "widths \(widths)", found: found)
    }
  }
}

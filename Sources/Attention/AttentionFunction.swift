/// What attention returns, with all that its backward needs.
public struct Attended: Sendable {
  /// The weighted sums of the values, [B, Tq, D].
  public let context: Tensor
  /// The weights, [B, Tq, Tk], when they were asked for; masked ones are exactly 0.
  public let alignment: Tensor?

  let queries: Tensor
  let keys: Tensor
  let values: Tensor
  let mask: Mask
}

/// The sizes of one attention call, read off its arguments and checked against each other.
struct AttentionShape {
  let batch, queries, keys, width, valueWidth: Int
  let lengths: [Int32]?

  init(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Mask, queryWidth: Int? = nil, keyWidth: Int? = nil
  )
    throws(AttentionError)
  {
    let name = "[B, Tq, \(queryWidth.map(String.init) ?? "H")]"
    guard queries.shape.count == 3, queryWidth == nil || queries.shape[2] == queryWidth else {
      throw .shape(argument: "queries", expected: name, found: queries.shape)
    }
    let (b, h) = (queries.shape[0], keyWidth ?? queries.shape[2])
    guard keys.shape.count == 3, keys.shape[0] == b, keys.shape[2] == h else {
      throw .shape(argument: "keys", expected: "[\(b), Tk, \(h)]", found: keys.shape)
    }
    guard values.shape.count == 3, values.shape[0] == b, values.shape[1] == keys.shape[1] else {
      throw .shape(argument: "values", expected: "[\(b), \(keys.shape[1]), D]", found: values.shape)
    }
    batch = b
    self.queries = queries.shape[1]
    self.keys = keys.shape[1]
    width = h
    valueWidth = values.shape[2]
    lengths = try mask.lengths(batch: b, keys: keys.shape[1])
  }

  var context: [Int] { [batch, queries, valueWidth] }
  var alignment: [Int] { [batch, queries, keys] }

  func checkGradient(_ gradient: Tensor) throws(AttentionError) {
    guard gradient.shape == context else {
      throw .shape(argument: "contextGradient", expected: "\(context)", found: gradient.shape)
    }
  }
}

/// The keys and values of all positions so far, for decoding a step at a time: each step appends its own and attends over all.
///
/// A value: a copy goes its own way. Appending takes amortised time in what is appended, as long as no ``Attended`` or copy
/// holds on to the memory; else it is copied first.
public struct KeyValueCache: Sendable {
  /// The number of positions.
  public private(set) var count = 0
  private let shape: (batch: Int, heads: Int)
  /// [B, heads, capacity, width], zeros from ``count`` on.
  private var storedKeys, storedValues: Tensor

  /// An empty cache for keys [B, heads, T, width] and values [B, heads, T, valueWidth].
  ///
  /// - Parameter capacity: The positions to make room for at once.
  /// - Throws: ``AttentionError/value(argument:expected:found:)`` for a negative size or no head.
  public init(batch: Int, heads: Int = 1, width: Int, valueWidth: Int, capacity: Int = 0)
    throws(AttentionError)
  {
    for (name, size, least) in [
      ("batch", batch, 0), ("heads", heads, 1), ("width", width, 0), ("valueWidth", valueWidth, 0),
      ("capacity", capacity, 0),
    ] where size < least || size > Int32.max {
      throw .value(argument: name, expected: "\(least) to \(Int32.max)", found: "\(size)")
    }
    guard Tensor.isAddressable([batch, heads, capacity, max(width, valueWidth)]) else {
      throw .value(argument: "capacity", expected: "at most 2⁴⁰ elements in all", found: "\(capacity)")
    }
    shape = (batch, heads)
    storedKeys = Tensor(zeros: [batch, heads, capacity, width])
    storedValues = Tensor(zeros: [batch, heads, capacity, valueWidth])
  }

  /// The keys so far, [B, heads, count, width].
  public var keys: Tensor { layout(of: storedKeys).compacted(storedKeys) }
  /// The values so far, [B, heads, count, valueWidth].
  public var values: Tensor { layout(of: storedValues).compacted(storedValues) }

  /// Adds positions at the end.
  ///
  /// - Parameters:
  ///   - keys: [B, heads, T, width] or [B, T, heads · width]
  ///   - values: [B, heads, T, valueWidth] or [B, T, heads · valueWidth]
  /// - Throws: ``AttentionError`` when the shapes do not fit, or the positions become too many; the cache is as it was then.
  public mutating func append(keys: Tensor, values: Tensor) throws(AttentionError) {
    let newKeys = try operand(keys, "keys", like: storedKeys, positions: nil)
    let positions = newKeys.layout.positions
    let newValues = try operand(values, "values", like: storedValues, positions: positions)
    guard positions <= Int(Int32.max) - count,
      Tensor.isAddressable([
        shape.batch, shape.heads, 2 * (count + positions), max(storedKeys.shape[3], storedValues.shape[3]),
      ])
    else {
      throw .value(
        argument: "keys", expected: "at most \(Int32.max) positions and 2⁴⁰ elements in all",
        found: "\(positions) more than \(count)")
    }
    reserve(count + positions)
    Self.write(newKeys, into: &storedKeys, at: count)
    Self.write(newValues, into: &storedValues, at: count)
    count += positions
  }

  private func operand(_ tensor: Tensor, _ argument: String, like stored: Tensor, positions: Int?)
    throws(AttentionError) -> AttentionOperand
  {
    guard tensor.shape.count != 4 || tensor.shape[1] == shape.heads else {
      throw .shape(
        argument: argument, expected: "[\(shape.batch), \(shape.heads), T, \(stored.shape[3])]",
        found: tensor.shape)
    }
    return try AttentionOperand(
      tensor, argument,
      .init(
        batch: shape.batch, heads: shape.heads, positions: positions, width: stored.shape[3],
        names: ("T", argument == "keys" ? "width" : "valueWidth")))
  }

  /// Room for so many positions; doubled, so that each is moved a constant number of times.
  private mutating func reserve(_ positions: Int) {
    let capacity = storedKeys.shape[2]
    guard positions > capacity else { return }
    storedKeys = grown(storedKeys, to: max(positions, 2 * capacity))
    storedValues = grown(storedValues, to: max(positions, 2 * capacity))
  }

  private func grown(_ stored: Tensor, to capacity: Int) -> Tensor {
    var result = Tensor(zeros: [shape.batch, shape.heads, capacity, stored.shape[3]])
    Self.write(AttentionOperand(tensor: stored, layout: layout(of: stored)), into: &result, at: 0)
    return result
  }

  private static func write(_ source: AttentionOperand, into stored: inout Tensor, at position: Int) {
    let (heads, capacity, width) = (stored.shape[1], stored.shape[2], stored.shape[3])
    let pointer = source.tensor.storage.pointer
    stored.withUnsafeMutablePointer { stored in
      source.layout.forEachRow { b, head, t, offset in
        (stored + ((b * heads + head) * capacity + position + t) * width).update(
          from: pointer + offset, count: width)
      }
    }
  }

  private func layout(of stored: Tensor) -> AttentionLayout {
    AttentionLayout(
      form: .headed(capacity: stored.shape[2]), batch: shape.batch, heads: shape.heads, positions: count,
      width: stored.shape[3])
  }

  fileprivate func input(_ queries: Tensor, _ mask: Mask, _ options: AttentionOptions) -> AttentionInput {
    var input = AttentionInput(
      queries: queries, keys: storedKeys, values: storedValues, mask: mask, options: options)
    (input.cached, input.keysName) = (count, "cache.keys")
    return input
  }
}

extension AttentionFunction {
  /// Attention of the newest positions' queries over all that a cache holds.
  ///
  /// A score with projections makes those of all keys anew at every call: where that costs, project once, and cache what a
  /// ``DotAttention`` compares.
  ///
  /// - Parameters:
  ///   - queries: [B, T, heads · H] or [B, heads, T, H], of the last T positions, which the cache holds already; as many heads
  ///     as the cache has, unless `options.heads` says otherwise
  ///   - mask: acts together with causality; its windows lie around the query's own position, count − T + t
  ///   - causal: whether a query sees only positions up to its own, `i ≤ count − T + t`
  /// - Throws: ``AttentionError`` as ``forward(queries:keys:values:mask:window:options:alignment:)``.
  public func forward(
    queries: Tensor, cache: KeyValueCache, causal: Bool = true, mask: Mask = .none,
    options: AttentionOptions = AttentionOptions(), alignment: Bool = false
  ) throws(AttentionError) -> Attended {
    guard options.packed == nil else {
      throw .value(argument: "options.packed", expected: "nil, with a cache", found: "lengths")
    }
    let positions =
      queries.shape.count == 4 ? queries.shape[2] : queries.shape.count == 3 ? queries.shape[1] : 0
    guard positions <= cache.count else {
      throw .value(
        argument: "cache", expected: "the keys of the \(positions) queries, appended before",
        found: "of \(cache.count) positions")
    }
    let relative = causal ? mask.and(.causal()) : mask
    return try forward(
      cache.input(queries, relative.shifted(by: cache.count - positions), options), alignment: alignment)
  }
}

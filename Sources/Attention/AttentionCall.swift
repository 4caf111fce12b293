import CKernels

/// One attention call: arguments that have been checked against each other, in the kernels' terms.
struct AttentionCall: Sendable {
  /// What the kernels compare; a score puts its projections in their place.
  var queries, keys: AttentionOperand
  let values: AttentionOperand
  var scale: Float = 1
  /// [H]: makes the score additive.
  var v: Tensor?
  /// The mask's.
  let bias: (tensor: Tensor, broadcast: Broadcast, isLearned: Bool)?

  private let options: AttentionOptions
  private let lengths: KernelArray<Int32>?
  private let queryStarts, keyStarts: KernelArray<Int64>?
  private let left, right: Int
  private let offset: Int
  private let offsets: KernelArray<Int32>?
  private let mask: (bytes: KernelArray<UInt8>, strides: ck_strides)?
  private typealias Centres = (given: Tensor, stretched: Tensor, broadcast: Broadcast)
  private let centres: Centres?
  private let deviation: Float

  /// How wide the keys must be.
  enum KeyWidth {
    case asQueries
    case exactly(Int)
    case any
  }

  /// - Parameters:
  ///   - queryWidth, keyWidth: What the score's parameters ask for.
  ///   - comparedWidth: How wide queries and keys are after the score's projections; nil for as wide as they come.
  init(
    _ input: AttentionInput, queryWidth: Int? = nil, keyWidth: KeyWidth = .asQueries,
    comparedWidth: Int? = nil
  ) throws(AttentionError) {
    try KernelRuntime.ready()
    options = input.options
    try options.validate()
    (queries, keys, values) = try Self.operands(input, queryWidth: queryWidth, keyWidth: keyWidth)
    let pairs = [
      queries.layout.batch, queries.layout.heads, queries.layout.positions, keys.layout.positions,
    ]
    try Self.checkSizes(input, queries.layout, keys.layout, values.layout, comparedWidth)

    let conditions = try AttentionConditions(input.mask, input.window)
    lengths = try kernelLengths(conditions.lengths, count: pairs[0], maximum: pairs[3]).map(KernelArray.init)
    queryStarts = queries.layout.starts.map(KernelArray.init)
    keyStarts = keys.layout.starts.map(KernelArray.init)

    let band = conditions.band?.kernel ?? (left: -1, right: -1, offsets: [0])
    guard band.offsets.count == 1 || band.offsets.count == pairs[0] else {
      throw .shape(argument: "offsets", expected: "[\(pairs[0])]", found: [band.offsets.count])
    }
    offset = band.offsets.first ?? 0
    offsets = band.offsets.count == 1 ? nil : KernelArray(band.offsets.map(Int32.init))

    mask = try conditions.boolean.map { boolean throws(AttentionError) in
      (boolean.bytes, try Broadcast(boolean.shape, over: pairs, "mask").kernel)
    }
    bias = try conditions.bias.map { bias throws(AttentionError) in
      (bias, try Broadcast(bias.shape, over: pairs, "bias"), conditions.biasIsLearned)
    }
    centres = try conditions.centres.map { centres throws(AttentionError) in
      try Self.centres(centres, over: Array(pairs[..<3]))
    }
    (left, right) = centres == nil ? (band.left, band.right) : (conditions.radius, conditions.radius)
    deviation = Float(conditions.radius) / 2
  }

  /// - Parameter rows: [B, heads, Tq].
  private static func centres(_ tensor: Tensor, over rows: [Int]) throws(AttentionError) -> Centres {
    let shape = tensor.shape.count == 2 ? [tensor.shape[0], 1, tensor.shape[1]] : tensor.shape
    guard shape.count == 3, let broadcast = try? Broadcast(shape, over: [1] + rows, "centres") else {
      throw .shape(
        argument: "centres", expected: "[\(rows[0]), \(rows[2])] or \(rows)", found: tensor.shape)
    }
    return (tensor, broadcast.stretched(tensor), broadcast)
  }

  private static func operands(_ input: AttentionInput, queryWidth: Int?, keyWidth: KeyWidth)
    throws(AttentionError) -> (AttentionOperand, AttentionOperand, AttentionOperand)
  {
    let packed = input.options.packed
    try packed?.validate()
    let headsOfKeys = input.keys.shape.count == 4 ? input.keys.shape[1] : 1
    let heads = try headCount(input.queries, given: input.options.heads, else: headsOfKeys, "heads")
    let keyHeads = try headCount(input.keys, given: input.options.keyHeads, else: heads, "keyHeads")
    guard heads % keyHeads == 0 else {
      throw .value(argument: "keyHeads", expected: "a divisor of the \(heads) heads", found: "\(keyHeads)")
    }
    let queries = try AttentionOperand(
      input.queries, "queries",
      .init(heads: heads, width: queryWidth, packed: packed?.queries, names: ("Tq", "H")))
    let batch = queries.layout.batch
    let width: Int? =
      switch keyWidth {
      case .asQueries: queries.layout.width
      case .exactly(let width): width
      case .any: nil
      }
    let keys = try AttentionOperand(
      input.keys, input.keysName,
      .init(
        batch: batch, heads: keyHeads, width: width, packed: packed?.keys,
        count: input.cached, names: ("Tk", "H")))
    let values = try AttentionOperand(
      input.values, "values",
      .init(
        batch: batch, heads: keyHeads, positions: keys.layout.positions, packed: packed?.keys,
        count: input.cached, names: ("Tk", "D")))
    return (queries, keys, values)
  }

  private static func headCount(_ tensor: Tensor, given: Int?, else other: Int, _ argument: String)
    throws(AttentionError) -> Int
  {
    let heads = tensor.shape.count == 4 ? tensor.shape[1] : given ?? other
    guard heads >= 1, given == nil || given == heads else {
      let expected = tensor.shape.count == 4 && heads >= 1 ? "\(heads), as the shape has it" : "at least 1"
      throw .value(argument: argument, expected: expected, found: "\(given ?? heads)")
    }
    return heads
  }

  /// The kernels' bounds: no array of more than 2⁴⁰ elements, and no product of sizes that 63 bits do not hold, even where an
  /// array is empty.
  private static func checkSizes(
    _ input: AttentionInput, _ queries: AttentionLayout, _ keys: AttentionLayout, _ values: AttentionLayout,
    _ comparedWidth: Int?
  ) throws(AttentionError) {
    for (name, layout, width) in [
      ("queries", queries, comparedWidth), (input.keysName, keys, comparedWidth), ("values", values, nil),
    ] {
      guard Tensor.isAddressable(layout.shape),
        layout.with(width: max(layout.width, width ?? 0)).hasAddressableRows
      else {
        throw .shape(argument: name, expected: "one of at most 2⁴⁰ elements", found: layout.shape)
      }
    }
    let width = [queries.width, keys.width, values.width, comparedWidth ?? 0].max()!
    let sizes = [queries.batch, queries.heads, queries.positions, keys.positions, width]
    guard let product = Tensor.count(sizes.map { max($0, 1) }), product <= 1 << 55,
      queries.with(width: values.width).hasAddressableRows
    else {
      throw .value(
        argument: "queries", expected: "sizes whose product stays below 2⁵⁵",
        found: sizes.map(String.init).joined(separator: " · "))
    }
  }

  /// [B, heads, Tq, Tk], without the heads where there is but one and no dimension for it.
  var alignmentShape: [Int] {
    let q = queries.layout
    if q.heads == 1, q.shape.count < 4 { return [q.batch, q.positions, keys.layout.positions] }
    return [q.batch, q.heads, q.positions, keys.layout.positions]
  }

  var contextLayout: AttentionLayout { queries.layout.with(width: values.layout.width) }

  private var kernel: ck_attention {
    let (q, k, v) = (queries.layout, keys.layout, values.layout)
    var a = ck_attention()
    (a.B, a.heads, a.key_heads) = (Int64(q.batch), Int64(q.heads), Int64(k.heads))
    (a.Tq, a.Tk, a.H, a.D) = (Int64(q.positions), Int64(k.positions), Int64(q.width), Int64(v.width))
    (a.query, a.key, a.value, a.context) = (q.strides, k.strides, v.strides, contextLayout.strides)
    a.query_starts = queryStarts.map { UnsafePointer($0.pointer) }
    a.key_starts = keyStarts.map { UnsafePointer($0.pointer) }
    a.lengths = lengths.map { UnsafePointer($0.pointer) }
    (a.left, a.right, a.offset) = (Int64(left), Int64(right), Int64(offset))
    a.offsets = offsets.map { UnsafePointer($0.pointer) }
    a.centres = centres.map { UnsafePointer($0.stretched.storage.pointer) }
    a.deviation = deviation
    if let mask { (a.mask, a.mask_strides) = (UnsafePointer(mask.bytes.pointer), mask.strides) }
    if let bias {
      (a.bias, a.bias_strides) = (UnsafePointer(bias.tensor.storage.pointer), bias.broadcast.kernel)
    }
    (a.scale, a.softcap) = (scale, options.softcap ?? 0)
    a.v = self.v.map { UnsafePointer($0.storage.pointer) }
    (a.dropout, a.seed) = (options.dropout, options.seed)
    return a
  }
}

extension AttentionCall {
  /// A tensor for a kernel to fill; zeros where it does not reach every element.
  private func output(_ shape: [Int], whole: Bool) -> Tensor {
    whole ? Tensor(uninitialized: shape) : Tensor(zeros: shape)
  }

  private var isPacked: Bool { queryStarts != nil }

  private var rowShape: [Int] {
    [queries.layout.batch, queries.layout.heads, queries.layout.positions]
  }

  func forward(alignment: Bool) -> (context: Tensor, alignment: Tensor?, statistics: Tensor) {
    let context = Tensor(uninitialized: contextLayout.shape)
    let weights = alignment ? output(alignmentShape, whole: !isPacked) : nil
    let statistics = output(rowShape + [2], whole: !isPacked)
    var kernel = kernel
    check(
      ck_attention_forward_f32(
        context.storage.pointer, weights?.storage.pointer, statistics.storage.pointer,
        queries.tensor.storage.pointer, keys.tensor.storage.pointer, values.tensor.storage.pointer, &kernel))
    return (context, weights, statistics)
  }

  /// The gradients of what the kernels ran on: queries and keys as the score projected them.
  struct Gradients {
    let queries, keys: AttentionOperand
    let values: Tensor
    /// [H], of an additive score.
    let v: Tensor?
    /// [B, heads, Tq, Tk], of a bias that is learned.
    let bias: Tensor?
    let centres: Tensor?
  }

  func backward(_ contextGradient: Tensor, _ attended: Attended) -> Gradients {
    let dqueries = Tensor(uninitialized: queries.layout.shape)
    let dkeys = output(keys.layout.shape, whole: keys.layout.isWhole)
    let dvalues = output(values.layout.shape, whole: values.layout.isWhole)
    let dv = v.map { Tensor(uninitialized: $0.shape) }
    let isBiasLearned = bias?.isLearned == true
    let dbias = isBiasLearned ? output(rowShape + [keys.layout.positions], whole: !isPacked) : nil
    let dcentres = centres == nil ? nil : output([1] + rowShape, whole: !isPacked)
    var gradients = ck_attention_gradients()
    gradients.queries = dqueries.storage.pointer
    gradients.keys = dkeys.storage.pointer
    gradients.values = dvalues.storage.pointer
    gradients.v = dv?.storage.pointer
    gradients.bias = dbias?.storage.pointer
    gradients.centres = dcentres?.storage.pointer
    var kernel = kernel
    check(
      ck_attention_backward_f32(
        &gradients, contextGradient.storage.pointer, attended.context.storage.pointer,
        attended.statistics.storage.pointer, attended.alignment?.storage.pointer,
        queries.tensor.storage.pointer, keys.tensor.storage.pointer, values.tensor.storage.pointer, 0, &kernel
      ))
    return Gradients(
      queries: AttentionOperand(tensor: dqueries, layout: queries.layout),
      keys: AttentionOperand(tensor: dkeys, layout: keys.layout),
      values: values.layout.compacted(dvalues), v: dv, bias: dbias,
      centres: centres.flatMap { centres in
        dcentres.map { Tensor(centres.broadcast.sums($0).storage, shape: centres.given.shape) }
      })
  }

  /// The gradients of the input, given those of queries and keys before the score projected them.
  func inputGradients(_ gradients: Gradients, queries: AttentionOperand, keys: AttentionOperand)
    -> AttentionGradients
  {
    AttentionGradients(
      queries: queries.tensor, keys: keys.layout.compacted(keys.tensor), values: gradients.values,
      bias: bias.flatMap { bias in gradients.bias.map(bias.broadcast.sums) },
      centres: gradients.centres)
  }

  func scores(at stage: Attended.ScoreStage) -> Tensor {
    let code =
      switch stage {
      case .raw: CK_SCORES_RAW
      case .capped: CK_SCORES_CAPPED
      case .masked: CK_SCORES_MASKED
      }
    let scores = output(alignmentShape, whole: !isPacked)
    var kernel = kernel
    check(
      ck_attention_scores_f32(
        scores.storage.pointer, Int32(code), queries.tensor.storage.pointer, keys.tensor.storage.pointer,
        &kernel))
    return scores
  }
}

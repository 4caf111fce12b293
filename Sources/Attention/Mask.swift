/// Which keys a query may attend to.
///
/// Masks are conditions on the pair of a query t and a key i; `a.and(b)` and ``all(_:)`` let through what all of them let
/// through. A masked weight is exactly 0, and what stands at keys and values that no query may attend to, NaN too, reaches no
/// result (of the additive score it may move the last bits, since keys decide together how its tanh is made). A query with nothing to attend to gives zeros, and takes no gradient.
public indirect enum Mask: Sendable, Equatable {
  /// All of them.
  case none
  /// The first `lengths[b]` of source `b`; 0 is allowed and gives zeros.
  case lengths([Int])
  /// Those near the query: `p − left ≤ i ≤ p + right` with `p = t + offset`; nil is no bound.
  case window(left: Int?, right: Int?, offset: Int = 0)
  /// The same with an offset for each source, as sentences with pasts of different lengths need it.
  case windows(left: Int?, right: Int?, offsets: [Int])
  /// Where the mask is true.
  case boolean(BooleanMask)
  /// All of them, after adding the tensor to the scores; −∞ masks. Its shape has at most four dimensions that broadcast
  /// to [B, heads, Tq, Tk] as ``BooleanMask``'s do. The backward returns its gradient when it is learned; that takes an
  /// array [B, heads, Tq, Tk].
  case bias(Tensor, isLearned: Bool = false)
  /// Those that all of the masks let through. At most one of them may be a bias, and windows must have the same number of
  /// positions in common for every source: where they do not, a boolean mask can say the same.
  case all([Mask])

  /// Keys up to the query's own position: `i ≤ t + offset`. The offset is the number of keys that came before the first query.
  public static func causal(offset: Int = 0) -> Mask { .window(left: nil, right: 0, offset: offset) }

  /// The same for queries that have so many keys more before them.
  func shifted(by past: Int) -> Mask {
    // An offset that is out of range stays so, for whoever reads it to say so.
    func shifted(_ offset: Int) -> Int { offset.magnitude > Band.limit ? offset : offset + past }
    switch self {
    case .window(let left, let right, let offset):
      return .window(left: left, right: right, offset: shifted(offset))
    case .windows(let left, let right, let offsets):
      return .windows(left: left, right: right, offsets: offsets.map(shifted))
    case .all(let masks): return .all(masks.map { $0.shifted(by: past) })
    case .none, .lengths, .boolean, .bias: return self
    }
  }

  /// What both masks let through.
  public func and(_ other: Mask) -> Mask { .all([self, other]) }
}

/// A truth value for each pair of a query and a key; true lets the query attend to the key.
///
/// Its shape is aligned with [B, heads, Tq, Tk] at the right, as NumPy broadcasts: [Tq, Tk], [heads, Tq, Tk], [B, 1, 1, Tk] and
/// so on. The last dimension is Tk (ONNX's operator takes fewer columns too: pad them with false); of the others each is
/// that of the target or 1. In a packed batch Tq and Tk are those of the longest sentence.
public struct BooleanMask: Sendable, Equatable {
  public let shape: [Int]
  /// 1 lets through, 0 masks, in row-major order.
  let bytes: KernelArray<UInt8>

  /// - Throws: ``AttentionError/shape(argument:expected:found:)`` when the number of elements does not fill the shape.
  public init(_ elements: some Collection<Bool>, shape: [Int]) throws(AttentionError) {
    guard Tensor.count(shape) == elements.count else {
      throw .shape(argument: "elements", expected: "\(shape)", found: [elements.count])
    }
    self.shape = shape
    bytes = KernelArray(elements.map { $0 ? 1 : 0 })
  }

  /// The elements in row-major order.
  public var elements: [Bool] { bytes.elements.map { $0 != 0 } }

  /// What both let through, in the shape that both broadcast to.
  func and(_ other: BooleanMask) throws(AttentionError) -> BooleanMask {
    let common = zip(Broadcast.aligned(shape), Broadcast.aligned(other.shape)).map { $0 == 1 ? $1 : $0 }
    let (a, b) = (
      try Broadcast(shape, over: common, "mask"), try Broadcast(other.shape, over: common, "mask")
    )
    guard let count = Tensor.count(common), count <= 1 << 40 else {
      throw .shape(argument: "mask", expected: "one of at most 2⁴⁰ elements", found: common)
    }
    var both = [Bool]()
    guard count > 0 else { return try BooleanMask(both, shape: common) }
    both.reserveCapacity(count)
    for (first, second) in zip(a.rowOffsets, b.rowOffsets) {
      for i in 0..<common[3] {
        both.append(bytes.pointer[first + i] != 0 && other.bytes.pointer[second + i] != 0)
      }
    }
    return try BooleanMask(both, shape: common)
  }
}

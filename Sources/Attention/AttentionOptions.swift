/// What all scores have in common besides masks.
public struct AttentionOptions: Sendable, Equatable {
  /// The number of heads that the last dimension of rank-2 and rank-3 queries is split into; unless given that of keys of rank 4, else 1. Queries of rank 4
  /// carry it, [B, heads, Tq, H].
  public var heads: Int?
  /// The same of keys and values, `heads` unless given. It divides the heads: query head h reads key head
  /// h / (heads / keyHeads) (Ainslie et al. 2023, grouped-query attention).
  public var keyHeads: Int?
  /// The sentences of a batch without padding; tensors are of rank 2 then.
  public var packed: PackedLengths?
  /// c: scores become `c · tanh(score / c)` before masks are applied; nil leaves them as they are.
  public var softcap: Float?
  /// The rate at which weights are dropped after the softmax, in 0 ≤ rate < 1; the others grow by 1 / (1 − rate).
  public var dropout: Float
  /// Which weights are dropped depends on the seed and on a weight's place alone.
  public var seed: UInt64

  public init(
    heads: Int? = nil, keyHeads: Int? = nil, packed: PackedLengths? = nil, softcap: Float? = nil,
    dropout: Float = 0, seed: UInt64 = 0
  ) {
    self.heads = heads
    self.keyHeads = keyHeads
    self.packed = packed
    self.softcap = softcap
    self.dropout = dropout
    self.seed = seed
  }

  func validate() throws(AttentionError) {
    if let softcap, !(softcap > 0 && softcap.isFinite && (1 / softcap).isFinite) {
      throw .value(
        argument: "softcap", expected: "a positive number with a finite reciprocal", found: "\(softcap)")
    }
    guard dropout >= 0, dropout < 1 else {
      throw .value(argument: "dropout", expected: "0 ≤ rate < 1", found: "\(dropout)")
    }
  }
}

/// A ragged batch without padding: the rows of all sentences one after the other, so many to each.
public struct PackedLengths: Sendable, Equatable {
  /// The number of queries of each sentence; their sum is the number of rows of the queries.
  public var queries: [Int]
  /// The number of keys of each sentence; their sum is the number of rows of keys and of values. Lengths of a mask beyond them
  /// mean all.
  public var keys: [Int]

  public init(queries: [Int], keys: [Int]) {
    self.queries = queries
    self.keys = keys
  }

  func validate() throws(AttentionError) {
    guard queries.count == keys.count else {
      throw .shape(argument: "packed.keys", expected: "[\(queries.count)]", found: [keys.count])
    }
    for (name, lengths) in [("queries", queries), ("keys", keys)] {
      if let index = lengths.firstIndex(where: { $0 < 0 || $0 > Int32.max }) {
        throw .value(
          argument: "packed.\(name)[\(index)]", expected: "0 to \(Int32.max)", found: "\(lengths[index])")
      }
    }
  }
}

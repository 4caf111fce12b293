extension Reference {
  /// What attention reads, with its sizes.
  ///
  /// With one head, the default, the arrays are what they are without heads. Head h of the queries reads head
  /// h / (heads / keyHeads) of keys and values (Ainslie et al. 2023, grouped-query attention).
  public struct AttentionInput<T: Scalar>: Sendable {
    /// [batch, heads, queryLength, hidden].
    public var queries: [T]
    /// [batch, keyHeads, keyLength, hidden]; under the general score of its keyWidth, under the location score empty.
    public var keys: [T]
    /// [batch, keyHeads, keyLength, valueWidth].
    public var values: [T]
    /// [batch], how many keys each source has; nil for keyLength everywhere.
    public var lengths: [Int]?
    public var batch, heads, keyHeads, queryLength, keyLength, hidden, valueWidth: Int
    public var shaping: AttentionShaping<T>

    @inlinable
    public init(
      queries: [T], keys: [T], values: [T], lengths: [Int]? = nil,
      batch: Int, heads: Int = 1, keyHeads: Int = 1, queryLength: Int, keyLength: Int, hidden: Int,
      valueWidth: Int,
      shaping: AttentionShaping<T> = AttentionShaping()
    ) {
      self.queries = queries
      self.keys = keys
      self.values = values
      self.lengths = lengths
      self.batch = batch
      self.heads = heads
      self.keyHeads = keyHeads
      self.queryLength = queryLength
      self.keyLength = keyLength
      self.hidden = hidden
      self.valueWidth = valueWidth
      self.shaping = shaping
    }

    /// Throws unless everything fits, and says how wide a key is.
    @inlinable
    func validate(_ score: Score<T>) throws -> Int {
      guard heads > 0, keyHeads > 0, heads % keyHeads == 0 else {
        throw ReferenceError.configuration(
          "heads is \(heads), keyHeads \(keyHeads); expected a multiple, both at least 1")
      }
      try require(queries, "queries", batch, heads, queryLength, hidden)
      let keyWidth = try score.keyWidth(hidden: hidden, keyLength: keyLength)
      try require(keys, "keys", batch, keyHeads, keyLength, keyWidth)
      try require(values, "values", batch, keyHeads, keyLength, valueWidth)
      try requireLengths(lengths, rows: batch, maximum: keyLength)
      try validateShaping()
      return keyWidth
    }

    @inlinable func length(_ b: Int) -> Int { lengths?[b] ?? keyLength }
  }

  /// What attention returns.
  public struct AttentionResult<T: Scalar>: Sendable {
    /// c [batch, heads, queryLength, valueWidth].
    public var context: [T]
    /// a [batch, heads, queryLength, keyLength], the softmax's weights times the window's Gaussian, before dropout.
    public var alignment: [T]
    /// α, the softmax's weights themselves: the alignment, unless the window has a Gaussian.
    public var weights: [T]
    /// log Σᵢ exp(e[t, i]) [batch, heads, queryLength]; −∞ where there is nothing to attend to.
    public var logSumExp: [T]

    @inlinable
    init(zeroFor input: AttentionInput<T>) {
      let rows = input.batch * input.heads * input.queryLength
      context = Array(repeating: 0, count: rows * input.valueWidth)
      weights = Array(repeating: 0, count: rows * input.keyLength)
      alignment = weights
      logSumExp = Array(repeating: -T.infinity, count: rows)
    }
  }

  /// Attention of every query over the keys of its source:
  ///
  ///     e[t, i] = score(q[t], k[i]), shaped as ``AttentionShaping`` says
  ///     α[t] = softmax(e[t]) over what no mask hides      a[t, i] = α[t, i] exp(−(i − p[t])² / 2σ²) in such a window
  ///     c[t] = Σᵢ a[t, i] dropout[t, i] v[i]
  ///
  /// Masked keys and values are not read, nor are the values of weights that are exactly 0. A query with nothing to attend
  /// to gives a zero context and zero weights.
  ///
  /// - Throws: ``ReferenceError``.
  /// - Complexity: O(batch · heads · queryLength · keyLength · (hidden + valueWidth)), and keyWidth times as much under
  ///   the general score.
  @inlinable
  public static func attention<T: Scalar>(
    _ input: AttentionInput<T>, score: Score<T>
  ) throws -> AttentionResult<T> {
    let keyWidth = try input.validate(score)
    var result = AttentionResult(zeroFor: input)
    for query in input.places {
      let scores = (0..<input.keyLength).map { input.maskedScore(score, query, $0, keyWidth) }
      let attended = scores.indices.filter { scores[$0] != -T.infinity }
      guard let largest = attended.map({ scores[$0] }).max() else { continue }
      let exponentials = attended.map { T.exp(scores[$0] - largest) }
      let sum = exponentials.reduce(0, +)
      result.logSumExp[query.row] = largest + T.log(sum)
      for (i, exponential) in zip(attended, exponentials) {
        let pair = input.pair(query, i)
        result.weights[pair] = exponential / sum
        result.alignment[pair] = result.weights[pair] * input.gaussian(query, i)
        let weight = result.alignment[pair] * (input.shaping.dropout?[pair] ?? 1)
        guard weight != 0 else { continue }
        let value = row(input.values, input.key(query, i), input.valueWidth)
        add(weight, value, to: &result.context, row: query.row)
      }
    }
    return result
  }

  /// Where a score stands on its way to the softmax.
  public enum ScoreStage: Sendable {
    /// score(q, k).
    case raw
    /// Behind the softcap.
    case capped
    /// Behind the bias and all masks, which make it −∞.
    case masked
  }

  /// The scores themselves, [batch, heads, queryLength, keyLength]. Those before the masks are of all pairs, masked or not.
  ///
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func attentionScores<T: Scalar>(
    _ input: AttentionInput<T>, score: Score<T>, at stage: ScoreStage
  ) throws -> [T] {
    let keyWidth = try input.validate(score)
    return input.places.flatMap { query in
      (0..<input.keyLength).map { i in
        switch stage {
        case .raw: input.score(score, query, i, keyWidth)
        case .capped: input.capped(input.score(score, query, i, keyWidth))
        case .masked: input.maskedScore(score, query, i, keyWidth)
        }
      }
    }
  }
}

// MARK: - Where things stand

extension Reference {
  /// Step `step` of a source's head.
  @usableFromInline
  struct QueryPlace: Sendable {
    @usableFromInline var batch, head, step: Int
    /// Its row among all queries.
    @usableFromInline var row: Int

    @inlinable
    init(batch: Int, head: Int, step: Int, row: Int) {
      self.batch = batch
      self.head = head
      self.step = step
      self.row = row
    }
  }
}

extension Reference.AttentionInput {
  @usableFromInline typealias QueryPlace = Reference.QueryPlace

  /// All queries in their order.
  @inlinable
  var places: [QueryPlace] {
    (0..<batch * heads * queryLength).map { row in
      QueryPlace(
        batch: row / queryLength / heads, head: row / queryLength % heads, step: row % queryLength, row: row)
    }
  }

  /// The row, among all keys, of the key that this query has at position i.
  @inlinable
  func key(_ query: QueryPlace, _ i: Int) -> Int {
    (query.batch * keyHeads + query.head / (heads / keyHeads)) * keyLength + i
  }

  /// The index of this query and key i among all pairs.
  @inlinable
  func pair(_ query: QueryPlace, _ i: Int) -> Int { query.row * keyLength + i }

  /// score(q, k).
  @inlinable
  func score(_ score: Reference.Score<T>, _ query: QueryPlace, _ i: Int, _ keyWidth: Int) -> T {
    Reference.evaluate(
      score, Reference.row(queries, query.row, hidden), Reference.row(keys, key(query, i), keyWidth),
      position: i)
  }

  /// What the softmax gets: −∞ where a mask hides the key, which is not read then.
  @inlinable
  func maskedScore(_ score: Reference.Score<T>, _ query: QueryPlace, _ i: Int, _ keyWidth: Int) -> T {
    guard allows(query, i) else { return -T.infinity }
    return capped(self.score(score, query, i, keyWidth)) + (shaping.bias?[pair(query, i)] ?? 0)
  }
}

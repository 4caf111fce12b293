/// A shape of attention that is timed, forward alone and with its backward.
///
/// Queries and keys are projected already; every array is [batch, heads, time, width].
struct AttentionSetting {
  /// The case's name, without its direction.
  let name: String
  let batch, heads, queries, keys, width: Int
  var score = Score.dot(scale: 1)
  /// How many keys a sentence has; nil for all of them.
  var lengths: [Int]?
  /// Key i is seen by query t if p − left ≤ i ≤ p + right, p = t + offset; nil is no such bound.
  var left, right: Int?
  var offset = 0
  /// Luong's local-p: every query's p, in place of t + offset; the Gaussian's σ is half of `left`.
  var centre: Double?
  /// Whether the weights themselves are asked for, as they are where the usual form in PyTorch makes them.
  var alignment = false
  /// Whether a forward keeps the weights for its backward, which then need not make them again.
  var keepsWeights = false

  enum Score {
    case dot(scale: Double)
    /// Bahdanau, Cho, Bengio 2015; its v is a parameter with a gradient.
    case additive
  }

  func visible(sentence: Int, query: Int) -> Range<Int> {
    let p = centre ?? Double(query + offset)
    let first = left.map { max(0, Int((p - Double($0)).rounded(.up))) } ?? 0
    let end = min(right.map { Int((p + Double($0)).rounded(.down)) + 1 } ?? keys, lengths?[sentence] ?? keys)
    return first..<max(first, end)
  }

  /// The pairs of a query and a key that it sees, over all sentences and heads.
  var pairs: Int {
    (0..<batch).reduce(0) { sum, sentence in
      sum + heads * (0..<queries).reduce(0) { $0 + visible(sentence: sentence, query: $1).count }
    }
  }

  /// Dot: a multiply-add for each element of a pair's score, and one for its context. Additive: a sum, a tanh and a
  /// multiply-add for its score. The backward: dα and dv, then dq and dk; additive, the derivative besides (a sum, a
  /// tanh, 1 − u², v (1 − u²)) and dv. What a kernel computes twice counts once.
  func operations(backward: Bool) -> Double {
    let perElement: Int
    switch score {
    case .dot: perElement = backward ? 12 : 4
    case .additive: perElement = backward ? 20 : 6
    }
    return Double(pairs * width * perElement)
  }

  func work(backward: Bool) -> Work {
    // One query reads the keys and values that it sees for two operations each: memory is what limits it.
    guard queries > 1 else { return .bytes(Double(8 * pairs * width)) }
    return .operations(operations(backward: backward))
  }

  var shape: String {
    let time = lengths.map { "\($0.min()!)…\($0.max()!)" } ?? "\(keys)"
    let window = [left.map { "\($0) to the left" }, right.map { $0 == 0 ? "causal" : "\($0) to the right" }]
    let parts =
      ["B \(batch), heads \(heads), Tq \(queries), Tk \(time), width \(width)"] + window.compactMap { $0 }
    return parts.joined(separator: ", ")
  }
}

extension AttentionSetting {
  /// A batch of sentences under one wide head, as recurrent translation has it: full, and of 10 to 30 words.
  private static func sentences(_ name: String, _ score: Score, ragged: Bool) -> AttentionSetting {
    AttentionSetting(
      name: name + (ragged ? "-ragged" : ""), batch: 64, heads: 1, queries: 30, keys: 30, width: 512,
      score: score,
      lengths: ragged ? raggedLengths(64, 10, 30) : nil, alignment: true)
  }

  /// Heads of width 64, as in Vaswani et al. 2017.
  private static func heads(
    _ name: String, batch: Int = 1, queries: Int, keys: Int, left: Int? = nil, right: Int? = nil,
    keepsWeights: Bool = false
  ) -> AttentionSetting {
    AttentionSetting(
      name: name, batch: batch, heads: 8, queries: queries, keys: keys, width: 64, score: .dot(scale: 0.125),
      left: left, right: right, keepsWeights: keepsWeights)
  }

  static let all = [
    sentences("additive", .additive, ragged: false),
    sentences("additive", .additive, ragged: true),
    sentences("luong-dot", .dot(scale: 1), ragged: false),
    sentences("luong-dot", .dot(scale: 1), ragged: true),
    heads("scaled-dot-512", batch: 8, queries: 512, keys: 512, keepsWeights: true),  // 64 MiB
    heads("scaled-dot-4096", queries: 4096, keys: 4096),
    heads("causal-4096", queries: 4096, keys: 4096, right: 0),
    // Luong, Pham, Manning 2015, local-m with D = 10: its cost must follow the window, not the 4096 keys.
    heads("local-4096", queries: 4096, keys: 4096, left: 10, right: 10),
  ]

  static let oneQuery = heads("one-query-4096", queries: 1, keys: 4096)

  /// A step of Luong's local-m and local-p with D = 10 in the middle of sentences of many lengths, which must cost the same in all of
  /// them; and of global attention in the longest.
  static let steps =
    [64, 512, 4096].map { step("local-m-step-\($0)", keys: $0, radius: 10) }
    + [64, 512, 4096].map { step("local-p-step-\($0)", keys: $0, radius: 10, centre: Double($0) / 2 + 0.25) }
    + [step("global-step-4096", keys: 4096)]

  private static func step(_ name: String, keys: Int, radius: Int? = nil, centre: Double? = nil)
    -> AttentionSetting
  {
    AttentionSetting(
      name: name, batch: 1, heads: 1, queries: 1, keys: keys, width: 512, left: radius, right: radius,
      offset: keys / 2, centre: centre, alignment: true)
  }
}

var attentionCases: [Case] {
  AttentionSetting.all.flatMap { [attention($0, backward: false), attention($0, backward: true)] }
    + [attention(.oneQuery, backward: false)]
    + AttentionSetting.steps.map { attention($0, backward: false) }
}

private func attention(_ setting: AttentionSetting, backward: Bool) -> Case {
  let name = setting.name + (backward ? "-forward-backward" : "-forward")
  return Case(name: name, shape: setting.shape, work: setting.work(backward: backward), measuresMemory: true)
  {
    let data = AttentionData(setting, backward: backward)
    let truth = AttentionTruth(data)
    let check = Check(
      result: {
        try data.run(gradient: truth.contextGradient)
        return truth.chosenResults()
      },
      truth: { try truth.results() }, terms: max(setting.width, setting.keys))
    return Body(
      run: { try data.run(gradient: data.contextGradient) }, check: check, naive: try truth.naive(),
      keptBytes: data.keptBytes)
  }
}

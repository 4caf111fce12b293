import AttentionReference

/// What the reference says of an attention call, for at most 32 queries of each head, spread from the first to the last.
///
/// The gradient of the context is zero for all other queries during the check, so that the gradients of keys and
/// values come from those queries alone and are compared whole.
final class AttentionTruth {
  private let data: AttentionData
  private let setting: AttentionSetting
  private let times: [Int]
  private let blocks: [Block]
  let contextGradient: Floats

  /// A sentence's head: its chosen queries see its keys.
  private struct Block {
    let sentence, index: Int
  }

  init(_ data: AttentionData) {
    self.data = data
    let setting = data.setting
    self.setting = setting
    let count = min(setting.queries, 32)
    times = (0..<count).map { $0 * (setting.queries - 1) / max(count - 1, 1) }
    blocks = (0..<setting.batch * setting.heads).map { Block(sentence: $0 / setting.heads, index: $0) }
    contextGradient = Floats(zeros: data.contextGradient.count)
    guard data.backward else { return }
    for block in blocks {
      for place in places(block, setting.width) {
        for i in place { contextGradient.pointer[i] = data.contextGradient.pointer[i] }
      }
    }
  }

  /// Where the chosen queries of a block have their rows, in an array of rows of this width.
  private func places(_ block: Block, _ width: Int) -> [Range<Int>] {
    times.map { time in
      let row = block.index * setting.queries + time
      return row * width..<(row + 1) * width
    }
  }

  private func chosen(_ floats: Floats, _ width: Int) -> [Float] {
    blocks.flatMap { block in places(block, width).flatMap { floats.slice($0) } }
  }

  /// What the kernels made of the chosen queries.
  func chosenResults() -> [String: [Float]] {
    var result = ["context": chosen(data.context, setting.width)]
    if setting.alignment { result["alignment"] = chosen(data.alignment, setting.keys) }
    guard data.backward else { return result }
    result["dqueries"] = chosen(data.dqueries, setting.width)
    result["dkeys"] = data.dkeys.array
    result["dvalues"] = data.dvalues.array
    if case .additive = setting.score { result["dv"] = data.dv.array }
    return result
  }

  /// The same, from the reference in double precision.
  func results() throws -> [String: [Double]] {
    var result: [String: [Double]] = [:]
    for block in blocks {
      let problem = problem(Double.self, block)
      let (attended, gradient) = try problem.run()
      result["context", default: []] += attended.context
      if setting.alignment {
        result["alignment", default: []] += problem.spread(attended.alignment, keys: setting.keys)
      }
      guard let gradient else { continue }
      result["dqueries", default: []] += gradient.queries
      result["dkeys", default: []] += problem.gathered(gradient.keys, keys: setting.keys)
      result["dvalues", default: []] += problem.gathered(gradient.values, keys: setting.keys)
      if case .additive = setting.score {
        let sum = result["dv"] ?? [Double](repeating: 0, count: setting.width)
        result["dv"] = zip(sum, gradient.scoreParameter).map { $0 + $1 }
      }
    }
    return result
  }

  /// The reference in `Float` on the first blocks, enough of them for a time that a clock can read.
  func naive() throws -> Naive {
    var (problems, pairs): ([Problem<Float>], Int) = ([], 0)
    for block in blocks where pairs * setting.width < 2_000_000 {
      problems.append(problem(Float.self, block))
      pairs += problems.last!.pairs
    }
    let queries = problems.count * times.count
    let share = Double(pairs) / Double(setting.pairs)
    let note = share < 1 ? "\(queries) of \(blocks.count * setting.queries) queries" : ""
    return .run(share: share, note: note) { for problem in problems { _ = try problem.run() } }
  }
}

// MARK: - The reference's input

extension AttentionTruth {
  /// A block as the reference takes it: one sentence where all queries see the same keys; else each chosen query is a
  /// sentence of its own, with the keys that it sees.
  private struct Problem<T: Reference.Scalar> {
    let input: Reference.AttentionInput<T>
    let score: Reference.Score<T>
    let contextGradient: [T]?
    /// The keys of each sentence.
    let visible: [Range<Int>]

    var pairs: Int { input.queryLength * visible.reduce(0) { $0 + $1.count } }

    @inline(__always)
    func run() throws -> (Reference.AttentionResult<T>, Reference.AttentionGradient<T>?) {
      let attended = try Reference.attention(input, score: score)
      guard let contextGradient else { return (attended, nil) }
      return (attended, try Reference.attentionBackward(contextGradient, attended, input, score: score))
    }

    /// The weights with zeros for the keys that are not seen.
    func spread(_ alignment: [T], keys: Int) -> [T] {
      (0..<input.batch * input.queryLength).flatMap { row in
        let range = visible[row / input.queryLength]
        let weights = alignment[row * input.keyLength..<row * input.keyLength + range.count]
        let (before, after) = (range.lowerBound, keys - range.upperBound)
        return [T](repeating: 0, count: before) + weights + [T](repeating: 0, count: after)
      }
    }

    /// Adds up what each sentence gave the keys that it saw.
    func gathered(_ gradient: [T], keys: Int) -> [T] {
      let width = input.hidden
      var sum = [T](repeating: 0, count: keys * width)
      for (sentence, range) in visible.enumerated() {
        for i in 0..<range.count * width {
          sum[range.lowerBound * width + i] += gradient[sentence * input.keyLength * width + i]
        }
      }
      return sum
    }
  }

  @inline(__always)
  private func problem<T: Reference.Scalar>(_: T.Type, _ block: Block) -> Problem<T> {
    let width = setting.width
    var visible = times.map { setting.visible(sentence: block.sentence, query: $0) }
    if Set(visible).count == 1 { visible = [visible[0]] }
    let longest = visible.reduce(0) { max($0, $1.count) }
    func chosen(_ floats: Floats) -> [T] { places(block, width).flatMap { floats.slice($0).map { T($0) } } }
    func seen(_ floats: Floats) -> [T] {
      let all = floats.slice(block.index * setting.keys * width..<(block.index + 1) * setting.keys * width)
        .map { T($0) }
      return visible.flatMap { range in
        all[range.lowerBound * width..<range.upperBound * width]
          + [T](repeating: 0, count: (longest - range.count) * width)
      }
    }
    let input = Reference.AttentionInput(
      queries: chosen(data.queries), keys: seen(data.keys), values: seen(data.values),
      lengths: visible.map(\.count),
      batch: visible.count, queryLength: times.count / visible.count, keyLength: longest, hidden: width,
      valueWidth: width, shaping: Reference.AttentionShaping(window: window(visible)))
    let score: Reference.Score<T>
    switch setting.score {
    case .dot(let scale): score = .dot(scale: T(scale))
    case .additive: score = .additive(v: data.v.array.map { T($0) })
    }
    return Problem(
      input: input, score: score, contextGradient: data.backward ? chosen(contextGradient) : nil,
      visible: visible)
  }

  /// What is left to do of a window once the keys are those that lie in it: local-p's Gaussian.
  private func window<T: Reference.Scalar>(_ visible: [Range<Int>]) -> Reference.AttentionWindow<T> {
    guard let centre = setting.centre else { return .global }
    let queries = times.count / visible.count
    let centres = visible.flatMap { [T](repeating: T(centre - Double($0.lowerBound)), count: queries) }
    return .predictive(centres: centres, radius: setting.left!)
  }
}

import Attention

/// How much of the gradient of each token of a target reaches each place of the source.
///
///     g_ti = ‖∂(−log p(y_t | y_<t, x)) / ∂x_i‖, with x_i the embedding of the source's token i
///
/// Without attention a gradient comes through the encoder's last states and from there through one step of a cell a token: the farther a token
/// of the target is from the start, the more steps there are, each of which may shrink and blur it (Bengio, Simard, Frasconi 1994). Attention
/// leads it to every state of the encoder at once (Bahdanau, Cho, Bengio 2015).
///
/// Sentences of different lengths lie on each other from their first token to their last; every sentence counts the same.
public struct SourceGradient: Codable, Sendable, Equatable {
  /// The sentences so far.
  public private(set) var sentences = 0
  /// How large g is in parts of the source of the same length, first to last: the mean over the tokens of the target, in nats by the
  /// unit of the embeddings. It grows with how wrong a model is, and shrinks with the scale of its embeddings: models that have not learnt yet and
  /// start from the same embeddings can be held against each other.
  public private(set) var sizes: [Double]
  /// The mean of g_t at the token's own place over its mean in the whole source, in parts of the target of the same length, first to last: 1 where
  /// all of the source gets the same. A token's own place is taken to be as far into the source as the token is into the target, and a token of
  /// the source on either side belongs to it: right for texts whose order both sides share. Empty before the first sentence all of whose tokens have a
  /// gradient.
  public var ratios: [Double] { rated > 0 ? means : [] }
  /// The sentences that have ratios.
  private var rated = 0
  private var means: [Double]

  private enum CodingKeys: String, CodingKey {
    case sentences, sizes, rated
    case means = "ratios"
  }

  /// - Parameter parts: of the source, and of the target; at least 1
  public init(parts: Int) {
    precondition(parts >= 1, "a sentence without a part")
    sizes = Array(repeating: 0, count: parts)
    means = sizes
  }

  /// Adds a sentence by g, [target, source]. Empty ones have no say, nor those whose gradient is not finite; those with a token from which
  /// none comes have sizes, but no ratios.
  public mutating func add(_ norms: [[Double]]) {
    guard !norms.isEmpty, norms.allSatisfy({ !$0.isEmpty }) else { return }
    let sizes = norms[0].indices.map { place in norms.reduce(0) { $0 + $1[place] } / Double(norms.count) }
    guard sizes.allSatisfy(\.isFinite) else { return }
    sentences += 1
    Self.take(sizes, as: sentences, into: &self.sizes)
    let ratios = norms.indices.map {
      Self.ratio(norms[$0], at: Self.place(of: $0, norms.count, norms[$0].count))
    }
    guard ratios.allSatisfy(\.isFinite) else { return }
    rated += 1
    Self.take(ratios, as: rated, into: &means)
  }

  /// Takes the values of the `count`th sentence into the means of all.
  private static func take(_ values: [Double], as count: Int, into means: inout [Double]) {
    for (part, value) in spread(values, over: means.count).enumerated() {
      means[part] += (value - means[part]) / Double(count)
    }
  }

  /// The source's token at the place of token `token` of `target`.
  private static func place(of token: Int, _ target: Int, _ source: Int) -> Int {
    target == 1 ? source / 2 : (2 * token * (source - 1) + target - 1) / (2 * (target - 1))
  }

  private static func ratio(_ norms: [Double], at place: Int) -> Double {
    let own = norms[max(place - 1, 0)..<min(place + 2, norms.count)]
    return own.reduce(0, +) / Double(own.count) / (norms.reduce(0, +) / Double(norms.count))
  }

  /// The mean of a step function over each of `parts` parts of the same length.
  private static func spread(_ values: [Double], over parts: Int) -> [Double] {
    let count = values.count
    // In units in which a value's width and a part's are both whole.
    return (0..<parts).map { index in
      let part = index * count..<(index + 1) * count
      let touched = part.lowerBound / parts...(part.upperBound - 1) / parts
      return touched.reduce(0.0) { sum, value in
        let overlap = part.clamped(to: value * parts..<(value + 1) * parts).count
        return sum + values[value] * Double(overlap) / Double(count)
      }
    }
  }
}

extension TranslationModel {
  /// The same model before it learnt anything, with the weights of seed 1 in the layers' own ranges: models with embeddings of one shape start from
  /// the same ones.
  func untrained() throws(ModelError) -> TranslationModel {
    var (result, configuration) = (self, configuration)
    (configuration.initialRange, configuration.orthogonal) = (nil, false)
    result.network = try EncoderDecoder(configuration, seed: 1)
    return result
  }

  /// The gradient that finds its way to the sources of examples from their first accepted targets, in float32 and without dropout.
  ///
  /// - Parameters:
  ///   - parts: those that sources and targets are cut into, at least 1
  ///   - progress: called with the number of examples done; returning false stops early, with what was done so far
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  /// - Complexity: every example goes through the model once for each token of its target.
  public func sourceGradient(
    _ examples: [ParallelCorpus.Example], parts: Int, progress: (Int) -> Bool = { _ in true }
  ) throws(ModelError) -> SourceGradient {
    var result = SourceGradient(parts: parts)
    for (index, example) in examples.enumerated() {
      let pair = try ids(source: example.source, target: example.targets[0])
      let gradients = try network.sourceGradients(source: pair.source, target: pair.target)
      // The end is about no place of the source.
      result.add(gradients.dropLast().map { $0.map(\.norm) })
      if !progress(index + 1) { break }
    }
    return result
  }
}

extension EncoderDecoder {
  /// The gradients of −log p of every token of a target, and of its end, with respect to the embedding of every token of its source,
  /// [target + 1, source, E].
  ///
  /// - Throws: ``ModelError/id(_:vocabulary:)``; with the location score ``ModelError/tooLong(tokens:limit:)``.
  package func sourceGradients(source: [Int32], target: [Int32]) throws(ModelError) -> [[[Float]]] {
    try check(source: source)
    let tokens = target.count + 1
    guard !source.isEmpty else { return Array(repeating: [], count: tokens) }
    // A long target's copies are too many rows for one batch.
    let atOnce = max(1, Self.rowsAtOnce / tokens)
    var result: [[[Float]]] = []
    for first in stride(from: 0, to: tokens, by: atOnce) {
      result += try sourceGradients(of: first..<min(first + atOnce, tokens), source: source, target: target)
    }
    return result
  }

  private static let rowsAtOnce = 4096

  /// Those of some tokens: a batch has a copy of the pair for each, which is asked for that token alone.
  private func sourceGradients(of asked: Range<Int>, source: [Int32], target: [Int32]) throws(ModelError)
    -> [[[Float]]]
  {
    let length = source.count
    // The gradient of an embedding adds up those of all places of a token. So every place of every copy has a token of its own.
    let rows = asked.flatMap { _ in source }
    var batch = Batch(
      (0..<Int32(asked.count)).map { copy in
        let first = copy * Int32(length)
        return (source: Array(first..<first + Int32(length)), target: target)
      })
    for (copy, token) in asked.enumerated() {
      for other in 0...target.count where other != token { batch.outputs[copy][other] = -1 }
    }
    let gradient = try embedding(rows).lossAndGradient(batch).gradient.encoder.embedding
    let (elements, width) = (gradient.elements, gradient.shape[1])
    // That of the mean over as many tokens as the batch has.
    let scale = Float(batch.tokens)
    return (0..<asked.count).map { copy in
      (0..<length).map { place in
        let row = copy * length + place
        return elements[row * width..<(row + 1) * width].map { scale * $0 }
      }
    }
  }
}

extension [Float] {
  fileprivate var norm: Double { reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
}

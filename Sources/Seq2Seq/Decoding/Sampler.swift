/// Draws outputs of many sources at once, as many rows of each as there are to be outputs.
struct Sampler {
  private let options: DecodingOptions
  private let sampling: Sampling
  /// The most tokens of an output.
  private let limit: Int
  private var decoders: RunningDecoders

  init(_ decoders: RunningDecoders, options: DecodingOptions, sampling: Sampling, limit: Int) {
    self.decoders = decoders
    self.options = options
    self.sampling = sampling
    self.limit = limit
  }

  private struct Draw {
    var generator: SeededGenerator
    var node: HypothesisNode?
    var logProbability = 0.0
    var last = Int32(Vocabulary.start)
    var output: DecodedSequence?
  }

  /// The outputs of every source, best first; `numbers` are the sources' own, from which they draw.
  mutating func run(numbers: [Int]) -> [[DecodedSequence]] {
    var draws = numbers.flatMap { number in
      sampling.generators(source: sampling.firstSource + number).map { Draw(generator: $0) }
    }
    let count = sampling.count
    func range(of source: Int) -> Range<Int> { source * count..<(source + 1) * count }
    var step = 0
    while draws.contains(where: { $0.output == nil }) {
      let rows = decoders.sources.flatMap(range(of:))
      decoders.advance(rows.map { draws[$0].last })
      let distributions = decoders.distributions()
      for (row, draw) in rows.enumerated() where draws[draw].output == nil {
        extend(&draws[draw], row: row, distributions, isLast: step == limit)
      }
      step += 1
      decoders.drop { source in draws[range(of: source)].allSatisfy { $0.output != nil } }
    }
    return numbers.indices.map { source in draws[range(of: source)].map { $0.output! }.bestFirst }
  }

  private func extend(_ draw: inout Draw, row: Int, _ distributions: TokenDistributions, isLast: Bool) {
    let logProbabilities = distributions.row(row)
    let token = isLast ? Vocabulary.end : draw.generator.draw(sampling.candidates(logProbabilities))
    guard let token, logProbabilities[token] > -.infinity else {
      draw.output = .nothing
      return
    }
    draw.logProbability += Double(logProbabilities[token])
    let node = HypothesisNode(
      previous: draw.node, id: Int32(token), alignment: decoders.alignment(row: row))
    (draw.node, draw.last) = (node, Int32(token))
    guard token == Vocabulary.end else { return }
    draw.output = node.sequence(
      draw.logProbability, penalties: options.penalties, isComplete: !isLast)
  }
}

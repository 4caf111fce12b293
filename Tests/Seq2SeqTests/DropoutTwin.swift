import Attention
import AttentionReference
import Seq2Seq

/// What the tests of whole models drop.
enum Dropping: CaseIterable {
  case nothing
  /// Elements of activations, and the attention's weights.
  case elements
  /// The same at all steps of a sentence, recurrent weights, and the attention's weights.
  case variational

  var seed: UInt64? { self == .nothing ? nil : 77 }
}

extension SmallModel {
  func model(dropping: Dropping) throws -> EncoderDecoder {
    try model { c in
      guard dropping != .nothing else { return }
      (c.dropout, c.attentionDropout) = (0.3, c.score == nil ? 0 : 0.4)
      if dropping == .variational { (c.variational, c.recurrentDropout) = (true, 0.3) }
      // With biases of 0 the sums that maxout reads may all be 0, where it has no gradient, and so may the states that cosines are of.
      c.initialRange = 0.4
    }
  }
}

extension ReferenceDropout<Double> {
  /// What a model drops from a batch, for its naive twin to drop: seen through arrays of ones. Variational masks are those of the first
  /// step that they act in, and what the other steps make of them is the twin's to say.
  init(of model: EncoderDecoder, _ batch: Batch, seed: UInt64) throws {
    let parameters = model.parameters
    func width(_ name: String) -> Int? { parameters.first { $0.name == name }?.tensor.shape[1] }

    let c = model.configuration
    let source = Draws(c, seed, lengths: batch.sources.map(\.count))
    let target = Draws(c, seed, lengths: batch.targets.map { $0.count + 1 })
    let read = source.embeddings(
      batch.sources.map { c.reversedSource ? $0.reversed() : $0 }, .sourceEmbedding, c.sourceVocabulary,
      width: c.embedding)
    let fed = target.embeddings(
      batch.targets.map { [Int32(Vocabulary.start)] + $0 }, .targetEmbedding, c.targetVocabulary,
      width: c.embedding)
    let encoder = (1..<c.layers).map { layer in
      source.rows(.encoder, layer: layer, width: width("encoder.\(layer).forward.input")!)
    }
    let decoder = (1..<c.layers).map { target.rows(.decoder, layer: $0, width: c.hidden) }
    let output = target.rows(.output, width: width("output.weight") ?? width("target.embedding")!)
    let weights = (0..<target.plan.steps).map { source.attention(step: $0) }
    self.init(
      sentences: batch.sources.indices.map { sentence in
        Sentence(
          source: read[sentence], target: fed[sentence], encoder: encoder.map { $0[sentence] },
          decoder: decoder.map { $0[sentence] },
          attention: weights.prefix(target.plan.lengths[sentence]).map { $0[sentence] },
          output: output[sentence])
      },
      weights: try Self.weights(of: model, seed: seed))
  }

  private static func weights(of model: EncoderDecoder, seed: UInt64) throws -> [String: [Double]] {
    func named(_ parameters: [(name: String, tensor: Tensor)]) -> [String: Tensor] {
      Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.tensor) })
    }
    var ones = try EncoderDecoder(
      model.configuration,
      weights: named(model.parameters).mapValues {
        try Tensor([Float](repeating: 1, count: $0.count), shape: $0.shape)
      })
    DropConnect(model.configuration, seed: seed)?.apply(to: &ones)
    return named(ones.parameters).mapValues { $0.elements.map(Double.init) }
  }
}

/// What falls in the sequences of one side of a batch, by sentence.
private struct Draws {
  typealias Rows = ReferenceDropout<Double>.Rows

  let plan: SequencePlan
  private let dropout: Dropout?
  private let isVariational: Bool
  private let attentionRate: Float

  init(_ configuration: ModelConfiguration, _ seed: UInt64, lengths: [Int]) {
    plan = SequencePlan(lengths: lengths)
    dropout = Dropout(configuration, seed: seed)
    (isVariational, attentionRate) = (configuration.variational, configuration.attentionDropout)
  }

  func rows(_ site: Dropout.Site, layer: Int = 0, width: Int) -> [Rows] {
    let ones = Matrix(ones: plan.rows, width)
    dropout?.apply(ones, plan, at: site, layer: layer)
    return plan.lengths.enumerated().map { sentence, length in
      let steps = (0..<length).map {
        ones.elements(row: plan.row(step: $0, sentence: sentence), count: width).map(Double.init)
      }
      return isVariational ? .ofSentence(steps.first ?? []) : .ofSteps(Array(steps.joined()))
    }
  }

  func embeddings(_ sentences: [[Int32]], _ site: Dropout.Site, _ vocabulary: Int, width: Int) -> [Rows] {
    guard isVariational, let dropout else { return rows(site, width: width) }
    let kept = dropout.keeping(plan.packed(sentences), plan, at: site)
    return sentences.enumerated().map { sentence, ids in
      var factors = [Double](repeating: Double(dropout.scale), count: vocabulary)
      for (step, id) in ids.enumerated().reversed() {
        let falls = kept[plan.row(step: step, sentence: sentence)] < 0
        factors[Int(id)] = falls ? 0 : Double(dropout.scale)
      }
      return .ofTokens(factors)
    }
  }

  /// Of the attention's weights over these sequences in a step, through equal weights and values that are unit vectors.
  func attention(step: Int) -> [[Double]] {
    let (count, positions) = (plan.lengths.count, plan.steps)
    let values = Matrix(rows: count * positions, columns: positions, zeros: true)
    for row in 0..<values.rows { values.pointer[row * positions + row % positions] = 1 }
    let context = Matrix(rows: count, columns: positions)
    attend(
      AttentionRows(
        queries: Matrix(rows: count, columns: 1, zeros: true), context: context,
        alignment: Matrix(rows: count, columns: positions), statistics: Matrix(rows: count, columns: 2)),
      AttentionTerms(score: .dot(scale: 1), reach: .all, dropout: dropout?.weights(step: step)),
      memory: AttentionMemory(
        keys: Matrix(rows: values.rows, columns: 1, zeros: true), values: values,
        lengths: [Int32](repeating: Int32(positions), count: count), positions: positions),
      sources: count)
    let scale = Double(1 / (1 - attentionRate))
    return plan.lengths.enumerated().map { sentence, length in
      context.elements(row: sentence, count: length).map { $0 == 0 ? 0 : scale }
    }
  }
}

extension Matrix {
  fileprivate init(ones rows: Int, _ columns: Int) {
    self.init(rows: rows, columns: columns)
    buffer.pointer.initialize(repeating: 1, count: buffer.count)
  }
}

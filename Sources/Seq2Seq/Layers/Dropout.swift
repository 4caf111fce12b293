import Attention

/// Inverted dropout (Srivastava et al. 2014) for one training step. Which elements fall depends on the seed, the
/// place in the model and the element's index alone, so that the backward drops the same ones and a run repeats.
///
/// Variational (Gal & Ghahramani 2016, §4), a sentence has one mask for all of its steps, and of the embeddings whole tokens fall:
/// wherever a token stands in the sentence. The state of the step before, which the paper drops too, is left to
/// ``DropConnect``. In packed order a step's rows are the first of the sentences by length, so that the mask of a
/// sentence is a row's index within its step.
package struct Dropout {
  /// Where in the model; each place draws numbers of its own.
  package enum Site: UInt64 {
    case sourceEmbedding, targetEmbedding, encoder, decoder, output, recurrent, attention
  }

  let rate: Float
  /// Of the attention's weights, behind the softmax.
  var attentionRate: Float = 0
  let seed: UInt64
  var isVariational = false

  /// What is left is multiplied by this.
  package var scale: Float { 1 / (1 - rate) }

  /// Drops in place, from rows of one step, which begin at row `first` of all steps'.
  func apply(_ rows: Matrix, from first: Int, at site: Site, layer: Int = 0) {
    guard rate > 0 else { return }
    rows.dropOut(
      rate: rate, seed: seed(site, layer), offset: isVariational ? 0 : first * rows.columns)
  }

  /// Drops in place, from the rows of all steps.
  package func apply(_ matrix: Matrix, _ plan: SequencePlan, at site: Site, layer: Int = 0) {
    guard isVariational else { return apply(matrix, from: 0, at: site, layer: layer) }
    for step in 0..<plan.steps {
      let range = plan.range(step: step)
      apply(matrix.rows(range), from: range.lowerBound, at: site, layer: layer)
    }
  }

  /// Drops in place, from embeddings; where whole tokens fall, they have fallen (``keeping(_:_:at:)``), and the others are scaled.
  func apply(embeddings rows: Matrix, at site: Site) {
    if isVariational { rows.scale(by: scale) } else { apply(rows, from: 0, at: site) }
  }

  /// Drops elements of a weight, the `layer`th.
  func apply(_ weight: inout Tensor, at site: Site, layer: Int) {
    weight.dropOut(rate: rate, seed: seed(site, layer))
  }

  /// The tokens of all rows, −1 for those that fall in their sentence.
  package func keeping(_ ids: [Int32], _ plan: SequencePlan, at site: Site) -> [Int32] {
    let seed = seed(site, 0)
    var result = ids
    for step in 0..<plan.steps {
      for (sentence, row) in plan.range(step: step).enumerated() {
        var generator = SeededGenerator(seed: seed ^ (UInt64(sentence) << 32 | UInt64(ids[row])))
        if generator.uniform() < Double(rate) { result[row] = -1 }
      }
    }
    return result
  }

  /// What drops the attention's weights in a step.
  package func weights(step: Int) -> AttentionTerms.Dropout? {
    attentionRate > 0
      ? AttentionTerms.Dropout(rate: attentionRate, seed: seed(.attention, step)) : nil
  }

  /// `part` is a layer, or a step.
  private func seed(_ site: Site, _ part: Int) -> UInt64 {
    var generator = SeededGenerator(
      seed: seed ^ (site.rawValue << 32 | UInt64(part)) &* 0x9E37_79B9_7F4A_7C15)
    return generator.next()
  }
}

extension Dropout {
  /// What falls of a model's activations and of its attention's weights; nil for nothing.
  package init?(_ configuration: ModelConfiguration, seed: UInt64) {
    guard configuration.dropout > 0 || configuration.attentionDropout > 0 else { return nil }
    self.init(
      rate: configuration.dropout, attentionRate: configuration.attentionDropout, seed: seed,
      isVariational: configuration.variational)
  }
}

extension Optional where Wrapped == Dropout {
  /// The matrix itself when nothing drops, else a copy with dropout applied.
  func copy(of matrix: Matrix, _ plan: SequencePlan, at site: Dropout.Site, layer: Int = 0) -> Matrix {
    guard let self else { return matrix }
    let copy = Matrix(rows: matrix.rows, columns: matrix.columns)
    copy.copy(from: matrix)
    self.apply(copy, plan, at: site, layer: layer)
    return copy
  }

  /// The tokens of all rows, −1 where whole tokens fall and this one did.
  func keeping(_ ids: [Int32], _ plan: SequencePlan, at site: Dropout.Site) -> [Int32] {
    guard let self, self.isVariational else { return ids }
    return self.keeping(ids, plan, at: site)
  }
}

/// Dropout of the recurrent weights, one mask for all steps of a batch (Merity, Keskar, Socher 2018, §2, after Wan et al. 2013): the
/// steps themselves run as they always do.
package struct DropConnect {
  private let dropout: Dropout

  /// Nil where no recurrent weight falls.
  package init?(_ configuration: ModelConfiguration, seed: UInt64) {
    guard configuration.recurrentDropout > 0 else { return nil }
    dropout = Dropout(rate: configuration.recurrentDropout, seed: seed)
  }

  /// Drops from the recurrent weights of a model, or likewise from their gradients.
  package func apply(to model: inout some Parameterized) {
    var index = 0
    model.forEachParameter(prefix: "") { name, parameter in
      guard name.hasSuffix(".recurrent") else { return }
      dropout.apply(&parameter, at: .recurrent, layer: index)
      index += 1
    }
  }
}

import Attention

/// Inverted dropout (Srivastava et al. 2014) for one training step. Which elements fall depends on the seed, the
/// place in the model and the element's index alone, so that the backward drops the same ones and a run repeats.
struct Dropout {
  /// Where in the model; each place draws numbers of its own.
  enum Site: UInt64 {
    case sourceEmbedding, targetEmbedding, encoder, decoder, output, attention
  }

  let rate: Float
  /// Of the attention's weights, behind the softmax.
  let attentionRate: Float
  let seed: UInt64

  /// Drops in place. `offset` is the index of the matrix's first element within its site.
  func apply(_ matrix: Matrix, at site: Site, layer: Int = 0, offset: Int = 0) {
    guard rate > 0 else { return }
    matrix.dropOut(rate: rate, seed: seed(at: site, layer), offset: offset)
  }

  /// What drops the attention's weights in a step.
  func weights(step: Int) -> AttentionTerms.Dropout? {
    attentionRate > 0
      ? AttentionTerms.Dropout(rate: attentionRate, seed: seed(at: .attention, step)) : nil
  }

  /// `part` is a layer, or a step.
  private func seed(at site: Site, _ part: Int) -> UInt64 {
    var generator = SeededGenerator(
      seed: seed ^ (site.rawValue << 32 | UInt64(part)) &* 0x9E37_79B9_7F4A_7C15)
    return generator.next()
  }
}

extension Optional where Wrapped == Dropout {
  /// The matrix itself when nothing drops, else a copy with dropout applied.
  func copy(of matrix: Matrix, at site: Dropout.Site, layer: Int = 0) -> Matrix {
    guard let self, self.rate > 0 else { return matrix }
    let copy = Matrix(rows: matrix.rows, columns: matrix.columns)
    copy.copy(from: matrix)
    self.apply(copy, at: site, layer: layer)
    return copy
  }
}

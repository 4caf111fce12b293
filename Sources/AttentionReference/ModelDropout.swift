/// What dropout takes from a model in one pass over a batch: factors, 0 where something falls and 1 / (1 − rate) elsewhere
/// (inverted dropout, Srivastava et al. 2014). Who draws them is the caller.
public struct ReferenceDropout<T: Reference.Scalar>: Sendable {
  /// Factors of the rows of a sequence, a row a step.
  public enum Rows: Sendable {
    /// [steps, width]: every step has its own.
    case ofSteps([T])
    /// [width]: all steps have the same (variational: Gal & Ghahramani 2016, §4).
    case ofSentence([T])
    /// [vocabulary]: embeddings of tokens that fall whole, wherever in the sentence they stand (likewise).
    case ofTokens([T])
  }

  /// What falls in one sentence.
  public struct Sentence: Sendable {
    /// Of the embeddings, as the encoder reads them: a reversed source's from its end.
    public var source: Rows
    /// Of the embeddings that the decoder is fed.
    public var target: Rows
    /// Of what enters the cells of the layers above the first. A residual connection passes the whole of it by.
    public var encoder, decoder: [Rows]
    /// [source length] of each step: of α, behind the softmax, as in ``Reference/AttentionShaping/dropout``.
    public var attention: [[T]]
    /// Of s̃ on its way into the output.
    public var output: Rows

    @inlinable
    public init(
      source: Rows, target: Rows, encoder: [Rows], decoder: [Rows], attention: [[T]], output: Rows
    ) {
      self.source = source
      self.target = target
      self.encoder = encoder
      self.decoder = decoder
      self.attention = attention
      self.output = output
    }
  }

  public var sentences: [Sentence]
  /// Of parameters by their names, the same in all steps of all sentences: those of recurrent weights are the weight-dropped LSTM's
  /// (Merity, Keskar, Socher 2018, §2).
  public var weights: [String: [T]]

  @inlinable
  public init(sentences: [Sentence], weights: [String: [T]] = [:]) {
    self.sentences = sentences
    self.weights = weights
  }
}

extension ReferenceDropout.Rows {
  /// The rows x [rows, width] from step `first` on, times their factors.
  ///
  /// - Parameter ids: The tokens that embeddings are of, a row each.
  @inlinable
  func applied(to x: [T], rows: Int, from first: Int = 0, ids: [Int] = []) throws -> [T] {
    let width = rows == 0 ? 0 : x.count / rows
    switch self {
    case .ofSteps(let factors):
      guard factors.count >= (first + rows) * width else {
        throw ReferenceError.shape(
          argument: "dropout", expected: [first + rows, width], count: factors.count)
      }
      return zip(x, factors[(first * width)...]).map(*)
    case .ofSentence(let factors):
      try Reference.require(factors, "dropout", width)
      return x.indices.map { x[$0] * factors[$0 % width] }
    case .ofTokens(let factors):
      try Reference.requireIndices(ids, "dropout", minimum: 0, count: factors.count)
      return x.indices.map { x[$0] * factors[ids[$0 / width]] }
    }
  }
}

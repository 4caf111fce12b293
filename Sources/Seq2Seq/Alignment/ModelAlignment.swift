import Attention

extension TranslationModel {
  /// What the model looked at while it wrote a hypothesis: a row for each token, and a last one, `</s>`, for the end.
  ///
  /// - Throws: ``ModelError/noAlignment`` for a model without attention.
  public func picture(_ source: Source, _ hypothesis: Hypothesis) throws -> AlignmentPicture {
    try picture(source, target: hypothesis.tokens, alignment: hypothesis.alignment)
  }

  /// What the model looks at when the target is given to it (teacher forcing).
  ///
  /// - Throws: ``ModelError/noAlignment`` for a model without attention, ``ModelError/tooLong(tokens:limit:)``.
  public func picture(_ source: Source, forcing target: [String]) throws -> AlignmentPicture {
    try picture(
      source, target: target, alignment: score([(source: source.tokens, target: target)])[0].alignment)
  }

  private func picture(_ source: Source, target: [String], alignment: [[Float]]?) throws -> AlignmentPicture {
    guard let alignment else { throw ModelError.noAlignment }
    // An output that was cut off at its limit has no end.
    let end = alignment.count > target.count ? [Vocabulary.reserved[Vocabulary.end]] : []
    return try AlignmentPicture(source: source.tokens, target: target + end, weights: alignment)
  }
}

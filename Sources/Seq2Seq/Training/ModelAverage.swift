import Attention

/// Why models cannot be averaged.
public enum AveragingError: Error, Equatable, Sendable {
  case noModel
  /// A model, counted from 1, that is not like the first.
  case unlike(model: Int, what: String)
}

extension AveragingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noModel: "there is no model to average; name at least one"
    case .unlike(let model, let what):
      "model \(model) has another \(what) than the first; average models of one training"
    }
  }
}

extension TranslationModel {
  /// The model whose every weight is the mean of those of several models, such as the last epochs of one training (Vaswani et al.
  /// 2017, §6.1).
  ///
  /// - Throws: ``AveragingError`` unless all have one shape, one reading of text and one vocabulary a side.
  public static func average(_ models: [TranslationModel]) throws(AveragingError) -> TranslationModel {
    guard var result = models.first else { throw .noModel }
    for (index, model) in models.enumerated().dropFirst() {
      let like = [
        ("shape", model.configuration == result.configuration),
        ("way to cut text", model.source == result.source && model.target == result.target),
        (
          "vocabulary",
          model.sourceVocabulary == result.sourceVocabulary
            && model.targetVocabulary == result.targetVocabulary
        ),
      ]
      if let unlike = like.first(where: { !$0.1 }) { throw .unlike(model: index + 1, what: unlike.0) }
      result.network.move(toward: model.network, share: 1 / Float(index + 1))
    }
    return result
  }
}

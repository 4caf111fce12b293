extension Recipe {
  /// Recipes by name: those of papers, as far as there are options for what they did, and small ones that suit two cores.
  ///
  /// The papers' losses are sums over a sentence where ours is the mean over tokens: with their rates and norms, steps of gradient
  /// descent are about a sentence's length smaller here, and clipping acts seldom. Adam's steps do not depend on it.
  public static let presets: [String: Recipe] = [
    "luong-2015": luong2015, "bahdanau-2015": bahdanau2015, "sutskever-2014": sutskever2014,
    "luong-small": small(.luongSmall),
    "bahdanau-small": small(.bahdanauSmall),
    "plain-small": small(.plainSmall),
  ]

  /// Luong, Pham, Manning 2015, §4.1: gradient descent for 12 epochs, from the 8th on with half the rate after each, as the
  /// paper's models with dropout; sentences of up to 50 words are learnt.
  private static let luong2015 = words(
    .luong2015, source: 50_000, target: 50_000, longestPair: 50,
    descending(rate: 1, batchSize: 128, from: 8, every: 1), epochs: 12)

  /// Bahdanau, Cho, Bengio 2015, appendix B.2: batches of 80, Adadelta, gradients of a norm up to 1; sentences of up to 50 words
  /// are learnt (RNNsearch-50).
  private static let bahdanau2015: Recipe = {
    var training = TrainingOptions(batchSize: 80, rate: 1, clipNorm: 1)
    training.optimizer = OptimizerOptions(.adadelta)
    training.schedule = RateSchedule(.constant)
    return words(.bahdanau2015, source: 30_000, target: 30_000, longestPair: 50, training, epochs: 5)
  }()

  /// Sutskever, Vinyals, Le 2014, §3.4: gradient descent for 7.5 epochs, whole ones here, after the 5th with half the
  /// rate after each half.
  private static let sutskever2014 = words(
    .sutskever2014, source: 160_000, target: 80_000,
    descending(rate: 0.7, batchSize: 128, from: 5, every: 0.5), epochs: 8)

  /// - Parameters:
  ///   - source: the words of its vocabulary, without the reserved tokens
  ///   - target: the same
  private static func words(
    _ model: ModelConfiguration, source: Int, target: Int, longestPair: Int? = nil,
    _ training: TrainingOptions, epochs: Int
  ) -> Recipe {
    func limits(_ words: Int) -> Vocabulary.Limits { .init(maximumSize: words + Vocabulary.reserved.count) }
    return Recipe(
      model: model, source: .words, target: .words,
      vocabulary: .init(source: limits(source), target: limits(target)), longestPair: longestPair,
      training: training, epochs: epochs)
  }

  private static func descending(
    rate: Float, batchSize: Int, from start: Double, every: Double
  ) -> TrainingOptions {
    var result = TrainingOptions(
      batchSize: batchSize, rate: rate, rateDecay: 0.5, clipNorm: 5, patience: nil)
    result.optimizer = OptimizerOptions(.sgd)
    result.schedule = RateSchedule(.step, decayStart: start, decayEvery: every)
    return result
  }

  /// Adam with the rate of a cosine, and the weights' average: what needs least care.
  private static func small(_ model: ModelConfiguration) -> Recipe {
    var training = TrainingOptions(batchSize: 64, rate: 2e-3, labelSmoothing: 0.1, patience: nil)
    training.schedule = RateSchedule(.cosine, warmup: 200, epochs: 20)
    training.averageDecay = 0.999
    return Recipe(model: model, training: training, epochs: 20)
  }
}

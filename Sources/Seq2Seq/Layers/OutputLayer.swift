import Attention

/// The layer that predicts: ŷ = softmax(W_y s̃ + b_y). Tied, its weight is the embedding of the target (Press & Wolf 2017).
struct OutputLayer: Parameterized {
  /// W_y, [V, width of s̃]; nil where it is tied.
  var weight: Tensor?
  /// b_y, [V].
  var bias: Tensor

  init(_ configuration: ModelConfiguration, generator: inout SeededGenerator) {
    let (vocabulary, width) = (configuration.targetVocabulary, configuration.readoutWidth)
    weight = configuration.tied ? nil : generator.weight(vocabulary, width)
    bias = Tensor(zeros: [vocabulary])
  }

  init(weight: Tensor?, bias: Tensor) {
    self.weight = weight
    self.bias = bias
  }

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    if weight != nil { body(prefix + "weight", &weight!) }
    body(prefix + "bias", &bias)
  }
}

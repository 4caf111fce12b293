import Attention
import Seq2Seq
import Testing

@Suite("Training with rounded weights") struct TrainingPrecisionTests {
  /// Every weight that encoder, attention and decoder multiply by, rounded to bfloat16; the output layer's, embeddings, biases
  /// and v are as they were.
  private func rounded(_ model: EncoderDecoder) throws -> EncoderDecoder {
    var weights: [String: Tensor] = [:]
    for (name, tensor) in model.parameters {
      let isRounded = tensor.shape.count == 2 && !name.hasSuffix("embedding") && name != "output.weight"
      weights[name] = isRounded ? try tensor.roundedToBFloat16() : tensor
    }
    return try EncoderDecoder(model.configuration, weights: weights)
  }

  private func bits(_ model: EncoderDecoder) -> [String: [UInt32]] {
    Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.tensor.elements.map(\.bitPattern)) })
  }

  /// Every product forward and backward rounds its weight, and nothing else is rounded: loss and gradient are those of a
  /// model whose weights lie up to 2⁻⁹ of their size away, to the bit.
  @Test(arguments: SmallModel.all)
  func theGradientIsThatOfTheRoundedWeights(_ small: SmallModel) throws {
    let model = try small.model(dropout: 0.2)
    let found = try model.lossAndGradient(
      SmallModel.batch, dropoutSeed: 3, labelSmoothing: 0.1, precision: .bfloat16)
    let expected = try rounded(model).lossAndGradient(SmallModel.batch, dropoutSeed: 3, labelSmoothing: 0.1)
    let (foundBits, expectedBits) = (bits(found.gradient), bits(expected.gradient))
    #expect(found.loss == expected.loss)
    for name in expectedBits.keys.sorted() { #expect(foundBits[name] == expectedBits[name], "\(name)") }
    let plain = try model.lossAndGradient(SmallModel.batch, dropoutSeed: 3, labelSmoothing: 0.1)
    #expect(foundBits != bits(plain.gradient))
  }

  @Test func int8DoesNotTrain() throws {
    #expect(
      throws: ModelError.configuration(option: "precision", expected: "float32 or bfloat16", found: "int8")
    ) { try SmallModel.all[0].model().lossAndGradient(SmallModel.batch, precision: .int8) }
  }
}

import Attention
import Seq2Seq
import Testing

@Suite("Training with rounded weights") struct TrainingPrecisionTests {
  private func elements(_ gradient: EncoderDecoder) -> [Double] {
    gradient.parameters.flatMap { $0.tensor.elements.map(Double.init) }
  }

  /// Each product changes what goes through it by at most 2 · 2⁻⁹ of its size where nothing cancels, and a gradient went
  /// through a few dozen of them: the steps, forward and backward, of at most three layers.
  @Test(arguments: SmallModel.all)
  func theGradientIsNearThatOfFloats(_ small: SmallModel) throws {
    let model = try small.model(dropout: 0.2)
    func step(_ precision: Precision) throws -> (loss: Float, gradient: EncoderDecoder) {
      try model.lossAndGradient(
        SmallModel.batch, dropoutSeed: 3, labelSmoothing: 0.1, precision: precision)
    }
    let (found, expected) = (try step(.bfloat16), try step(.float32))
    #expect(abs(found.loss - expected.loss) <= 0x1p-4 * expected.loss)
    let pairs = zip(elements(found.gradient), elements(expected.gradient))
    let distance = pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    let size = elements(expected.gradient).reduce(0) { $0 + $1 * $1 }.squareRoot()
    #expect(distance <= 0x1p-3 * size)
    // Every matrix's gradient is a product of rounded factors.
    for (name, tensor) in expected.gradient.parameters where tensor.shape.count == 2 {
      #expect(
        found.gradient.parameters.first { $0.name == name }?.tensor.elements != tensor.elements, "\(name)")
    }
  }

  @Test func int8DoesNotTrain() throws {
    #expect(
      throws: ModelError.configuration(option: "precision", expected: "float32 or bfloat16", found: "int8")
    ) { try SmallModel.all[0].model().lossAndGradient(SmallModel.batch, precision: .int8) }
  }
}

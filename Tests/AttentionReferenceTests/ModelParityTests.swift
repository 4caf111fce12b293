import AttentionReference
import Testing

/// What PyTorch makes of the same models.
@Suite struct ModelParityTests {
  typealias Configuration = ReferenceModelConfiguration

  struct Expectation: Sendable {
    var configuration: Configuration
    var meanCrossEntropy: Double
    var lastAlignment: [Double]
  }

  static func fed(_ score: Configuration.Score, temperature: Double = 1) -> Configuration {
    var result = Configuration(cell: .lstm, score: score, inputFeeding: true, hidden: 4, embedding: 3)
    (result.temperature, result.positions) = (temperature, 5)
    return result
  }

  // torch.nn.LSTM and torch.nn.GRU of PyTorch 2.13 in double over the parameters of the sample, attention in torch
  // operations, printed with 12 decimals; the alignment is that of the first sentence's last step.
  static let expectations = [
    Expectation(
      configuration: Configuration(cell: .lstm, score: .dot, inputFeeding: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.639761336374, lastAlignment: [0.336604309494, 0.334847621518, 0.328548068989]),
    Expectation(
      configuration: Configuration(
        cell: .gru, layers: 2, bidirectional: true, score: .concat, inputFeeding: true, hidden: 4,
        embedding: 3),
      meanCrossEntropy: 2.475435746911, lastAlignment: [0.343280147789, 0.331211743527, 0.325508108684]),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 2, bidirectional: true, score: .general, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.816706846049, lastAlignment: [0.320161677099, 0.335585149256, 0.344253173645]),
    Expectation(
      configuration: Configuration(
        cell: .gru, layers: 2, score: .general, inputFeeding: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.064859275446, lastAlignment: [0.353573140432, 0.330250721370, 0.316176138197]),
    Expectation(
      configuration: Configuration(cell: .gru, score: .none, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.690553386660, lastAlignment: []),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 2, bidirectional: true, score: .none, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.921561842079, lastAlignment: []),
    Expectation(
      configuration: .bahdanau(cell: .gru, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.729564472849, lastAlignment: [0.395972789564, 0.311575235760, 0.292451974676]),
    Expectation(
      configuration: .bahdanau(cell: .lstm, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.816107007833, lastAlignment: [0.400678549527, 0.307396343101, 0.291925107372]),
    Expectation(
      configuration: .bahdanau(cell: .gru, readout: .maxout, hidden: 4, embedding: 3),
      meanCrossEntropy: 3.122831554609, lastAlignment: [0.395972789564, 0.311575235760, 0.292451974676]),
    Expectation(
      configuration: .bahdanau(cell: .lstm, layers: 2, readout: .maxout, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.097127169255, lastAlignment: [0.310904042202, 0.323571376230, 0.365524581568]),
    Expectation(
      configuration: .bahdanau(cell: .gru, layers: 2, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.107532950919, lastAlignment: [0.364836128636, 0.303774325438, 0.331389545926]),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 3, residual: true, bidirectional: true, score: .general, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.422405025870, lastAlignment: [0.303780411843, 0.303865278187, 0.392354309970]),
    Expectation(
      configuration: Configuration(
        cell: .gru, layers: 3, residual: true, score: .concat, inputFeeding: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 2.240022607974, lastAlignment: [0.333274664494, 0.332592457267, 0.334132878239]),
    Expectation(
      configuration: Configuration(
        cell: .lstm, layers: 3, residual: true, bidirectional: true, score: .none, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.701427283983, lastAlignment: []),
    Expectation(
      configuration: .bahdanau(cell: .gru, layers: 3, residual: true, hidden: 4, embedding: 3),
      meanCrossEntropy: 1.848829548685, lastAlignment: [0.398714723855, 0.278673073969, 0.322612202177]),
    Expectation(
      configuration: ModelSample.local(
        Configuration(cell: .lstm, score: .general, inputFeeding: true, hidden: 4, embedding: 3),
        .monotonic(radius: 1)),
      meanCrossEntropy: 2.701196733208, lastAlignment: [0, 0.506250585543, 0.493749414457]),
    Expectation(
      configuration: ModelSample.local(
        Configuration(cell: .lstm, score: .dot, inputFeeding: true, hidden: 4, embedding: 3),
        .predictive(radius: 1)),
      meanCrossEntropy: 2.419039215454, lastAlignment: [0, 0.247499789114, 0.363708524341]),
    Expectation(
      configuration: ModelSample.local(
        Configuration(cell: .lstm, score: .concat, hidden: 4, embedding: 3), .predictive(radius: 2)),
      meanCrossEntropy: 2.749816837323, lastAlignment: [0.111523888213, 0.321609994875, 0.288273703958]),
    Expectation(
      configuration: fed(.scaledDot),
      meanCrossEntropy: 2.639513922319, lastAlignment: [0.334946791576, 0.334103846905, 0.330949361519]),
    Expectation(
      configuration: fed(.cosine, temperature: 0.25),
      meanCrossEntropy: 2.633214398315, lastAlignment: [0.487823003625, 0.308901433677, 0.203275562698]),
    Expectation(
      configuration: ModelSample.local(fed(.cosine), .predictive(radius: 2)),
      meanCrossEntropy: 2.376460325640, lastAlignment: [0.047007635884, 0.297689267897, 0.446776140804]),
    Expectation(
      configuration: fed(.normedConcat),
      meanCrossEntropy: 1.681389809619, lastAlignment: [0.326421009584, 0.338357764445, 0.335221225971]),
    Expectation(
      configuration: fed(.location),
      meanCrossEntropy: 2.702724893937, lastAlignment: [0.354885701955, 0.267904660680, 0.377209637365]),
  ]

  // Printing rounds to 5e-13; the two programs differ by some hundred roundings of 1e-16 besides.
  @Test(arguments: expectations)
  func agreesWithPyTorch(_ expected: Expectation) throws {
    let result = try ModelSample.run(expected.configuration, ModelSample.parameters(expected.configuration))
    expectClose([result.meanCrossEntropy], [expected.meanCrossEntropy], within: { _ in 1e-12 }, "loss")
    let last = try #require(result.alignments.first?.last)
    expectClose(last, expected.lastAlignment, within: { _ in 1e-12 }, "alignment")
    #expect(result.tokenCount == 8)
  }
}

import AttentionReference
import Testing

@Suite struct ModelErrorTests {
  typealias Configuration = ReferenceModelConfiguration

  private static let fed = Configuration(
    cell: .lstm, score: .dot, inputFeeding: true, hidden: 4, embedding: 3)

  @Test func settingsThatMakeNoModelAreRefused() {
    let odd = Configuration(cell: .gru, bidirectional: true, score: .dot, hidden: 3, embedding: 2)
    let unfed = Configuration(cell: .gru, score: .none, inputFeeding: true, hidden: 4, embedding: 2)
    let flat = Configuration(cell: .gru, layers: -1, score: .dot, hidden: 4, embedding: 2)
    var oneWay = Configuration.bahdanau(cell: .gru, hidden: 4, embedding: 2)
    oneWay.bidirectional = false
    let unlooking = ModelSample.local(
      Configuration(cell: .gru, score: .none, hidden: 4, embedding: 2), .monotonic(radius: 1))
    let unplaced = ModelSample.local(
      Configuration(cell: .gru, score: .location, hidden: 4, embedding: 2), .predictive(radius: 1))
    var unscored = Configuration.bahdanau(cell: .gru, hidden: 4, embedding: 2)
    unscored.score = .dot
    let unpaired = Configuration.bahdanau(cell: .gru, readout: .maxout, hidden: 3, embedding: 2)
    var narrow = Configuration.bahdanau(cell: .gru, readout: .maxout, hidden: 4, embedding: 4)
    narrow.tied = true
    for configuration in [odd, unfed, flat, oneWay, unscored, unlooking, unplaced, unpaired, narrow] {
      #expect(throws: ReferenceError.self) {
        try configuration.parameters(sourceVocabulary: 3, targetVocabulary: 3)
      }
    }
  }

  @Test func missingAndMisshapenParametersAreNamed() throws {
    let configuration = Self.fed
    var parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    parameters["combine.bias"] = ReferenceArray(shape: [5], values: [0, 0, 0, 0, 0])
    #expect(throws: ReferenceError.parameter(name: "combine.bias", expected: [4], found: [5])) {
      try ModelSample.run(configuration, parameters)
    }
    parameters["combine.bias"] = nil
    #expect(throws: ReferenceError.parameter(name: "combine.bias", expected: [4], found: nil)) {
      try ModelSample.run(configuration, parameters)
    }
  }

  @Test func tokensOutsideOfTheVocabularyAreNamed() throws {
    let configuration = Self.fed
    let parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(configuration)
    #expect(throws: ReferenceError.outOfRange(argument: "ids", position: 0, value: 7, expected: 0...6)) {
      try ModelSample.run(configuration, parameters, sources: [[7]], targets: [[2]])
    }
    #expect(throws: ReferenceError.shape(argument: "targets", expected: [1], count: 0)) {
      try ModelSample.run(configuration, parameters, sources: [[1]], targets: [])
    }
  }
}

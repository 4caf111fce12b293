import AttentionReference
import Testing

@Suite struct ModelDropoutTests {
  typealias Configuration = ReferenceModelConfiguration
  typealias Dropout = ReferenceDropout<Double>

  /// Factors of every sentence, which `rows` makes for a number of steps and a width.
  static func dropout(
    _ c: Configuration, _ rows: (_ steps: Int, _ width: Int) -> Dropout.Rows
  ) -> Dropout {
    let halves = c.readout == .maxout ? 2 : 1
    return Dropout(
      sentences: zip(ModelSample.sources, ModelSample.targets).map { source, target in
        let steps = target.count + 1
        return Dropout.Sentence(
          source: rows(source.count, c.embedding), target: rows(steps, c.embedding),
          encoder: (1..<c.layers).map { _ in rows(source.count, stateWidth(c)) },
          decoder: (1..<c.layers).map { _ in rows(steps, c.hidden) },
          attention: (0..<steps).map { _ in source.map { _ in 1 } }, output: rows(steps, c.hidden / halves))
      })
  }

  private static func stateWidth(_ c: Configuration) -> Int {
    c.decoder == .bahdanau ? 2 * c.hidden : c.hidden
  }

  private static func loss(
    _ c: Configuration, _ dropout: Dropout?, moving name: String? = nil
  ) throws -> Double {
    var parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(c)
    if let name { parameters[name]!.values = parameters[name]!.values.map { $0 + 0.01 * $0 * $0 } }
    return try ModelSample.run(c, parameters, dropout: dropout).meanCrossEntropy
  }

  @Test(arguments: ModelSample.every)
  func factorsOfOneChangeNothing(_ c: Configuration) throws {
    let expected = try Self.loss(c, nil)
    let ofSteps = Self.dropout(c) { .ofSteps([Double](repeating: 1, count: $0 * $1)) }
    let ofSentence = Self.dropout(c) { .ofSentence([Double](repeating: 1, count: $1)) }
    #expect(try Self.loss(c, ofSteps) == expected)
    #expect(try Self.loss(c, ofSentence) == expected)
  }

  @Test(arguments: ModelSample.every)
  func theMaskOfASentenceIsThatOfEachOfItsSteps(_ c: Configuration) throws {
    func mask(_ width: Int) -> [Double] { (0..<width).map { $0 % 3 == 1 ? 0 : 1.5 } }
    let once = Self.dropout(c) { .ofSentence(mask($1)) }
    let repeated = Self.dropout(c) { steps, width in .ofSteps((0..<steps).flatMap { _ in mask(width) }) }
    #expect(try Self.loss(c, once) == Self.loss(c, repeated))
    #expect(try Self.loss(c, once) != Self.loss(c, nil))
  }

  /// As if the table had a row of zeros.
  @Test(arguments: ModelSample.every.filter { !$0.tied })
  func tokensFallWhole(_ c: Configuration) throws {
    var dropout = Self.dropout(c) { .ofSteps([Double](repeating: 1, count: $0 * $1)) }
    for index in dropout.sentences.indices {
      dropout.sentences[index].source = .ofTokens([1, 1, 1, 2, 0, 2, 2])
      dropout.sentences[index].target = .ofTokens([2, 1, 2, 0, 2, 2])
    }
    var parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(c)
    let found = try ModelSample.run(c, parameters, dropout: dropout)
    for (name, factors) in [
      ("source.embedding", [1, 1, 1, 2, 0, 2, 2]), ("target.embedding", [2, 1, 2, 0, 2, 2]),
    ] as [(String, [Double])] {
      let values = parameters[name]!.values
      parameters[name]!.values = values.indices.map { values[$0] * factors[$0 / c.embedding] }
    }
    let expected = try ModelSample.run(c, parameters)
    #expect(found.meanCrossEntropy == expected.meanCrossEntropy)
    #expect(found.alignments == expected.alignments)
  }

  /// A place where something falls, and a parameter that counts for nothing when all of it does.
  private static let places: [(parameter: String, drop: @Sendable (inout Dropout.Sentence) -> Void)] = [
    ("source.embedding", { $0.source = .ofSentence([0, 0, 0]) }),
    ("encoder.0.forward.input", { $0.source = .ofSentence([0, 0, 0]) }),
    ("target.embedding", { $0.target = .ofSentence([0, 0, 0]) }),
    ("encoder.1.forward.input", { $0.encoder = [.ofSentence([0, 0, 0, 0])] }),
    ("encoder.1.backward.input", { $0.encoder = [.ofSentence([0, 0, 0, 0])] }),
    ("decoder.1.input", { $0.decoder = [.ofSentence([0, 0, 0, 0])] }),
    ("attention.key", { $0.attention = $0.attention.map { $0.map { _ in 0 } } }),
    ("output.weight", { $0.output = .ofSentence([0, 0, 0, 0]) }),
  ]

  @Test(arguments: places.indices)
  func whatReadsWhatFellCountsForNothing(_ index: Int) throws {
    let (parameter, drop) = Self.places[index]
    let c = Configuration(
      cell: .lstm, layers: 2, bidirectional: true, score: .general, inputFeeding: true, hidden: 4,
      embedding: 3)
    var dropout = Self.dropout(c) { .ofSentence([Double](repeating: 1, count: $1)) }
    #expect(try Self.loss(c, dropout, moving: parameter) != Self.loss(c, dropout))
    for sentence in dropout.sentences.indices { drop(&dropout.sentences[sentence]) }
    #expect(try Self.loss(c, dropout, moving: parameter) == Self.loss(c, dropout))
  }

  @Test func weightsFallForAllSteps() throws {
    let c = Configuration(cell: .gru, score: .dot, hidden: 4, embedding: 3)
    let name = "decoder.0.recurrent"
    var dropout = Self.dropout(c) { .ofSentence([Double](repeating: 1, count: $1)) }
    let mask = (0..<48).map { $0 % 3 == 1 ? 0 : 1.5 }
    dropout.weights = [name: mask]
    var parameters: [String: ReferenceArray<Double>] = try ModelSample.parameters(c)
    parameters[name]!.values = zip(parameters[name]!.values, mask).map(*)
    let expected = try ModelSample.run(c, parameters).meanCrossEntropy
    #expect(try Self.loss(c, dropout) == expected)
    #expect(try Self.loss(c, nil) != expected)
  }

  @Test func factorsThatDoNotFitAreNamed() throws {
    let c = Configuration(cell: .gru, layers: 2, score: .dot, hidden: 4, embedding: 3)
    let fitting = Self.dropout(c) { .ofSentence([Double](repeating: 1, count: $1)) }
    let changes: [(inout Dropout) -> Void] = [
      { $0.sentences.removeLast() }, { $0.sentences[0].source = .ofSentence([1]) },
      { $0.sentences[0].source = .ofSteps([1, 1, 1]) }, { $0.sentences[0].target = .ofTokens([1, 1]) },
      { $0.sentences[0].encoder = [] }, { $0.sentences[0].decoder = [] },
      { $0.sentences[0].attention = [] }, { $0.sentences[0].attention[1] = [1] },
      { $0.sentences[0].output = .ofSteps([1]) }, { $0.weights = ["stranger": [1]] },
      { $0.weights = ["output.weight": [1]] },
    ]
    for (index, change) in changes.enumerated() {
      var dropout = fitting
      change(&dropout)
      #expect(throws: ReferenceError.self, "\(index)") { try Self.loss(c, dropout) }
    }
  }
}

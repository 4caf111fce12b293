import Foundation
import Seq2Seq
import Testing

/// Untrained models of every kind: their n-best lists have near neighbours and outputs of all lengths.
enum DecodingModels {
  static let corpus = ParallelCorpus(pairs: [
    .init(source: ["a", "b", "c"], target: ["x", "y", "z"]),
    .init(source: ["d"], target: ["w", "v", "u", "t"]),
  ])

  static let configurations: [ModelConfiguration] = [
    .luong(embedding: 6, hidden: 10), .luong(score: .dot, cell: .gru, layers: 2, embedding: 6, hidden: 10),
    .luong(score: .concat, cell: .rnn, inputFeeding: false, embedding: 6, hidden: 10),
    .bahdanau(embedding: 6, hidden: 10), .bahdanau(cell: .gruResetBefore, embedding: 6, hidden: 9),
    .plain(embedding: 6, hidden: 10),
    ModelConfiguration.luong(score: .scaledDot, layers: 3, residual: true, embedding: 6, hidden: 10).with {
      $0.window = .monotonic(radius: 2)
      $0.reversedSource = true
    },
    ModelConfiguration.bahdanau(readout: .maxout, embedding: 6, hidden: 10).with {
      $0.window = .predictive(radius: 2)
    },
    .luong(score: .location, embedding: 6, hidden: 10),
    .luong(score: .cosine, cell: .gru, embedding: 6, hidden: 10),
  ]

  static func model(_ configuration: ModelConfiguration, seed: UInt64 = 3) throws -> TranslationModel {
    try TranslationModel(
      configuration, corpus: corpus, source: .characters, target: .whitespace, seed: seed)
  }

  /// Ragged and in no order.
  static let texts = ["abc", "d", "cabdacbd", "", "aa", "dcbadcbadcba", "bd"]

  static let penalties = [Penalties(), Penalties(length: 0.7), Penalties(length: 1, coverage: 0.3)]
}

@Suite("Decoding") struct DecodingTests {
  /// What is promised of every list of outputs.
  static func expectConsistent(
    _ hypotheses: [Ensemble.Hypothesis], _ source: TranslationModel.Source, _ ensemble: Ensemble,
    _ penalties: Penalties, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    #expect(
      hypotheses.map(\.score) == hypotheses.map(\.score).sorted(by: >), sourceLocation: sourceLocation)
    let forced = try ensemble.score(hypotheses.map { (source.tokens, $0.tokens) })
    for (hypothesis, forced) in zip(hypotheses, forced) {
      #expect(abs(forced.score(penalties) - hypothesis.score) < 1e-4, sourceLocation: sourceLocation)
      #expect(abs(forced.total - hypothesis.logProbability) < 1e-4, sourceLocation: sourceLocation)
      #expect(
        hypothesis.alignment?.map(\.count) == forced.alignment?.map(\.count), sourceLocation: sourceLocation)
      for (row, expected) in zip(hypothesis.alignment ?? [], forced.alignment ?? []) {
        for (a, b) in zip(row, expected) { #expect(abs(a - b) < 1e-4, sourceLocation: sourceLocation) }
      }
    }
  }

  @Test(
    "lists are sorted, and their scores are those of forcing the outputs",
    arguments: DecodingModels.configurations)
  func scores(configuration: ModelConfiguration) throws {
    let model = try DecodingModels.model(configuration)
    let sources = try DecodingModels.texts.map { try model.read($0) }.filter { !$0.tokens.isEmpty }
    for penalties in DecodingModels.penalties where penalties.coverage == 0 || configuration.score != nil {
      for beam in [1, 3, 12] {
        let options = DecodingOptions(beam: beam, penalties: penalties)
        for (source, hypotheses) in zip(sources, try model.translate(sources, options: options)) {
          #expect(hypotheses.count == beam && Set(hypotheses.map(\.tokens)).count == beam)
          try Self.expectConsistent(hypotheses, source, Ensemble([model]), penalties)
        }
      }
    }
  }

  @Test("fewer outputs are the first of more", arguments: DecodingModels.configurations)
  func fewerOutputs(configuration: ModelConfiguration) throws {
    let model = try DecodingModels.model(configuration)
    let sources = try DecodingModels.texts.map { try model.read($0) }
    for penalties in DecodingModels.penalties where penalties.coverage == 0 || configuration.score != nil {
      let all = try model.translate(sources, options: DecodingOptions(beam: 5, penalties: penalties))
      for outputs in 1...5 {
        let some = try model.translate(
          sources, options: DecodingOptions(beam: 5, outputs: outputs, penalties: penalties))
        #expect(some.map { $0.map(\.tokens) } == all.map { $0.prefix(outputs).map(\.tokens) })
      }
    }
  }

  @Test func outputsNeedBeam() throws {
    let model = try DecodingModels.model(DecodingModels.configurations[0])
    for outputs in [0, 3] {
      #expect(
        throws: ModelError.configuration(
          option: "outputs", expected: "1 to the beam of 2", found: "\(outputs)")
      ) { try model.translate("ab", options: DecodingOptions(beam: 2, outputs: outputs)) }
    }
  }

  @Test("penalties do not change what a greedy search finds")
  func greedy() throws {
    for configuration in DecodingModels.configurations where configuration.score != nil {
      let model = try DecodingModels.model(configuration)
      let sources = try DecodingModels.texts.map { try model.read($0) }
      let plain = try model.translate(sources)
      let penalised = try model.translate(
        sources, options: DecodingOptions(penalties: Penalties(length: 1, coverage: 1)))
      #expect(plain.map { $0.map(\.tokens) } == penalised.map { $0.map(\.tokens) })
      #expect(plain.map { $0.map(\.logProbability) } == penalised.map { $0.map(\.logProbability) })
    }
  }

  @Test("more sources than one batch takes come back in their order, as each alone")
  func batches() throws {
    let model = try DecodingModels.model(.luong(embedding: 6, hidden: 10))
    var generator = SeededGenerator(seed: 4)
    let sources = try (0..<300).map { _ in
      try model.read(
        (0..<generator.integer(below: 9)).map { _ in ["a", "b", "c", "d"][generator.integer(below: 4)] })
    }
    let options = DecodingOptions(beam: 2)
    let together = try model.translate(sources, options: options)
    for index in stride(from: 0, to: 300, by: 7) {
      let alone = try model.translate([sources[index]], options: options)[0]
      #expect(alone.map(\.tokens) == together[index].map(\.tokens))
      #expect(alone.map(\.score) == together[index].map(\.score))
    }
  }

  @Test func limit() throws {
    let model = try DecodingModels.model(.bahdanau(embedding: 6, hidden: 10))
    for hypothesis in try model.translate("abcd", options: DecodingOptions(beam: 8, maximumLength: 2)) {
      #expect(hypothesis.tokens.count <= 2 && hypothesis.isComplete == (hypothesis.tokens.count < 2))
    }
  }

  @Test(
    "options that cannot be are named",
    arguments: [
      (DecodingOptions(beam: 0), "beam"), (DecodingOptions(beam: 1001), "beam"),
      (DecodingOptions(maximumLength: 0), "maximumLength"),
      (DecodingOptions(penalties: Penalties(length: -0.1)), "lengthPenalty"),
      (DecodingOptions(penalties: Penalties(length: .nan)), "lengthPenalty"),
      (DecodingOptions(penalties: Penalties(coverage: .infinity)), "coveragePenalty"),
    ])
  func refused(options: DecodingOptions, option: String) throws {
    let model = try DecodingModels.model(.luong(embedding: 4, hidden: 6))
    let error = #expect(throws: ModelError.self) { try model.translate("a", options: options) }
    guard case .configuration(option, _, _) = error else {
      Issue.record("\(error.map { "\($0)" } ?? "no error")")
      return
    }
  }

  @Test func coverageNeedsAttention() throws {
    let model = try DecodingModels.model(.plain(embedding: 4, hidden: 6))
    #expect(throws: ModelError.noAlignment) {
      try model.translate("a", options: DecodingOptions(penalties: Penalties(coverage: 0.1)))
    }
  }
}

@Suite struct PenaltiesTests {
  @Test func values() {
    let alignment: [[Float]] = [[0.5, 0.5, 0], [0.5, 0.1, 0], [0.9, 0.1, 0]]
    #expect(Penalties().score(-4, steps: 7, alignment: alignment) == -4)
    #expect(Penalties(length: 1).score(-4, steps: 7, alignment: alignment) == -2)
    #expect(abs(Penalties(length: 0.5).score(-4, steps: 7, alignment: []) + 4 / 2.0.squareRoot()) < 1e-12)
    // Weights of 1.9, which counts as 1, of 0.7 and of none, which counts as 10⁻¹⁰.
    let coverage = Penalties(coverage: 0.25).score(-4, steps: 3, alignment: alignment)
    #expect(abs(coverage - (-4 + 0.25 * (log(0.7) + log(1e-10)))) < 1e-7)
    #expect(Penalties(coverage: 1).score(-4, steps: 3, alignment: []) == -4)
  }
}

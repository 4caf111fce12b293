import Foundation
import Seq2Seq
import Testing

@Suite("Sampling") struct SamplingTests {
  /// Of `<unk>`, start, end and four tokens; start is never drawn.
  private let logProbabilities = [0.1, 0.2, 0.3, 0.05, 0.15, 0.15, 0.05].map { Float(log($0)) }

  private func share(_ sampling: Sampling) -> [Int: Double] {
    let candidates = sampling.candidates(logProbabilities)
    let total = candidates.reduce(0) { $0 + $1.weight }
    return Dictionary(uniqueKeysWithValues: candidates.map { ($0.token, $0.weight / total) })
  }

  private func expect(
    _ found: [Int: Double], _ expected: [Int: Double], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let total = expected.values.reduce(0, +)
    #expect(Set(found.keys) == Set(expected.keys), sourceLocation: sourceLocation)
    for (token, weight) in expected {
      #expect(abs((found[token] ?? .nan) - weight / total) < 1e-6, sourceLocation: sourceLocation)
    }
  }

  @Test func whatIsLeft() {
    let all = [0: 0.1, 2: 0.3, 3: 0.05, 4: 0.15, 5: 0.15, 6: 0.05]
    expect(share(Sampling()), all)
    expect(share(Sampling(temperature: 0.5)), all.mapValues { $0 * $0 })
    expect(share(Sampling(temperature: 2)), all.mapValues { $0.squareRoot() })
    expect(share(Sampling(topK: 3)), [2: 0.3, 4: 0.15, 5: 0.15])
    // Of equals the lower.
    expect(share(Sampling(topK: 2)), [2: 0.3, 4: 0.15])
    expect(share(Sampling(topK: 100)), all)
    // 0.3 and 0.15 are 0.5625 of 0.8.
    expect(share(Sampling(topP: 0.56)), [2: 0.3, 4: 0.15])
    expect(share(Sampling(topP: 0.57)), [2: 0.3, 4: 0.15, 5: 0.15])
    expect(share(Sampling(topP: 1e-6)), [2: 0.3])
    expect(share(Sampling(topP: 1)), all)
    // 0.3 is half of the three that are left.
    expect(share(Sampling(topK: 3, topP: 0.49)), [2: 0.3])
    #expect(Sampling().candidates([.nan, .nan, .nan, .nan]).isEmpty)
  }

  /// The first tokens of many draws are as frequent as the model says.
  @Test func frequencies() throws {
    for ensemble in [
      try Ensemble([DecodingModels.model(.luong(embedding: 6, hidden: 10))]),
      try Ensemble((1...2).map { try DecodingModels.model(.bahdanau(embedding: 6, hidden: 10), seed: $0) }),
    ] {
      let source = try ensemble.read("abc")
      let vocabulary = ensemble.models[0].targetVocabulary
      let words = ([0] + Array(Vocabulary.reserved.count..<vocabulary.count)).map(vocabulary.token(at:))
      let forced = try ensemble.score([(source.tokens, [])] + words.map { (source.tokens, [$0]) })
      let probabilities = forced.map { exp(Double($0.logProbabilities[0])) }
      let total = probabilities.reduce(0, +)
      let sampling = Sampling(count: 1000, seed: 9)
      let outputs = try ensemble.translate([source], options: DecodingOptions(sampling: sampling))[0]
      #expect(outputs.count == 1000)
      for (first, probability) in zip([nil] + words.map(Optional.some), probabilities) {
        let share = probability / total
        let count = Double(outputs.count { $0.tokens.first == first })
        let deviation = (1000 * share * (1 - share)).squareRoot()
        #expect(abs(count - 1000 * share) < 4 * deviation, "\(first ?? "the end")")
      }
    }
  }

  @Test("lists are sorted, and their scores are those of forcing the outputs")
  func scores() throws {
    for configuration in DecodingModels.configurations {
      let model = try DecodingModels.model(configuration)
      let sources = try DecodingModels.texts.map { try model.read($0) }.filter { !$0.tokens.isEmpty }
      let penalties = Penalties(length: 0.7)
      let options = DecodingOptions(
        penalties: penalties, sampling: Sampling(count: 8, temperature: 0.8, topK: 5, topP: 0.9, seed: 3))
      for (source, hypotheses) in zip(sources, try model.translate(sources, options: options)) {
        #expect(hypotheses.count == 8)
        try DecodingTests.expectConsistent(hypotheses, source, Ensemble([model]), penalties)
      }
    }
  }

  @Test("a seed decides what is drawn, whatever the sources are decoded with")
  func seeds() throws {
    let model = try DecodingModels.model(.luong(embedding: 6, hidden: 10))
    let sources = try (0..<200).map { try model.read(["abc", "d", "cab", "bbbd"][$0 % 4]) }
    func draw(_ sources: some Collection<TranslationModel.Source>, _ sampling: Sampling) throws
      -> [[[String]]]
    {
      try model.translate(Array(sources), options: DecodingOptions(sampling: sampling))
        .map { $0.map(\.tokens) }
    }
    let together = try draw(sources, Sampling(count: 2, seed: 5))
    #expect(try draw(sources, Sampling(count: 2, seed: 5)) == together)
    #expect(try draw(sources, Sampling(count: 2, seed: 6)) != together)
    #expect(
      try draw(sources[150...], Sampling(count: 2, seed: 5, firstSource: 150)) == Array(together[150...]))
    // A source's draws are no other's of another seed.
    let same = stride(from: 0, to: 40, by: 4).map { sources[$0] }
    for number in [1, -1] {
      #expect(
        try draw(same, Sampling(seed: 6))
          != draw(same, Sampling(seed: UInt64(6 - number), firstSource: number)))
    }
    // Equal sources draw for themselves.
    #expect(Set(stride(from: 0, to: 200, by: 4).map { together[$0] }).count > 30)
  }

  @Test("the likeliest token alone, or a temperature near 0, is greedy")
  func greedy() throws {
    for configuration in DecodingModels.configurations {
      let model = try DecodingModels.model(configuration)
      let sources = try DecodingModels.texts.map { try model.read($0) }
      let greedy = try model.translate(sources)
      for sampling in [Sampling(topK: 1), Sampling(temperature: 1e-9), Sampling(topP: 1e-5)] {
        let drawn = try model.translate(sources, options: DecodingOptions(sampling: sampling))
        #expect(drawn.map { $0[0].tokens } == greedy.map { $0[0].tokens })
        for (a, b) in zip(drawn, greedy) { #expect(abs(a[0].score - b[0].score) < 1e-5) }
      }
    }
  }

  @Test(
    "options that cannot be are named",
    arguments: [
      (Sampling(count: 0), "samples"), (Sampling(temperature: 0), "temperature"),
      (Sampling(temperature: .nan), "temperature"), (Sampling(topK: 0), "topK"), (Sampling(topP: 0), "topP"),
      (Sampling(topP: 1.1), "topP"),
    ])
  func refused(sampling: Sampling, option: String) throws {
    let model = try DecodingModels.model(.luong(embedding: 4, hidden: 6))
    let error = #expect(throws: ModelError.self) {
      try model.translate("a", options: DecodingOptions(sampling: sampling))
    }
    guard case .configuration(option, _, _) = error else {
      Issue.record("\(error.map { "\($0)" } ?? "no error")")
      return
    }
    #expect(throws: ModelError.self) {
      try model.translate("a", options: DecodingOptions(beam: 2, sampling: Sampling()))
    }
  }
}

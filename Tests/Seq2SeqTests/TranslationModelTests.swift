import Attention
import Foundation
import Seq2Seq
import Testing

@Suite("The model's folder")
struct TranslationModelTests {
  private func model(_ configuration: ModelConfiguration = .luong(embedding: 4, hidden: 6, maximumLength: 5))
    throws -> TranslationModel
  {
    let corpus = ParallelCorpus(pairs: [
      .init(source: ["a", "b"], target: ["x"]), .init(source: ["c"], target: ["y", "z"]),
    ])
    return try TranslationModel(
      configuration, corpus: corpus, source: .characters,
      target: Tokenization(.whitespace, lowercase: true), seed: 3)
  }

  private static let local: ModelConfiguration = {
    var configuration = ModelConfiguration.luong(embedding: 4, hidden: 6, maximumLength: 5)
    configuration.window = .predictive(radius: 2)
    return configuration
  }()

  @Test(arguments: [
    local, ModelConfiguration.luong(embedding: 4, hidden: 6, maximumLength: 5),
    .luong(layers: 3, residual: true, embedding: 4, hidden: 6, maximumLength: 5),
    .bahdanau(cell: .lstm, layers: 2, embedding: 4, hidden: 5, maximumLength: 5),
    .bahdanau(layers: 3, residual: true, embedding: 4, hidden: 5, maximumLength: 5),
    .bahdanau(cell: .gruResetBefore, readout: .maxout, embedding: 4, hidden: 6, maximumLength: 5),
    ModelConfiguration.luong(embedding: 6, hidden: 6, dropout: 0.1, maximumLength: 5).with {
      ($0.variational, $0.recurrentDropout, $0.tied, $0.reversedSource) = (true, 0.2, true, true)
    },
  ])
  func roundTrip(configuration: ModelConfiguration) throws {
    let model = try model(configuration)
    try withTemporaryFolder { folder in
      let inner = folder.appending(path: "new/model")
      try model.write(to: inner)
      #expect(
        try names(in: inner) == [
          "config.json", "model.safetensors", "source.vocabulary.json", "target.vocabulary.json",
        ])
      let read = try TranslationModel(contentsOf: inner)
      #expect(read.configuration == model.configuration)
      #expect(read.source == model.source && read.target == model.target)
      #expect(
        read.sourceVocabulary == model.sourceVocabulary && read.targetVocabulary == model.targetVocabulary)
      #expect(read.network.parameters.map(\.tensor) == model.network.parameters.map(\.tensor))
      let (found, expected) = (try read.translate("abc", beam: 3), try model.translate("abc", beam: 3))
      #expect(found.map(\.text) == expected.map(\.text) && found.map(\.score) == expected.map(\.score))
    }
  }

  @Test(
    "a configuration that was saved when Luong's was the only decoder is of Luong's, without residual connections"
  )
  func olderConfiguration() throws {
    let model = try model()
    try withTemporaryFolder { folder in
      try model.write(to: folder)
      let file = folder.appending(path: "config.json")
      let saved = try String(contentsOf: file, encoding: .utf8)
      let later = [
        /\s*"decoder"\s*:\s*"luong",?/, /\s*"residual"\s*:\s*false,?/, /\s*"readout"\s*:\s*"tanh",?/,
        /\s*"reversedSource"\s*:\s*false,?/, /\s*"tied"\s*:\s*false,?/,
        /\s*"variational"\s*:\s*false,?/, /\s*"recurrentDropout"\s*:\s*0,?/,
      ]
      try #require(later.allSatisfy { saved.contains($0) })
      let older = later.reduce(saved) { $0.replacing($1, with: "") }
      try older.write(to: file, atomically: true, encoding: .utf8)
      let read = try TranslationModel(contentsOf: folder)
      #expect(read.configuration == model.configuration)
      #expect(try read.translate("abc")[0].text == model.translate("abc")[0].text)
    }
  }

  @Test("a file that is missing, torn or of another model is named")
  func damaged() throws {
    let model = try model()
    try withTemporaryFolder { folder in
      try model.write(to: folder)
      for name in try names(in: folder) {
        let file = folder.appending(path: name)
        let whole = try Data(contentsOf: file)
        for damage in [nil, Data(), whole.prefix(whole.count / 2), Data("{}".utf8)] {
          try? FileManager.default.removeItem(at: file)
          try damage?.write(to: file)
          let error = #expect(throws: CheckpointError.self) { try TranslationModel(contentsOf: folder) }
          #expect(error.map { "\($0)".contains(name) } == true, "\(error.map { "\($0)" } ?? "")")
        }
        try whole.write(to: file)
      }
      _ = try TranslationModel(contentsOf: folder)
      // A vocabulary of another size, and weights of another shape.
      try Vocabulary(counting: [["p", "q", "r", "s", "t"]]).write(
        to: folder.appending(path: "source.vocabulary.json"))
      #expect(throws: CheckpointError.self) { try TranslationModel(contentsOf: folder) }
      try model.sourceVocabulary.write(to: folder.appending(path: "source.vocabulary.json"))
      try Safetensors(tensors: ["output.bias": Tensor(zeros: [6])]).write(
        to: folder.appending(path: "model.safetensors"))
      let error = #expect(throws: CheckpointError.self) { try TranslationModel(contentsOf: folder) }
      #expect(error.map { "\($0)".contains("model.safetensors") } == true)
    }
  }

  @Test("a training's folder is left alone, whose model and state belong together")
  func anotherTraining() throws {
    let model = try model()
    try withTemporaryFolder { folder in
      try Data().write(to: folder.appending(path: "training.safetensors"))
      let error = #expect(throws: CheckpointError.self) { try model.write(to: folder) }
      #expect(
        error.map { "\($0)".contains("a training and its model are in it); choose another place") } == true)
      #expect(try names(in: folder) == ["training.safetensors"])
    }
  }

  @Test func limits() throws {
    let model = try model()
    #expect(throws: ModelError.tooLong(tokens: 6, limit: 5)) { try model.translate("aaaaaa") }
    #expect(throws: ModelError.tooLong(tokens: 6, limit: 5)) {
      try model.score([(["a"], ["x", "x", "x", "x", "x", "x"])])
    }
    #expect(throws: ModelError.self) { try model.translate("a", beam: 0) }
    #expect(try model.translate("a", beam: 3).count == 3)
  }

  @Test("weights that are not numbers are refused, by name")
  func notANumber() throws {
    let model = try model()
    try withTemporaryFolder { folder in
      try model.write(to: folder)
      var tensors: [String: Tensor] = [:]
      for (name, tensor) in model.network.parameters { tensors[name] = tensor }
      tensors["output.bias"]![1] = .nan
      try Safetensors(tensors: tensors).write(to: folder.appending(path: "model.safetensors"))
      let error = #expect(throws: CheckpointError.self) { try TranslationModel(contentsOf: folder) }
      #expect(error.map { "\($0)".contains("model.safetensors") && "\($0)".contains("output.bias") } == true)
      // An id that no vocabulary holds is an error too, not a read beyond the table.
      let broken = try EncoderDecoder(model.configuration, weights: tensors)
      #expect(throws: ModelError.id(99, vocabulary: 6)) {
        try broken.scores(Batch([(source: [99], target: [])]))
      }
    }
  }

  @Test func vocabulariesHaveLimits() throws {
    let corpus = ParallelCorpus(pairs: [
      .init(source: ["a", "b", "a"], target: ["x", "y", "x"]), .init(source: ["c", "b"], target: ["z"]),
    ])
    func vocabularies(_ limits: Vocabulary.SideLimits) throws -> [[Int]] {
      let model = try TranslationModel(
        .luong(embedding: 4, hidden: 6), corpus: corpus, source: .words, target: .words, limits: limits,
        seed: 1)
      return [
        model.sourceVocabulary.encode(["a", "b", "c"]), model.targetVocabulary.encode(["x", "y", "z"]),
      ]
    }
    let often = Vocabulary.Limits(minimumCount: 2)
    #expect(try vocabularies(.init(source: often, target: often)) == [[3, 4, 0], [3, 0, 0]])
    #expect(try vocabularies(.init(target: often)) == [[3, 4, 5], [3, 0, 0]])
    #expect(
      try vocabularies(.init(source: .init(maximumSize: 4), target: .init(maximumSize: 5)))
        == [[3, 0, 0], [3, 4, 0]])
    #expect(try vocabularies(.init()) == [[3, 4, 5], [3, 4, 5]])
  }
}

import Foundation
import Seq2Seq
import Testing

@Suite("What a training leaves to look at")
struct TrainingLogTests {
  private func trained(epochs: Int) throws -> (trainer: Trainer, updates: [TrainingLog.Line]) {
    var trainer = try trainer(
      .luong(cell: .gru, embedding: 8, hidden: 12), pairs: 40,
      options: TrainingOptions(batchSize: 10, patience: nil))
    var lines: [TrainingLog.Line] = []
    for _ in 0..<epochs {
      _ = try trainer.trainEpoch {
        lines.append(TrainingLog.Line($0))
        return true
      }
    }
    return (trainer, lines)
  }

  @Test func linesReadBackTheSame() throws {
    let (trainer, updates) = try trained(epochs: 2)
    #expect(updates.map(\.update) == Array(1...8) && updates.map(\.epoch) == [1, 1, 1, 1, 2, 2, 2, 2])
    let epochs = trainer.reports.compactMap { TrainingLog.Line($0) }
    #expect(epochs.map(\.update) == [4, 8])
    for (epoch, report) in zip(epochs, trainer.reports) {
      #expect(epoch.development == report.development && epoch.isBest == report.isBest)
      #expect(epoch.development?.alignmentEntropy != nil)
      let norms = updates.filter { $0.epoch == epoch.epoch }.map(\.gradientNorm)
      #expect(abs(epoch.gradientNorm - norms.reduce(0, +) / 4) < 1e-9)
    }
    try withTemporaryFolder { folder in
      let log = try TrainingLog(in: folder, after: 0)
      for line in updates + epochs { try log.append(line) }
      let file = folder.appending(path: TrainingLog.file)
      #expect(try TrainingLog.lines(of: file) == updates + epochs)
    }
  }

  @Test("a training that goes on from an earlier state drops what came after it")
  func dropsWhatIsToComeAgain() throws {
    let (_, updates) = try trained(epochs: 2)
    try withTemporaryFolder { folder in
      let file = folder.appending(path: TrainingLog.file)
      let first = try TrainingLog(in: folder, after: 0)
      for line in updates { try first.append(line) }
      // A crash in the middle of a line.
      let handle = try FileHandle(forWritingTo: file)
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(#"{"event":"upd"#.utf8))
      let again = try TrainingLog(in: folder, after: 5)
      for line in updates[5...] { try again.append(line) }
      #expect(try TrainingLog.lines(of: file) == updates)
      // One that starts anew has none of them.
      _ = try TrainingLog(in: folder, after: 0)
      #expect(try TrainingLog.lines(of: file).isEmpty)
    }
  }

  @Test("an epoch that was saved before its line was written has one all the same")
  func addsTheLineOfASavedEpoch() throws {
    let (trainer, updates) = try trained(epochs: 2)
    let epochs = trainer.reports.compactMap { TrainingLog.Line($0) }
    try withTemporaryFolder { folder in
      let first = try TrainingLog(in: folder, after: 0)
      let whole = updates[..<4] + [epochs[0]] + updates[4...] + [epochs[1]]
      for line in whole.dropLast() { try first.append(line) }
      let file = folder.appending(path: TrainingLog.file)
      for _ in 1...2 {
        _ = try TrainingLog(in: folder, after: trainer.updates, reports: trainer.reports)
        #expect(try TrainingLog.lines(of: file) == Array(whole))
      }
    }
  }

  @Test func whatIsNoLogIsNamed() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: TrainingLog.file)
      try Data("{\"event\":\"lunch\"}\n".utf8).write(to: file)
      let error = #expect(throws: CheckpointError.self) { try TrainingLog(in: folder, after: 3) }
      #expect(error.map { "\($0)".contains("log.jsonl") && "\($0)".contains("line 1") } == true)
    }
  }

  /// Whichever of its files a first save had come to, and in whatever order.
  @Test func whatAKilledFirstSaveLeavesIsNoModel() throws {
    let (trainer, updates) = try trained(epochs: 1)
    let epoch = try #require(trainer.reports.compactMap { TrainingLog.Line($0) }.first)
    try withTemporaryFolder { folder in
      try trainer.save(to: folder)
      let files = try names(in: folder).filter { $0 != "training.safetensors" }
      #expect(files.count == 4)
      for chosen in 0..<1 << files.count {
        let left = files.indices.filter { chosen >> $0 & 1 == 1 }.map { files[$0] }
        let part = ModelFolder(folder.appending(path: "\(chosen)"))
        try part.prepare()
        func copy(_ name: String) throws {
          try FileManager.default.copyItem(
            at: folder.appending(path: name), to: part.url.appending(path: name))
        }
        for name in left { try copy(name) }
        let isModel = left.contains("config.json") || left.contains("model.safetensors")
        #expect(part.holdsModel == isModel && !part.holdsUnsavedTraining)
        let log = try TrainingLog(in: part.url, after: 0)
        for line in [nil, updates.first] {
          if let line { try log.append(line) }
          #expect(!part.holdsModel && part.holdsUnsavedTraining && !part.holdsTraining, "\(left)")
        }
        // With the log of a training that had saved an epoch, it lacks a file that somebody took away.
        try log.append(epoch)
        #expect(part.holdsModel == isModel && !part.holdsUnsavedTraining)
        _ = try TrainingLog(in: part.url, after: 0)
        try copy("training.safetensors")
        #expect(part.holdsModel && part.holdsTraining && !part.holdsUnsavedTraining)
      }
      // No log, as far as one can tell.
      let damaged = ModelFolder(folder.appending(path: "0"))
      try FileManager.default.removeItem(at: damaged.url.appending(path: "training.safetensors"))
      try Data("{\"event\":\"lunch\"}\n".utf8).write(to: damaged.url.appending(path: TrainingLog.file))
      #expect(!damaged.holdsUnsavedTraining)
    }
  }

  @Test("the picture is well-formed and has a point for every epoch and curve")
  func picture() throws {
    let (trainer, _) = try trained(epochs: 3)
    func points(_ reports: [EpochReport]) throws -> (curves: Int, points: Int) {
      let texts = try PageReader(TrainingPicture(reports).svg()).texts
      return (texts["polyline", default: []].count, texts["circle", default: []].count)
    }
    #expect(try points(trainer.reports) == (6, 18))
    #expect(try points(Array(trainer.reports.prefix(1))) == (6, 6))
    let alone = try JSONDecoder().decode(
      EpochReport.self,
      from: Data(#"{"epoch":1,"loss":2,"rate":1,"seconds":0,"tokensPerSecond":0,"isBest":true}"#.utf8))
    #expect(try points([alone]) == (1, 1))
    #expect(TrainingPicture(trainer.reports).svg().contains("seconds of training"))
  }
}

@Suite("Averages of models")
struct ModelAverageTests {
  @Test func everyWeightIsTheMean() throws {
    var trainer = try trainer(.bahdanau(embedding: 6, hidden: 8), pairs: 40)
    var models: [TranslationModel] = []
    for _ in 0..<3 {
      _ = try trainer.trainEpoch()
      models.append(trainer.model)
    }
    func elements(_ model: TranslationModel) -> [Double] {
      model.network.parameters.flatMap { $0.tensor.elements.map(Double.init) }
    }
    let all = models.map(elements)
    let mean = elements(try TranslationModel.average(models))
    for index in mean.indices {
      #expect(abs(mean[index] - (all[0][index] + all[1][index] + all[2][index]) / 3) < 1e-6)
    }
    #expect(weights(try .average([models[1]])) == weights(models[1]))
  }

  @Test func whatIsNotAlikeIsNamed() throws {
    let corpus = reversals(40, seed: 1)
    func model(
      _ configuration: ModelConfiguration, _ corpus: ParallelCorpus, lowercase: Bool = false
    ) throws -> TranslationModel {
      try TranslationModel(
        configuration, corpus: corpus, source: Tokenization(.characters, lowercase: lowercase),
        target: .characters, seed: 1)
    }
    let shape = ModelConfiguration.luong(embedding: 4, hidden: 6)
    let first = try model(shape, corpus)
    let swapped = ParallelCorpus(
      pairs: corpus.pairs.map { pair in
        .init(source: pair.source.map { $0 == "a" ? "x" : $0 }, target: pair.target)
      })
    #expect(throws: AveragingError.noModel) { try TranslationModel.average([]) }
    for (other, what) in [
      (try model(.luong(embedding: 4, hidden: 8), corpus), "shape"),
      (try model(shape, corpus, lowercase: true), "way to cut text"),
      (try model(shape, swapped), "vocabulary"),
    ] {
      #expect(throws: AveragingError.unlike(model: 3, what: what)) {
        try TranslationModel.average([first, first, other])
      }
    }
  }
}

import Foundation
import Seq2Seq
import Testing

@Suite struct TrainTests {
  @Test func writesAModelFolder() throws {
    try Fixture.with(model: nil) { fixture in
      let outcome = try Command(fixture.train(["--dev", fixture.data, "--epochs", "2"])).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      let lines = outcome.output.split(separator: "\n")
      #expect(lines.map { $0.prefix(7) }.prefix(2) == ["epoch 1", "epoch 2"])
      #expect(lines.last == "model in \(fixture.model)")
      #expect(!outcome.error.contains("\r"), "a bar without a terminal")
      let files = try FileManager.default.contentsOfDirectory(atPath: fixture.model).sorted()
      #expect(
        files == [
          "config.json", "log.jsonl", "model.safetensors", "recipe.json", "source.vocabulary.json",
          "target.vocabulary.json", "training.safetensors", "training.svg",
        ])
    }
  }

  @Test func options() throws {
    try Fixture.with(model: nil) { fixture in
      let arguments = [
        "train", "--train", fixture.data, "--output", fixture.model, "--epochs", "1", "--quiet", "--score",
        "concat", "--cell", "gru", "--hidden", "6", "--embedding", "5", "--layers", "2", "--residual",
        "--unidirectional", "--reversed-source",
        "--no-input-feeding", "--dropout", "0.1", "--attention-dropout", "0.2", "--variational",
        "--recurrent-dropout", "0.2",
        "--initial-range", "0.08", "--max-length", "99", "--source-tokens", "words",
        "--target-tokens", "whitespace", "--lowercase",
      ]
      let outcome = try Command(arguments).run()
      #expect(outcome.status == 0)
      #expect(outcome.error.isEmpty)
      let model = try TranslationModel(contentsOf: URL(filePath: fixture.model))
      let source = Tokenization(.words, lowercase: true)
      let target = Tokenization(.whitespace, lowercase: true)
      let corpus = try ParallelCorpus(
        contentsOf: URL(filePath: fixture.data), source: source, target: target, maximumLength: 99)
      var shape = ModelConfiguration.luong(
        score: .concat, cell: .gru, layers: 2, residual: true, bidirectional: false, inputFeeding: false,
        embedding: 5,
        hidden: 6, dropout: 0.1, maximumLength: 99)
      (shape.reversedSource, shape.variational, shape.recurrentDropout) = (true, true, 0.2)
      shape.initialRange = 0.08
      shape.attentionDropout = 0.2
      let expected = try TranslationModel(shape, corpus: corpus, source: source, target: target, seed: 1)
      #expect(model.configuration == expected.configuration)
      #expect(model.network.parameters.allSatisfy { $0.tensor.elements.allSatisfy { abs($0) < 0.1 } })
      #expect(model.source == source)
      #expect(model.target == target)
    }
  }

  @Test func bahdanau() throws {
    try Fixture.with(model: nil) { fixture in
      let train = [
        "train", "--train", fixture.data, "--output", fixture.model, "--model", "bahdanau", "--hidden", "8",
        "--embedding", "4", "--layers", "2", "--residual", "--readout", "maxout", "--tied",
      ]
      let outcome = try Command(train + ["--epochs", "1"]).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error.contains("Bahdanau's model, 2 × 8 GRU, residual, bidirectional"))
      let folder = URL(filePath: fixture.model)
      let shape = try TranslationModel(contentsOf: folder).configuration
      #expect(shape.decoder == .bahdanau && shape.cell == .gru && shape.hidden == 8 && shape.layers == 2)
      #expect(shape.residual && shape.readout == .maxout && shape.tied)
      // It goes on, translates and shows what it looked at.
      #expect(try Command(train + ["--epochs", "2", "--resume"]).run().status == 0)
      let other = ["train", "--train", fixture.data, "--output", fixture.model, "--resume", "--epochs", "3"]
      let refused = try Command(other + ["--model", "luong"]).run()
      #expect(refused.status == 1)
      #expect(refused.error.contains("--model is luong, was bahdanau"))
      let aligned = try Command(["align", "--model", fixture.model, "--source", "1 May 2000"]).run()
      #expect(aligned.status == 0 && aligned.output.contains("M a y"), "\(aligned.error)")
    }
  }

  @Test func localAttention() throws {
    try Fixture.with(model: nil) { fixture in
      let window = ["--window", "local-p", "--radius", "3"]
      let outcome = try Command(fixture.train(window + ["--epochs", "1"])).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error.contains("Luong's model, score general, local-p ± 3, 1 × 8 LSTM"))
      let folder = URL(filePath: fixture.model)
      #expect(try TranslationModel(contentsOf: folder).configuration.window == .predictive(radius: 3))
      #expect(try Command(fixture.train(window + ["--epochs", "2", "--resume"])).run().status == 0)
      let other = ["--window", "local-m", "--radius", "2", "--epochs", "3", "--resume"]
      let refused = try Command(fixture.train(other)).run()
      #expect(refused.status == 1)
      #expect(refused.error.contains("--window is local-m, was local-p; --radius is 2, was 3"))
      let aligned = try Command(["align", "--model", fixture.model, "--source", "1 May 2000"]).run()
      #expect(aligned.status == 0 && aligned.output.contains("M a y"), "\(aligned.error)")
    }
  }

  /// What is too long to learn is told, and the model is that of the rest, also when the training goes on.
  /// By what the model may read, or by what is to be learnt alone.
  @Test(arguments: ["--max-length", "--longest-pair"]) func leavesOutLongPairs(option: String) throws {
    try Fixture.with(model: nil) { fixture in
      var lines = try String(contentsOfFile: fixture.data, encoding: .utf8).split(separator: "\n").map(
        String.init)
      lines.insert(String(repeating: "~", count: 61) + "\t2000", at: 16)
      let one = try fixture.file("one.tsv", Array(lines.joined(separator: "\n").utf8))
      lines.append("1 May\t" + String(repeating: "~", count: 77) + "\t" + String(repeating: "~", count: 62))
      let three = try fixture.file("three.tsv", Array(lines.joined(separator: "\n").utf8))
      func train(_ data: String, _ output: String, _ more: [String]) throws -> (error: String, weights: Data)
      {
        let folder = fixture.path(output)
        let files = ["train", "--train", data, "--output", folder, "--hidden", "8", "--embedding", "4"]
        let outcome = try Command(files + more).run()
        #expect(outcome.status == 0, "\(outcome.error)")
        return (outcome.error, try Data(contentsOf: URL(filePath: folder + "/model.safetensors")))
      }
      let limit = [option, "60"]
      let rest = try train(fixture.data, "rest", limit + ["--epochs", "2"])
      #expect(!rest.error.contains("left out"))

      let whole = try train(three, "whole", limit + ["--epochs", "2"])
      let told = "attend: left out 3 of 43 pairs, longer than 60 tokens, the first at \(three):17"
      #expect(
        whole.error.contains("40 pairs to learn\n\(told); \(option) 77 keeps them\n"), "\(whole.error)")
      #expect(whole.weights == rest.weights)

      let first = try train(one, "parts", limit + ["--epochs", "1"])
      #expect(
        first.error.contains(
          "left out 1 of 41 pairs, longer than 60 tokens, at \(one):17; \(option) 61 keeps it\n"))
      // The limit is the training's by then.
      let parts = try train(three, "parts", ["--epochs", "2", "--resume"])
      #expect(parts.error.contains("40 pairs to learn\n\(told)\n"), "\(parts.error)")
      #expect(parts.weights == rest.weights)
      let long = try fixture.file("long.tsv", Array((String(repeating: "~", count: 61) + "\t2000").utf8))
      let none = try Command(["train", "--train", long, "--output", fixture.path("parts"), "--resume"]).run()
      let whose = option == "--max-length" ? "this model takes" : "this training learns"
      #expect(none.status == 1)
      #expect(none.error.contains("than the 60 tokens that \(whose); "), "\(none.error)")
      #expect(none.error.contains("train a model with \(option) 61"))

      let all = try train(three, "all", [option, "77", "--epochs", "1"])
      #expect(all.error.contains("43 pairs to learn\n") && !all.error.contains("left out"))
      let quiet = try train(three, "quiet", limit + ["--epochs", "1", "--quiet"]).error
      #expect(quiet == "\(told); \(option) 77 keeps them\n")
    }
  }

  @Test func keepsAModelThatIsThere() throws {
    try Fixture.with { fixture in
      let file = URL(filePath: fixture.model).appending(path: "model.safetensors")
      let before = try Data(contentsOf: file)
      let outcome = try Command(fixture.train()).run()
      #expect(outcome.status == 1)
      #expect(outcome.error.contains("model: already holds a model; go on with it with --resume"))
      #expect(try Data(contentsOf: file) == before)
    }
  }

  @Test func resumingNeedsATraining() throws {
    try Fixture.with(model: nil) { fixture in
      let outcome = try Command(fixture.train(["--resume"])).run()
      #expect(outcome.status == 1)
      #expect(outcome.error.contains("model: holds no training to go on with; leave out --resume"))
    }
  }

  /// What is left of a training that was killed while it saved for the first time: its recipe, its log without an epoch, and some of the
  /// model's files. It begins again, with its options, whether or not it is asked to go on.
  @Test(arguments: 0...4, [false, true])
  func aFirstSaveThatWasCutShort(_ count: Int, _ resumes: Bool) throws {
    try Fixture.with(model: nil) { fixture in
      let options = ["--lowercase", "--cell", "gru", "--epochs", "2"]
      let (whole, part) = (fixture.path("whole"), fixture.path("part"))
      let trained = try Command(fixture.train(options, output: whole)).run()
      try #require(trained.status == 0, "\(trained.error)")
      let files = FileManager.default
      try files.createDirectory(atPath: part, withIntermediateDirectories: true)
      let saved = ["source.vocabulary.json", "target.vocabulary.json", "config.json", "model.safetensors"]
      for name in ["recipe.json"] + saved.prefix(count) {
        try files.copyItem(atPath: whole + "/" + name, toPath: part + "/" + name)
      }
      let log = try String(contentsOfFile: whole + "/log.jsonl", encoding: .utf8)
      let epoch = try #require(log.split(separator: "\n").first)
      // On resuming the recipe says the rest.
      let again =
        resumes
        ? ["train", "--train", fixture.data, "--output", part, "--resume"]
        : fixture.train(options, output: part)
      // A log with an epoch is of a training that had saved, of which more is missing than it can have been killed at.
      _ = try fixture.file("part/log.jsonl", Array((epoch + "\n").utf8))
      if count > 2 || resumes { #expect(try Command(again).run().status == 1) }
      _ = try fixture.file("part/log.jsonl", [])
      let outcome = try Command(again).run()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error.contains("part: its training had saved nothing yet, and begins again"))
      for name in ["model.safetensors", "config.json", "recipe.json"] {
        #expect(files.contentsEqual(atPath: whole + "/" + name, andPath: part + "/" + name), "\(name)")
      }
    }
  }

  @Test func resumingNamesWhatContradicts() throws {
    try Fixture.with { fixture in
      let files = ["--train", fixture.data, "--output", fixture.model]
      let resume = ["train", "--resume", "--epochs", "2"] + files
      let outcome = try Command(resume + ["--hidden", "16", "--embedding", "4", "--lowercase"]).run()
      #expect(outcome.status == 1)
      #expect(outcome.error.contains("--hidden is 16, was 8; --lowercase is true, was false"))
      #expect(!outcome.error.contains("--embedding"))
      #expect(try Command(resume).run().status == 0)
    }
  }

  /// The precision is told once: what goes on without it ends as one that never stopped, and not as in float32.
  @Test func precision() throws {
    try Fixture.with(model: nil) { fixture in
      func train(_ output: String, _ more: String...) throws -> (outcome: Command.Outcome, weights: Data?) {
        let outcome = try Command(fixture.train(more, output: fixture.path(output))).run()
        return (outcome, try? Data(contentsOf: URL(filePath: fixture.path(output + "/model.safetensors"))))
      }
      let plain = try train("plain", "--epochs", "2")
      let whole = try train("whole", "--epochs", "2", "--precision", "bfloat16")
      #expect(plain.outcome.status == 0 && whole.outcome.status == 0, "\(whole.outcome.error)")
      let first = try train("parts", "--epochs", "1", "--precision", "bfloat16")
      let refused = try train("parts", "--epochs", "2", "--resume", "--precision", "float32")
      #expect(refused.outcome.status == 1 && refused.weights == first.weights)
      #expect(refused.outcome.error.contains("--precision is float32, was bfloat16"))
      let parts = try train("parts", "--epochs", "2", "--resume")
      #expect(parts.outcome.status == 0, "\(parts.outcome.error)")
      #expect(parts.weights != nil && parts.weights == whole.weights && parts.weights != plain.weights)
      #expect(parts.outcome.error.contains(" parameters, in bfloat16\n"))
      #expect(plain.outcome.error.contains(" parameters\n"))
      let more = try train("parts", "--epochs", "3", "--resume", "--precision", "bfloat16")
      #expect(more.outcome.status == 0, "\(more.outcome.error)")
    }
  }

  @Test func resumingNeedsTheSameData() throws {
    try Fixture.with { fixture in
      let other = try fixture.file("other.tsv", Array("1 May 2000\t2000-05-01\n".utf8))
      let resume = ["train", "--output", fixture.model, "--resume", "--epochs", "2", "--train"]
      for data in [[other], [fixture.data, "--dev", other]] {
        let outcome = try Command(resume + data).run()
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("model/training.safetensors: was saved while training on other data"))
      }
    }
  }

  @Test func nothingLeftToDo() throws {
    try Fixture.with { fixture in
      let outcome = try Command(fixture.train(["--resume", "--epochs", "1"])).run()
      #expect(outcome.status == 0)
      #expect(outcome.error.contains("1 epoch done; ask for more with --epochs"))
    }
  }

  /// What a training that stopped for want of a gain is told to do makes it go on.
  @Test func waitsLongerForAGain() throws {
    try Fixture.with(model: nil) { fixture in
      // No step is large enough to change what is written.
      let still = ["--dev", fixture.data, "--rate", "1e-9", "--patience", "1", "--epochs", "5"]
      let first = try Command(fixture.train(still)).run()
      try #require(first.status == 0, "\(first.error)")
      let resume = ["--resume", "--dev", fixture.data]
      let stopped = try Command(fixture.train(resume + ["--epochs", "9"])).run()
      #expect(stopped.status == 0)
      #expect(
        stopped.error.contains(
          "2 epochs done, the last 1 without a gain; wait longer for one with --patience 2"),
        "\(stopped.error)")
      let longer = try Command(fixture.train(resume + ["--patience", "2"])).run()
      #expect(longer.status == 0 && longer.output.contains("epoch 3"), "\(longer.error)")
      #expect(!longer.output.contains("epoch 4"), "\(longer.output)")
      for (more, problem) in [
        (["--patience", "0", "--dev", fixture.data], "--patience is 0; expected at least 1"),
        (["--patience", "9", "--dev", fixture.data, "--rate", "1"], "--rate is 1, was 1e-09"),
      ] {
        let refused = try Command(fixture.train(["--resume"] + more)).run()
        #expect(refused.status == 1 && refused.error.contains(problem), "\(refused.error)")
      }
    }
  }

  /// Stopped in its first epoch by Ctrl-C, or later by SIGTERM, and taken up by the command that it prints, a training
  /// ends with the weights of one that was left alone.
  @Test(arguments: [("parameters", SIGINT), ("epoch 2 ", SIGTERM)])
  func interruptedAndResumedIsTheSame(_ moment: String, _ signal: Int32) throws {
    try Fixture.with(pairs: 2000, model: nil) { fixture in
      let more = ["--dev", fixture.data, "--epochs", "4", "--dropout", "0.1", "--batch", "16"]
      let whole = fixture.path("whole")
      try #require(try Command(fixture.train(more, output: whole)).run().status == 0)

      let running = try Running(Command(fixture.train(more)), in: fixture.folder)
      try running.wait(for: moment)
      kill(running.process.processIdentifier, signal)
      running.process.waitUntilExit()
      let stopped = try running.outcome()
      #expect(stopped.status == 130)
      let resume = try #require(stopped.notes.last?.split(separator: "go on with: ").last)
      #expect(resume.hasSuffix(" --resume"))
      #expect(stopped.notes.last?.hasPrefix("attend: interrupted and saved") == true)

      #expect(try shell(String(resume)).status == 0)
      for name in ["model.safetensors", "config.json", "source.vocabulary.json"] {
        let files = [whole, fixture.model].map { URL(filePath: $0).appending(path: name) }
        #expect(try Data(contentsOf: files[0]) == Data(contentsOf: files[1]), "\(name)")
      }
    }
  }

  /// Ctrl-C during the last epoch's judging comes too late to interrupt anything: nothing is left to resume.
  @Test func interruptedAfterTheLastBatch() throws {
    try Fixture.with(pairs: 2000, model: nil) { fixture in
      let line = try #require(
        String(contentsOfFile: fixture.data, encoding: .utf8).split(separator: "\n").first)
      let one = try fixture.file("one.tsv", Array((line + "\n").utf8))
      let arguments = [
        "train", "--train", one, "--dev", fixture.data, "--output", fixture.model, "--epochs", "1",
      ]
      // The epoch is one batch, which a signal does not cut short.
      let running = try Running(Command(arguments), in: fixture.folder)
      try running.wait(for: "parameters")
      kill(running.process.processIdentifier, SIGINT)
      running.process.waitUntilExit()
      let outcome = try running.outcome()
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.output.contains("kept epoch 1 of 1"))
      #expect(!outcome.error.contains("interrupted"))
    }
  }

  /// Once all is saved, Ctrl-C stops the command at once.
  @Test func interruptedAfterTheTraining() throws {
    try Fixture.with(model: nil) { fixture in
      let process = Command(fixture.train(["--epochs", "1", "--quiet"])).process()
      // A full pipe holds the command up where it tells what it made.
      let output = fullPipe()
      process.standardOutput = output
      process.standardError = FileHandle.nullDevice
      try process.run()
      while process.isRunning
        && !FileManager.default.fileExists(atPath: fixture.model + "/training.safetensors")
      {
        Thread.sleep(forTimeInterval: 0.01)
      }
      Thread.sleep(forTimeInterval: 1)
      kill(process.processIdentifier, SIGINT)
      let limit = Date(timeIntervalSinceNow: 10)
      while process.isRunning && Date() < limit { Thread.sleep(forTimeInterval: 0.01) }
      if process.isRunning { kill(process.processIdentifier, SIGKILL) }
      process.waitUntilExit()
      #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGINT)
    }
  }

  /// A pipe that takes nothing more until it is read.
  private func fullPipe() -> Pipe {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    let byte: [UInt8] = [0]
    while write(descriptor, byte, 1) == 1 {}
    _ = fcntl(descriptor, F_SETFL, flags)
    return pipe
  }
}

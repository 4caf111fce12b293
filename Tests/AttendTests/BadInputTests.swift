import Foundation
import Seq2Seq
import Testing

/// Every mistake gets one line with the file, the line and the remedy, and an exit status.
@Suite struct BadInputTests {
  struct BadFile: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]?
    let expected: [String]

    static let all = [
      BadFile(testDescription: "missing", bytes: nil, expected: ["bad.tsv: no such file", "check the path"]),
      BadFile(testDescription: "empty", bytes: [], expected: ["bad.tsv: holds no sentence", "write one"]),
      BadFile(
        testDescription: "no TAB", bytes: Array("a\tb\nno tab\n".utf8),
        expected: ["bad.tsv:2: no TAB", "write"]),
      BadFile(
        testDescription: "invalid UTF-8", bytes: Array("a\tb\nc\td\n".utf8) + [0xFF, 0x09, 0x61, 0x0A],
        expected: ["bad.tsv:3: not UTF-8", "iconv"]),
      BadFile(
        testDescription: "empty target", bytes: Array("a\t\n".utf8),
        expected: ["bad.tsv:1: the target holds no token", "fill it"]),
    ]
  }

  @Test(arguments: BadFile.all) func dataFile(_ bad: BadFile) throws {
    try Fixture.with { fixture in
      let file =
        try bad.bytes.map { try fixture.file("bad.tsv", $0) } ?? fixture.path("bad.tsv")
      let output = fixture.path("new")
      let commands = [
        ["train", "--train", file, "--output", output],
        ["train", "--train", fixture.data, "--dev", file, "--output", output],
        ["evaluate", "--model", fixture.model, "--data", file],
        ["evaluate", "--model", fixture.model, "--data", file, "--json"],
      ]
      for arguments in commands {
        let outcome = try Command(arguments).run()
        expectFailure(outcome, bad.expected)
        #expect(outcome.output.isEmpty)
      }
      #expect(!FileManager.default.fileExists(atPath: output), "a folder was made for nothing")
    }
  }

  /// What a model is judged by may not be too long, nor all that it is to learn.
  @Test func tooLong() throws {
    try Fixture.with { fixture in
      let file = try fixture.file("bad.tsv", Array((String(repeating: "x", count: 251) + "\ty\n").utf8))
      let output = fixture.path("new")
      let source = "bad.tsv:1: the source has 251 tokens, "
      let resume = ["--resume", "--epochs", "2"]
      for (arguments, expected) in [
        (
          ["train", "--train", fixture.data, "--dev", file, "--output", output],
          [source + "the limit is 250; ", "--max-length 251"]
        ),
        (
          ["train", "--train", file, "--output", output],
          ["bad.tsv: every pair is longer than 250 tokens; ", "raise the limit: --max-length 251 at least"]
        ),
        (
          ["train", "--train", fixture.data, "--output", output, "--longest-pair", "1"],
          ["data.tsv: every pair is longer than 1 token; ", "raise the limit: --longest-pair "]
        ),
        (
          ["train", "--train", file, "--output", output, "--longest-pair", "50"],
          ["longer than 50 tokens; ", "raise the limit: --max-length 251 --longest-pair 251 at least"]
        ),
        (
          fixture.train(["--dev", file] + resume),
          [source + "this model takes at most 250; ", "--max-length 251"]
        ),
        (
          ["train", "--train", file, "--output", fixture.model] + resume,
          ["bad.tsv: every pair is longer than the 250 tokens that this model takes; ", "--max-length 251"]
        ),
        (
          ["evaluate", "--model", fixture.model, "--data", file], [source + "this model takes at most 250; "]
        ),
      ] {
        let outcome = try Command(arguments).run()
        expectFailure(outcome, expected)
        #expect(outcome.output.isEmpty)
      }
      #expect(!FileManager.default.fileExists(atPath: output), "a folder was made for nothing")
    }
  }

  @Test(arguments: [
    (["--score", "sine"], "The value 'sine' is invalid for '--score"),
    (
      ["--score", "dot", "--score-temperature", "0.5"],
      "--score-temperature is 0.5; expected 1 but for the score cosine"
    ),
    (
      ["--score", "location", "--window", "local-m"],
      "--window is local-m with radius 10; expected none with the score"
    ),
    (["--cell", "elman"], "'gru-reset-before'"),
    (["--model", "transformer"], "'luong', 'bahdanau' or 'plain'"),
    (["--source-tokens", "bytes"], "'characters', 'whitespace' or 'words'"),
    (["--hidden", "7"], "--hidden is 7; expected an even number"),
    (["--hidden", "ten"], "--hidden"),
    (["--layers", "0"], "--layers is 0; expected 1 to 64"),
    (["--residual"], "--residual is between layers, and there is one; take --layers 2, or leave"),
    (["--dropout", "1"], "--dropout is 1.0; expected at least 0 and less than 1"),
    (["--dropout", "nan"], "--dropout is nan"),
    (["--attention-dropout", "1"], "--attention-dropout is 1.0; expected at least 0 and less than 1"),
    (["--batch", "0"], "--batch is 0; expected 1 to"),
    (["--rate", "-1"], "--rate"),
    (["--batch", "5", "--batch-tokens", "600"], "--batch and --batch-tokens both say how large a batch is"),
    (["--batch-tokens", "0"], "--batch-tokens is 0; expected 1 to"),
    (["--accumulate", "0"], "--accumulate is 0; expected 1 to"),
    (["--optimizer", "adagrad"], "'adam', 'adamw', 'adadelta' or 'sgd'"),
    (["--momentum", "0.5"], "--momentum is 0.5; expected 0 but for sgd"),
    (
      ["--weight-decay", "0.5"],
      "--weight-decay is 0.5; expected 0 with adam; adamw, adadelta and sgd have it"
    ),
    (["--schedule", "square"], "'square' is invalid for '--schedule"),
    (["--schedule", "noam"], "--warmup is 0; expected 1 to 1000000000 with noam"),
    (["--rate-decay", "0"], "--rate-decay is 0.0; expected more than 0, at most 1"),
    (
      ["--rate-decay", "0.5", "--schedule", "noam", "--warmup", "9"],
      "--rate-decay has no part in --schedule noam"
    ),
    (["--decay-start", "2"], "--decay-start has no part in --schedule plateau; leave it out"),
    (["--decay-every", "2", "--schedule", "constant"], "--decay-every has no part in --schedule constant"),
    (["--decay-every", "0"], "--decay-every is 0.0; expected a positive number of epochs"),
    (["--average-decay", "1"], "--average-decay is 1.0; expected at least 0, less than 1"),
    (["--dev-beam", "0"], "--dev-beam is 0; expected 1 to 1000"),
    (["--best-by", "luck"], "'bleu' or 'cross-entropy'"),
    (["--preset", "luong-2016"], "'luong-2016' is invalid for '--preset"),
    (["--scheduled-sampling", "sudden"], "'linear', 'exponential' or 'inverse-sigmoid'"),
    (
      ["--scheduled-sampling", "exponential", "--sampling-k", "1"],
      "--sampling-k is 1.0; expected more than 0"
    ),
    (["--sampling-k", "5"], "--sampling-k needs --scheduled-sampling"),
    (["--log-every", "0"], "--log-every is 0; expected at least 1"),
    (["--keep-epochs", "-1"], "--keep-epochs"),
    (["--clip", "0"], "--clip is 0.0; expected a positive number"),
    (["--label-smoothing", "1"], "--label-smoothing is 1.0; expected at least 0, less than 1"),
    (["--precision", "int8"], "Please provide one of 'float32' and 'bfloat16'"),
    (["--patience", "0"], "--patience is 0; expected at least 1"),
    (["--max-length", "0"], "--max-length is 0; expected 1 to"),
    (["--longest-pair", "0"], "--longest-pair is 0; expected at least 1"),
    (["--epochs", "0"], "--epochs is 0; expected at least 1"),
    (["--threads", "0"], "--threads is 0; expected 1 to 1024"),
    (["--model", "plain", "--score", "dot"], "--score needs attention"),
    (["--model", "plain", "--window", "global"], "--window needs attention"),
    (["--window", "local"], "'global', 'local-m' or 'local-p'"),
    (["--window", "local-p", "--radius", "0"], "--radius is 0; expected 1 to 1000000"),
    (["--window", "global", "--radius", "5"], "--radius is that of a local window; add --window local-m"),
    (
      ["--model", "bahdanau", "--score", "dot"],
      "--score is dot; expected concat or normed-concat in Bahdanau's"
    ),
    (["--model", "bahdanau", "--unidirectional"], "--unidirectional: Bahdanau's encoder reads in both"),
    (["--model", "bahdanau", "--no-input-feeding"], "--no-input-feeding: Bahdanau's decoder is fed"),
    (["--readout", "maxout"], "--readout is maxout; expected tanh in Luong's model"),
    (
      ["--model", "bahdanau", "--readout", "maxout", "--hidden", "7"],
      "--hidden is 7; expected an even number (maxout reads pairs)"
    ),
    (["--variational"], "--variational is true; expected false without dropout"),
    (["--recurrent-dropout", "1"], "--recurrent-dropout is 1.0; expected at least 0 and less than 1"),
    (["--initial-range", "0"], "--initial-range is 0.0; expected a positive number"),
    (["--tied"], "--embedding is 64; expected 128 with tied embeddings"),
    (["--min-count", "0"], "--min-count is 0; expected at least 1"),
    (["--source-vocabulary", "3"], "--source-vocabulary is 3; expected at least 4, 3 of them reserved"),
    (["--target-vocabulary", "0"], "--target-vocabulary is 0; expected at least 4, 3 of them reserved"),
    (["--colour", "red"], "--colour"),
    (["--patience", "3"], "--patience is about how well dev examples do; name some with --dev"),
    (["--schedule", "plateau"], "--schedule plateau is about how well"),
    (["--rate-decay", "0.3"], "--rate-decay is about how well"),
    (["--best-by", "bleu"], "--best-by is about how well"),
    (["--dev-beam", "2"], "--dev-beam is about how well"),
  ])
  func optionValue(_ arguments: [String], _ expected: String) throws {
    try Fixture.with(model: nil) { fixture in
      let train = ["train", "--train", fixture.data, "--output", fixture.model] + arguments
      let outcome = try Command(train).run()
      #expect(outcome.status == 64)
      #expect(outcome.notes.first?.contains(expected) == true, "\(outcome.error)")
      #expect(outcome.notes.first?.hasPrefix("Error: ") == true)
      #expect(outcome.error.contains("attend train --help"))
    }
  }

  @Test(arguments: [
    (["--beam", "0"], "--beam is 0; expected 1 to 1000"), (["--n-best", "0"], "expected"),
    (["--n-best", "3", "--beam", "2"], "--beam 3"),
    (["--length-penalty", "nan"], "--length-penalty is nan; expected a number of at least 0"),
    (["--coverage-penalty", "inf"], "--coverage-penalty is inf; expected a number of at least 0"),
    (["--max-output", "0"], "--max-output is 0; expected at least 1"),
    (["--sample", "--beam", "2"], "--beam searches and --sample draws"),
    (["--temperature", "2"], "--temperature needs --sample"), (["--seed", "2"], "--seed needs --sample"),
    (["--sample", "--temperature", "0"], "--temperature is 0.0; expected a positive number"),
    (["--sample", "--top-k", "0"], "--top-k is 0; expected at least 1"),
    (["--sample", "--top-p", "1.5"], "--top-p is 1.5; expected more than 0 and at most 1"),
    (["--sample", "--n-best", "1001"], "--n-best is 1001; expected 1 to 1000"),
    (["--dictionary", "words.tsv"], "--dictionary needs --copy-unknown"),
  ])
  func decoding(_ arguments: [String], _ expected: String) throws {
    let outcome = try Command(["translate", "--model", "none"] + arguments).run()
    #expect(outcome.status == 64)
    #expect(outcome.notes.first?.contains(expected) == true, "\(outcome.error)")
  }

  enum Damage: String, CaseIterable, Sendable {
    case noFolder, noConfiguration, noWeights, noVocabulary
    case tornWeights, tornConfiguration, tornVocabulary, otherWeights, otherVocabulary, nanWeights

    /// Does the damage and returns the name of the file that a reader must name.
    func happen(to model: URL, other: URL) throws -> String {
      let name =
        switch self {
        case .noFolder, .noConfiguration, .tornConfiguration: "config.json"
        case .noWeights, .tornWeights, .otherWeights, .nanWeights: "model.safetensors"
        case .noVocabulary, .tornVocabulary, .otherVocabulary: "target.vocabulary.json"
        }
      let file = model.appending(path: name)
      switch self {
      case .noFolder: try FileManager.default.removeItem(at: model)
      case .noConfiguration, .noWeights, .noVocabulary: try FileManager.default.removeItem(at: file)
      case .tornWeights, .tornConfiguration, .tornVocabulary:
        let bytes = try Data(contentsOf: file)
        try bytes.prefix(bytes.count / 2).write(to: file)
      case .otherWeights, .otherVocabulary:
        try Data(contentsOf: other.appending(path: name)).write(to: file)
      case .nanWeights:
        var weights = try Safetensors(contentsOf: file)
        for name in weights.tensors.keys {
          weights.tensors[name]?.withUnsafeMutablePointer { $0[0] = .nan }
        }
        try weights.write(to: file)
      }
      return name
    }
  }

  @Test(arguments: Damage.allCases) func modelFolder(_ damage: Damage) throws {
    try Fixture.with { fixture in
      let words = try fixture.file("words.tsv", Array("a b\tc d\n".utf8))
      let other = fixture.path("other")
      let trained = try attend("train", "--train", words, "--output", other, "--epochs", "1", "--hidden", "4")
      try #require(trained.status == 0, "\(trained.error)")
      let name = try damage.happen(to: URL(filePath: fixture.model), other: URL(filePath: other))
      for command in [
        ["translate"], ["evaluate", "--data", fixture.data], ["align", "--source", "1 May 2000"],
      ] {
        let arguments = command + ["--model", fixture.model]
        expectFailure(try Command(arguments).run(input: Data("1 May 2000\n".utf8)), ["model/\(name)"])
      }
    }
  }

  @Test func modelThatIsAFile() throws {
    try Fixture.with(model: nil) { fixture in
      for command in [
        ["translate"], ["score"], ["evaluate", "--data", fixture.data], ["align", "--source", "1 May 2000"],
        ["average", "--output", fixture.path("average")],
      ] {
        expectFailure(
          try Command(command + ["--model", fixture.data]).run(),
          ["data.tsv: a file, and no model; a model is a folder with config.json"])
      }
    }
  }

  @Test func pictureInAFolderThatIsNot() throws {
    try Fixture.with { fixture in
      let output = fixture.path("none/picture.svg")
      let outcome = try attend(
        "align", "--model", fixture.model, "--source", "1 May 2000", "--output", output)
      expectFailure(outcome, ["none/picture.svg: cannot be written", "make its folder, or choose another"])
      #expect(!outcome.error.contains("room"))
    }
  }

  @Test func folderThatCannotBeWritten() throws {
    try Fixture.with(model: nil) { fixture in
      let below = fixture.data + "/model"
      expectFailure(
        try Command(fixture.train(output: below)).run(), ["data.tsv/model: cannot be written", "choose"])
      expectFailure(try attend("demo", "--output", below), ["data.tsv/model: cannot be written", "choose"])
    }
  }

  @Test(arguments: [
    ["info"], ["demo"], ["train", "--train", "none", "--output", "none"], ["translate", "--model", "none"],
    ["evaluate", "--model", "none", "--data", "none"], ["align", "--model", "none", "--source", "none"],
  ])
  func instructionSet(_ arguments: [String]) throws {
    let outcome = try Command(arguments, environment: ["CKERNELS_ISA": "sse9"]).run()
    expectFailure(outcome, ["CKERNELS_ISA", "scalar"])
  }

  @Test(arguments: ["", "abc", "-1", "1.5", "100000", "2,"])
  func threadsOfTheEnvironment(_ value: String) throws {
    let outcome = try Command(["info"], environment: ["OMP_NUM_THREADS": value]).run()
    expectFailure(outcome, ["OMP_NUM_THREADS is '\(value)'", "1 to 1024"])
  }

  /// One line `attend: …` as the last on standard error, and the exit status 1.
  private func expectFailure(
    _ outcome: Command.Outcome, _ expected: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let line = outcome.notes.last ?? ""
    #expect(outcome.status == 1, sourceLocation: sourceLocation)
    #expect(line.hasPrefix("attend: "), "\(outcome.error)", sourceLocation: sourceLocation)
    #expect(outcome.notes.filter { $0.hasPrefix("attend: ") }.count == 1, sourceLocation: sourceLocation)
    for part in expected {
      #expect(line.contains(part), "'\(part)' is not in: \(outcome.error)", sourceLocation: sourceLocation)
    }
  }
}

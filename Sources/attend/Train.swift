import ArgumentParser
import Foundation
import Seq2Seq

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on pairs of sentences.",
    discussion: """
      The files are UTF-8 text, a line 'source TAB target [TAB further accepted targets]'. After every epoch the best \
      model so far and the state of the training are saved. Ctrl-C saves too, and prints the command that goes on.
      """)

  @Option(help: "The pairs to learn.", completion: .file())
  var train: String
  @Option(help: "Pairs to judge every epoch by; the best one's model is kept.", completion: .file())
  var dev: String?
  @Option(help: "The folder for the model.", completion: .directory)
  var output: String
  @Flag(help: "Go on with the training that the folder holds, with its options.")
  var resume = false
  @Flag(help: "Print the result only.")
  var quiet = false
  @OptionGroup(title: "Model and training") var arguments: TrainingArguments
  @OptionGroup var runtime: RuntimeArguments

  func validate() throws {
    for (option, path) in [("--train", train), ("--output", output), ("--dev", dev ?? "-")] where path.isEmpty
    {
      throw ValidationError("\(option) is empty; name a file or folder")
    }
    guard arguments.epochs >= 1 else {
      throw ValidationError("--epochs is \(arguments.epochs); expected at least 1")
    }
  }

  func run() throws {
    try runtime.apply()
    let place = ModelFolder(folder)
    let trainer = try resume ? resumed(place) : fresh(place)
    try place.prepare()
    let (trained, epochs) = (trainer.reports.count, arguments.epochs)
    guard trained < epochs && !trainer.shouldStop else {
      return Console.note(
        "attend: nothing to do: \(Format.count(trained, "epoch")) done"
          + (trainer.shouldStop ? ", the last \(trainer.epochsWithoutGain) without a gain" : "")
          + "; ask for more with --epochs, or train into another folder")
    }
    var run = TrainingRun(trainer, folder: folder, epochs: epochs, quiet: quiet)
    if !quiet { Console.note(Reports.line(trainer.model)) }
    switch try run.run() {
    case .finished: try finish(run.trainer)
    case .interrupted: throw interrupted(resuming: Array(CommandLine.arguments.dropFirst()))
    }
  }

  private var folder: URL { URL(fileURLWithPath: output) }

  private func fresh(_ place: ModelFolder) throws -> Trainer {
    guard !place.holdsModel else {
      throw CommandError(
        "\(folder.path): already holds a model; "
          + (place.holdsTraining
            ? "go on with it with --resume, or choose another folder"
            : "choose another folder, or delete this one (it holds no training to go on with)"))
    }
    let learn = try corpus(train)
    let development = try dev.map(corpus)
    let model = try TranslationModel(
      arguments.configuration, corpus: learn, source: arguments.source, target: arguments.target,
      seed: arguments.options.seed)
    describe(model, learn, development)
    return try Trainer(model, corpus: learn, development: development, options: arguments.options)
  }

  private func corpus(_ path: String) throws -> ParallelCorpus {
    try ParallelCorpus(
      contentsOf: URL(fileURLWithPath: path), source: arguments.source, target: arguments.target,
      maximumLength: arguments.configuration.maximumLength)
  }

  private func resumed(_ place: ModelFolder) throws -> Trainer {
    guard place.holdsTraining else {
      throw CommandError(
        "\(folder.path): holds no training to go on with; "
          + (place.holdsModel
            ? "choose another folder, or delete this one, and leave out --resume"
            : "leave out --resume to start one"))
    }
    let model = try TranslationModel(contentsOf: folder)
    let corpus = try Reports.corpus(train, for: model)
    let development = try dev.map { try Reports.corpus($0, for: model) }
    let trainer = try Trainer(resuming: folder, corpus: corpus, development: development)
    let contradictions = arguments.contradictions(trainer)
    guard contradictions.isEmpty else {
      throw CommandError(
        "\(folder.path): was started with other options: \(contradictions.joined(separator: "; ")); "
          + "leave these out, or train into another folder")
    }
    describe(model, corpus, development)
    return trainer
  }

  private func describe(_ model: TranslationModel, _ corpus: ParallelCorpus, _ development: ParallelCorpus?) {
    guard !quiet else { return }
    let learn = "\(Format.count(corpus.pairs.count, "pair")) to learn"
    guard let development, let dev else { return Console.note(learn) }
    Console.note("\(learn), \(Format.count(development.examples.count, "example")) to judge by")
    Reports.noteUnknown(development.examples, model, in: dev)
  }

  private func finish(_ trainer: Trainer) throws {
    let best = trainer.reports.last { $0.isBest }
    if let best, let development = best.development {
      try Console.print(
        "kept epoch \(best.epoch) of \(trainer.reports.count): dev exact "
          + "\(Format.percent(development.exactMatch)), dev token errors "
          + "\(Format.percent(development.tokenErrorRate))")
    }
    try Console.print("model in \(output)")
  }
}

/// Says how a training that was saved goes on. Returns what to leave the command with, as a shell does after Ctrl-C.
func interrupted(resuming arguments: [String]) -> ExitCode {
  let resume = arguments.contains("--resume") ? [] : ["--resume"]
  Console.note("attend: interrupted and saved; go on with: \(Format.command(arguments + resume))")
  return ExitCode(130)
}

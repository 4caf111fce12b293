import ArgumentParser
import Foundation
import Seq2Seq

struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model on pairs of sentences.",
    discussion: """
      The files are UTF-8 text, a line 'source TAB target [TAB further accepted targets]'. Pairs to learn with more than \
      --longest-pair tokens on a side are left out, and counted; pairs to judge by may have up to --max-length. After every epoch the best \
      model so far and the state of the training are saved. Ctrl-C saves too, and prints the command that goes on.
      """)

  @Option(help: "The pairs to learn.", completion: .file())
  var train: String
  @Option(
    help: """
      Pairs to judge every epoch by; the best one's model is kept. Without them the last one's, and no rate falls \
      nor training ends for what was judged.
      """, completion: .file())
  var dev: String?
  @Option(help: "The folder for the model.", completion: .directory)
  var output: String
  @Option(help: ArgumentHelp("Updates from one line of log.jsonl to the next.", valueName: "n"))
  var logEvery = 100
  @Option(
    help: ArgumentHelp(
      "Keep the models of the last epochs as folders too, for attend average.", valueName: "n"))
  var keepEpochs = 0
  @Flag(
    help:
      """
      Go on with the training that the folder holds, with its options but for --log-every and --keep-epochs; with one that had saved \
      nothing, from its start.
      """
  )
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
    guard logEvery >= 1 else { throw ValidationError("--log-every is \(logEvery); expected at least 1") }
    guard keepEpochs >= 0 else {
      throw ValidationError("--keep-epochs is \(keepEpochs); expected at least 0")
    }
    // A file is read when the command runs, and what is laid over a saved training is compared with it.
    if !resume && arguments.config == nil && !arguments.text.namesFiles,
      let problem = problem(in: try arguments.recipe(over: Recipe()))
    {
      throw ValidationError(problem)
    }
  }

  /// What is wrong with a recipe that the options made, for the data that they name; nil if nothing is.
  private func problem(in recipe: Recipe) -> String? {
    if let problem = arguments.problem(in: recipe) { return problem }
    guard dev == nil, let option = arguments.judging(recipe) else { return nil }
    return "\(option) is about how well dev examples do; name some with --dev, or leave it out"
  }

  func run() throws {
    try runtime.apply()
    let place = ModelFolder(folder)
    let (trainer, recipe) = try resume && !place.holdsUnsavedTraining ? resumed(place) : fresh(place)
    try place.prepare()
    let trained = trainer.reports.count
    guard trained < recipe.epochs && !trainer.shouldStop else {
      return Console.note(
        "attend: nothing to do: \(Format.count(trained, "epoch")) done\(Self.reason(trainer)), or train into another folder"
      )
    }
    try recipe.write(to: folder.appending(path: Recipe.file))
    var run = TrainingRun(trainer, folder: folder, epochs: recipe.epochs, quiet: quiet)
    (run.logEvery, run.keepEpochs) = (logEvery, keepEpochs)
    if !quiet { Console.note(Reports.line(trainer.model, training: recipe.training.precision)) }
    switch try run.run() {
    case .finished: try finish(run.trainer)
    case .interrupted: throw interrupted(resuming: Array(CommandLine.arguments.dropFirst()))
    }
  }

  /// Why there is nothing to do, and what could be done.
  private static func reason(_ trainer: Trainer) -> String {
    if trainer.isScheduleOver { return ", the rate has come to its end; leave it at that" }
    guard trainer.shouldStop else { return "; ask for more with --epochs" }
    let (without, patience) = (trainer.epochsWithoutGain, trainer.patience ?? 0)
    return
      ", the last \(without) without a gain; wait longer for one with --patience \(2 * max(without, patience))"
  }

  private var folder: URL { URL(fileURLWithPath: output) }

  private func fresh(_ place: ModelFolder) throws -> (Trainer, Recipe) {
    guard !place.holdsModel else {
      throw CommandError(
        "\(folder.path): already holds a model; "
          + (place.holdsTraining
            ? "go on with it with --resume, or choose another folder"
            : "choose another folder, or delete this one (it holds no training to go on with)"))
    }
    if place.holdsUnsavedTraining {
      Console.note("attend: \(folder.path): its training had saved nothing yet, and begins again")
    }
    let recipe = try arguments.recipe(over: resume ? told(by: folder.appending(path: Recipe.file)) : Recipe())
    if let problem = problem(in: recipe) { throw CommandError(problem) }
    func corpus(_ path: String, _ limit: Int, _ longPairs: ParallelCorpus.LongPairs) throws -> ParallelCorpus
    {
      try ParallelCorpus(
        contentsOf: URL(fileURLWithPath: path), source: recipe.source, target: recipe.target,
        maximumLength: limit, longPairs: longPairs)
    }
    let learn: ParallelCorpus
    do {
      learn = try corpus(train, recipe.learntLength, .leaveOut)
    } catch CorpusError.allTooLong(let file, let shortest, let limit) {
      throw CommandError(
        "\(file): every pair is longer than \(Format.count(limit, "token")); shorten them, or raise the limit: "
          + "\(recipe.options(learning: shortest)) at least")
    }
    let development: ParallelCorpus?
    do {
      development = try dev.map { try corpus($0, recipe.model.maximumLength, .refuse) }
    } catch let error as CorpusError {
      guard case .tooLong(_, _, _, let length, _) = error else { throw error }
      throw CommandError("\(error): --max-length \(length)")
    }
    let model = try TranslationModel(
      recipe.model, corpus: learn, source: recipe.source, target: recipe.target, limits: recipe.vocabulary,
      seed: recipe.training.seed)
    for (side, vocabulary, limits) in [
      ("source", model.sourceVocabulary, recipe.vocabulary.source),
      ("target", model.targetVocabulary, recipe.vocabulary.target),
    ] where vocabulary.count == Vocabulary.reserved.count {
      throw CommandError(
        "\(train): no token of the \(side) stands there \(Format.count(limits.minimumCount, "time")); "
          + "take a smaller --min-count")
    }
    describe(model, learn, development)
    Reports.noteLeftOut(
      learn, of: train, remedy: learn.leftOut.map { recipe.options(learning: $0.lengths.upperBound) })
    return (try Trainer(model, corpus: learn, development: development, options: recipe.training), recipe)
  }

  private func resumed(_ place: ModelFolder) throws -> (Trainer, Recipe) {
    guard place.holdsTraining else {
      throw CommandError(
        "\(folder.path): holds no training to go on with; "
          + (place.holdsModel
            ? "choose another folder, or delete this one, and leave out --resume"
            : "leave out --resume to start one"))
    }
    let model = try TranslationModel(contentsOf: folder)
    var saved = try told(by: folder.appending(path: Recipe.file))
    (saved.model, saved.source, saved.target) = (model.configuration, model.source, model.target)
    let corpus = try Reports.corpus(train, toLearnBy: model, limit: saved.learntLength)
    let development = try dev.map { try Reports.corpus($0, for: model) }
    var trainer = try Trainer(resuming: folder, corpus: corpus, development: development)
    saved.training = trainer.options
    let recipe = try arguments.recipe(over: saved)
    let contradictions = arguments.contradictions(recipe, saved)
    guard contradictions.isEmpty else {
      throw CommandError(
        "\(folder.path): was started with other options: \(contradictions.joined(separator: "; ")); "
          + "leave these out, or train into another folder")
    }
    if let problem = problem(in: recipe) { throw CommandError(problem) }
    trainer.patience = recipe.training.patience
    describe(model, corpus, development)
    Reports.noteLeftOut(corpus, of: train)
    return (trainer, recipe)
  }

  /// What the training was told; the usual where it left no recipe, as the demo's does.
  private func told(by file: URL) throws -> Recipe {
    let usual = Recipe()
    guard FileManager.default.fileExists(atPath: file.path) else { return usual }
    return try usual.laying(contentsOf: file)
  }

  private func describe(_ model: TranslationModel, _ corpus: ParallelCorpus, _ development: ParallelCorpus?) {
    let learn = "\(Format.count(corpus.pairs.count, "pair")) to learn"
    let judge = development.map { ", \(Format.count($0.examples.count, "example")) to judge by" } ?? ""
    if !quiet { Console.note(learn + judge) }
    if !quiet, let development, let dev { Reports.noteUnknown(development.examples, model, in: dev) }
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

extension Recipe {
  /// The options with which pairs of so many tokens are learnt, where they are not.
  fileprivate func options(learning length: Int) -> String {
    [("--max-length", model.maximumLength), ("--longest-pair", longestPair ?? .max)].filter { $0.1 < length }
      .map { "\($0.0) \(length)" }.joined(separator: " ")
  }
}

/// Says how a training that was saved goes on. Returns what to leave the command with, as a shell does after Ctrl-C.
func interrupted(resuming arguments: [String]) -> ExitCode {
  let resume = arguments.contains("--resume") ? [] : ["--resume"]
  Console.note("attend: interrupted and saved; go on with: \(Format.command(arguments + resume))")
  return ExitCode(130)
}

import ArgumentParser
import Attention
import Foundation
import Seq2Seq

struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch a model learn to read dates, in about a minute.",
    discussion: """
      Makes dates as people write them with their ISO forms, trains a model on 10,000 while 300 more tell when \
      to stop, tries it on 1,000 that it never saw, and draws what it looked at. The data, the model and the picture stay \
      in the output folder, which must be new, empty or an earlier demo's.
      """)

  @Option(help: "The folder for data, model and picture.", completion: .directory)
  var output = "attend-demo"
  @Option(help: ArgumentHelp("Decides the dates, the weights and the order.", valueName: "n"))
  var seed: UInt64 = 1
  @Flag(help: "Print the result only.")
  var quiet = false
  @OptionGroup var runtime: RuntimeArguments

  func run() throws {
    try runtime.apply()
    let files = DemoFiles(output)
    try ModelFolder(files.folder).prepare()
    try files.claim()
    let dates = try DateCorpus.make(
      training: DemoSettings.learnt + DemoSettings.development, held: DemoSettings.held, seed: seed)
    try files.write(dates)
    try introduce(dates)
    let model = try train(files)
    let held = try corpus(files.held).examples
    try judge(model, held)
    let sample = Self.sample(held, model)
    try draw(sample, model, files)
    try sayWhatNext(sample, files)
  }

  private func introduce(_ dates: DateCorpus) throws {
    guard !quiet else { return }
    try Console.print("Dates as people write them, and their ISO form, which the model is to write:\n")
    for pair in dates.training.prefix(5) { try Console.print(Self.row(pair.source, pair.target)) }
    let counts = [DemoSettings.learnt, DemoSettings.development, DemoSettings.held].map { Format.count($0) }
    try Console.print(
      "\n\(counts[0]) to learn, \(counts[1]) to tell when to stop, \(counts[2]) held out.")
  }

  private func corpus(_ file: URL) throws -> ParallelCorpus {
    try ParallelCorpus(
      contentsOf: file, source: .characters, target: .characters,
      maximumLength: DemoSettings.model.maximumLength)
  }

  /// Trains until the model is good enough or the time is over.
  private func train(_ files: DemoFiles) throws -> TranslationModel {
    let learn = try corpus(files.train)
    let model = try TranslationModel(
      DemoSettings.model, corpus: learn, source: .characters, target: .characters, seed: seed)
    let trainer = try Trainer(
      model, corpus: learn, development: corpus(files.dev), options: DemoSettings.training(seed: seed))
    var run = TrainingRun(trainer, folder: files.model, epochs: DemoSettings.epochs, quiet: quiet)
    if !quiet {
      let threads = Format.count(KernelRuntime.threads, "thread")
      try Console.print("\(Reports.line(model)); \(threads), \(KernelRuntime.instructionSet)\n")
    }
    let clock = ContinuousClock()
    let begin = clock.now
    run.deadline = begin + DemoSettings.limit
    var hasLearnt = false
    let outcome = try run.run { reports in
      let elapsed = clock.now - begin
      let last = reports.suffix(DemoSettings.inARow).compactMap { $0.development?.exactMatch }
      hasLearnt = last.count == DemoSettings.inARow && last.allSatisfy { $0 >= DemoSettings.enough }
      return hasLearnt || elapsed + elapsed / reports.count > DemoSettings.budget
    }
    if outcome == .interrupted {
      throw interrupted(resuming: files.trainArguments + ["--epochs", "\(DemoSettings.epochs)"])
    }
    if !quiet {
      let seconds = Double((clock.now - begin).components.seconds)
      let end = hasLearnt ? "." : ", all the time that a demo takes; longer training makes fewer mistakes."
      try Console.print("\nTrained for \(Format.time(seconds))\(end)")
    }
    return run.model
  }
}

// MARK: - What came out

extension Demo {
  private func judge(_ model: TranslationModel, _ held: [ParallelCorpus.Example]) throws {
    let evaluation = try model.evaluate(held)
    if !quiet {
      let outputs = try model.translate(held.map { try model.read($0.source) })
        .map { try Reports.best($0).tokens }
      let judged = zip(held, outputs).map { (example: $0, output: $1, isRight: $0.targets.contains($1)) }
      try Console.print("\nHeld-out dates that came out right:")
      for row in judged.filter(\.isRight).prefix(5) {
        try Console.print(Self.row(row.example.source.joined(), row.output.joined()))
      }
      let wrong = judged.filter { !$0.isRight }
      try Console.print(wrong.isEmpty ? "None came out wrong." : "Held-out dates that came out wrong:")
      for row in wrong.prefix(5) {
        let expected = row.example.targets[0].joined()
        let line = Self.row(row.example.source.joined(), row.output.joined())
        try Console.print("\(line)   right: \(expected)")
      }
      try Console.print()
    }
    let right = Int((evaluation.exactMatch * Double(evaluation.examples)).rounded())
    try Console.print(
      "exact match on \(Format.count(evaluation.examples)) held-out dates: "
        + "\(Format.percent(evaluation.exactMatch)) (\(Format.count(right)) right)")
  }

  private static func row(_ source: String, _ target: String) -> String {
    "  \(source.padding(toLength: max(34, source.count), withPad: " ", startingAt: 0)) → \(target)"
  }

  /// A date whose words and figures stand in an order of their own: the longest that a terminal of 80 columns shows.
  private static func sample(_ held: [ParallelCorpus.Example], _ model: TranslationModel) -> String {
    let short = held.map(\.source).filter { $0.count <= 34 }
    return (short.max { $0.count < $1.count } ?? held[0].source).joined()
  }

  private func draw(_ sample: String, _ model: TranslationModel, _ files: DemoFiles) throws {
    let source = try model.read(sample)
    let hypothesis = try Reports.best(model.translate([source]).first ?? [])
    let picture = try model.picture(source, hypothesis)
    try AtomicFile.write(Data(picture.svg().utf8), to: files.picture)
    guard !quiet else { return }
    try Console.print(
      "\nWhat it looked at for each character that it wrote (\(files.path(files.picture))):\n")
    try Console.write(picture.terminal(colour: Console.isColoured))
  }

  private func sayWhatNext(_ sample: String, _ files: DemoFiles) throws {
    guard !quiet else { return }
    let model = ["--model", files.path(files.model)]
    try Console.print(
      """

      Try next:
        echo '3rd of May, 1987' | \(Format.command(["translate"] + model + ["--n-best", "3"]))
        \(Format.command(["align"] + model + ["--source", "3rd of May, 1987"]))
        \(Format.command(["evaluate"] + model + ["--data", files.path(files.held), "--beam", "5"]))
        \(Format.command(files.plainArguments))   # without attention, to compare
      """)
  }
}

import Foundation
import Seq2Seq

/// Trains epoch by epoch, shows the progress, and saves after every epoch and when it is asked to stop.
struct TrainingRun {
  enum Outcome { case finished, interrupted }

  private(set) var trainer: Trainer
  /// Where it saves.
  let folder: URL
  /// The most epochs, those of earlier runs included.
  let epochs: Int
  /// Neither progress nor a line an epoch.
  let quiet: Bool
  /// The updates from one line of the log to the next.
  var logEvery = 100
  /// The last epochs whose models stay in folders of their own.
  var keepEpochs = 0
  /// When to stop though an epoch is under way.
  var deadline: ContinuousClock.Instant?

  private var display: ProgressDisplay

  /// From here on, and until ``run(isEnough:)`` returns, Ctrl-C saves.
  init(_ trainer: Trainer, folder: URL, epochs: Int, quiet: Bool) {
    Interruption.watch()
    self.trainer = trainer
    self.folder = folder
    self.epochs = epochs
    self.quiet = quiet
    display = ProgressDisplay(quiet: quiet)
  }

  /// The best model so far; before the end of the first epoch the one under way.
  var model: TranslationModel { trainer.reports.isEmpty ? trainer.model : trainer.best }

  /// No epoch is left to train.
  private var isOver: Bool { trainer.reports.count >= epochs || trainer.shouldStop }

  /// - Parameter isEnough: asked after every epoch whether to stop
  mutating func run(isEnough: ([EpochReport]) -> Bool = { _ in false }) throws -> Outcome {
    // What the caller does next saves nothing, so Ctrl-C stops it.
    defer { Interruption.unwatch() }
    try ModelFolder(folder).prepare()
    let log = try TrainingLog(in: folder, after: trainer.updates, reports: trainer.reports)
    while !isOver {
      let report = try trainEpoch(log)
      try trainer.save(to: folder)
      if let report { try record(report, log) }
      if let report, !quiet { try Console.print(Reports.line(report)) }
      // Asked to stop after the last epoch, it has nothing to go on with.
      if Interruption.isPending && !isOver { return .interrupted }
      if report == nil || isEnough(trainer.reports) { break }
    }
    return .finished
  }

  /// What an epoch leaves behind beside the training itself.
  private func record(_ report: EpochReport, _ log: TrainingLog) throws {
    if let line = TrainingLog.Line(report) { try log.append(line) }
    let picture = TrainingPicture(trainer.reports).svg()
    try AtomicFile.write(Data(picture.utf8), to: folder.appending(path: TrainingPicture.file))
    guard keepEpochs > 0 else { return }
    func place(_ epoch: Int) -> URL { folder.appending(path: "epoch-\(epoch)", directoryHint: .isDirectory) }
    try trainer.judged.write(to: place(report.epoch))
    // Of an earlier run with more to keep there may be several.
    for epoch in 1..<max(report.epoch - keepEpochs + 1, 1) {
      try? FileManager.default.removeItem(at: place(epoch))
    }
  }

  private mutating func trainEpoch(_ log: TrainingLog) throws -> EpochReport? {
    let (clock, deadline, epochs, logEvery) = (ContinuousClock(), deadline, epochs, logEvery)
    var failure: (any Error)?
    var display = display
    defer {
      display.clear()
      self.display = display
    }
    let report = try trainer.trainEpoch { progress in
      display.show(
        "epoch \(progress.epoch)/\(epochs)", fraction: Double(progress.batch) / Double(progress.batches),
        details: Self.details(progress))
      if progress.updates % logEvery == 0 {
        do { try log.append(TrainingLog.Line(progress)) } catch { failure = error }
      }
      return failure == nil && !Interruption.isPending && (deadline.map { clock.now < $0 } ?? true)
    }
    if let failure { throw failure }
    return report
  }

  private static func details(_ progress: TrainingProgress) -> String {
    let loss = "loss \(Format.decimals(progress.loss, 4))"
    return "\(loss)  \(Format.speed(progress.tokensPerSecond))  \(Format.time(progress.secondsLeft)) left"
  }
}

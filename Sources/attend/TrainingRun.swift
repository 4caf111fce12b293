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
    while !isOver {
      let report = try trainEpoch()
      try trainer.save(to: folder)
      if let report, !quiet { try Console.print(Reports.line(report)) }
      // Asked to stop after the last epoch, it has nothing to go on with.
      if Interruption.isPending && !isOver { return .interrupted }
      if report == nil || isEnough(trainer.reports) { break }
    }
    return .finished
  }

  private mutating func trainEpoch() throws -> EpochReport? {
    let (clock, deadline, epochs) = (ContinuousClock(), deadline, epochs)
    var display = display
    defer {
      display.clear()
      self.display = display
    }
    return try trainer.trainEpoch { progress in
      display.show(
        "epoch \(progress.epoch)/\(epochs)", fraction: Double(progress.batch) / Double(progress.batches),
        details: Self.details(progress))
      return !Interruption.isPending && (deadline.map { clock.now < $0 } ?? true)
    }
  }

  private static func details(_ progress: TrainingProgress) -> String {
    let loss = "loss \(Format.decimals(progress.loss, 4))"
    return "\(loss)  \(Format.speed(progress.tokensPerSecond))  \(Format.time(progress.secondsLeft)) left"
  }
}

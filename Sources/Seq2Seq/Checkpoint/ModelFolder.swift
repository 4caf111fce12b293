import Foundation

/// A folder that a training will write, or has written, its model to.
public struct ModelFolder: Sendable {
  public let url: URL

  public init(_ url: URL) { self.url = url }

  /// Whether there is a model in it, or part of one; what ``holdsUnsavedTraining`` left is none.
  public var holdsModel: Bool {
    holdsTraining
      || (holds(TranslationModel.configurationFile) || holds(TranslationModel.weightsFile))
        && !holdsUnsavedTraining
  }

  /// Whether there is a training in it that ``Trainer/init(resuming:corpus:development:)`` can take up.
  public var holdsTraining: Bool { holds(Trainer.file) }

  /// Whether a training began in it that was stopped before its first save was whole: there is nothing to go on with and, whichever files that save
  /// had come to, nothing to lose. The log is there from a training's start, and tells of an epoch once it is saved.
  public var holdsUnsavedTraining: Bool {
    guard !holdsTraining && holds(TrainingLog.file) else { return false }
    let lines = try? TrainingLog.lines(of: url.appending(path: TrainingLog.file))
    return lines?.contains { $0.event == .epoch } == false
  }

  /// Makes the folder where it is missing, and proves that files can be written to it. To learn this only after the
  /// first epoch would be late.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``.
  public func prepare() throws(CheckpointError) {
    try make()
    let probe = url.appending(path: ".\(UUID().uuidString).probe")
    do {
      try AtomicFile.write(Data(), to: probe)
      unlink(probe.path)
    } catch {
      guard case .unwritable(_, let reason) = error else { throw error }
      throw .unwritable(file: url.path, reason: reason)
    }
  }

  /// Makes the folder, and those above it, where they are missing. Foundation's function does not tell the system's
  /// reason.
  func make() throws(CheckpointError) {
    var problem = makeLast()
    let above = url.absoluteURL.deletingLastPathComponent()
    if problem == ENOENT && above.path.count < url.path.count {
      try ModelFolder(above).make()
      problem = makeLast()
    }
    // What is there and no folder shows when a file is written to it.
    guard problem == 0 || problem == EEXIST else {
      throw .unwritable(file: url.path, reason: String(cString: strerror(problem)))
    }
  }

  /// Makes the folder alone. Returns 0 or the system's error number, taken before another call can change it.
  private func makeLast() -> Int32 {
    url.path.withCString { mkdir($0, 0o777) == 0 ? 0 : errno }
  }

  private func holds(_ file: String) -> Bool {
    FileManager.default.fileExists(atPath: url.appending(path: file).path)
  }
}

import Foundation

/// How a training went, line by line as JSON, for plots: a line an epoch, and one every so many updates.
///
/// A line is kept with the state of the training that it tells of: one that goes on from an earlier state drops the lines after
/// it, and so ends with the same lines as one that never stopped, but for times.
public struct TrainingLog: Sendable {
  /// The file's name in a model's folder.
  public static let file = "log.jsonl"

  /// One line.
  public struct Line: Codable, Sendable, Equatable {
    public enum Event: String, Codable, Sendable { case update, epoch }
    public let event: Event
    /// Counts from 1.
    public let epoch: Int
    /// The updates since the training began.
    public let update: Int
    /// Spent on training, in this epoch.
    public let seconds: Double
    /// Mean cross entropy in nats a token: of the update's pairs, or of the epoch's.
    public let loss: Double
    /// The size of the last step.
    public let rate: Float
    /// Before clipping: of the update, or the mean of the epoch's.
    public let gradientNorm: Double
    public let tokensPerSecond: Double
    /// The decoded development examples; of an epoch alone.
    public var development: Evaluation?
    /// No epoch before was better; of an epoch alone.
    public var isBest: Bool?

    /// An update that has just been made.
    public init(_ progress: TrainingProgress) {
      event = .update
      epoch = progress.epoch
      update = progress.updates
      seconds = progress.seconds
      loss = progress.updateLoss
      rate = progress.rate
      gradientNorm = progress.gradientNorm
      tokensPerSecond = progress.tokensPerSecond
    }

    /// An epoch that is over; nil for one that was saved before updates were counted.
    public init?(_ report: EpochReport) {
      guard let updates = report.updates, let norm = report.gradientNorm else { return nil }
      event = .epoch
      epoch = report.epoch
      update = updates
      seconds = report.seconds
      loss = report.loss
      rate = report.rate
      gradientNorm = norm
      tokensPerSecond = report.tokensPerSecond
      development = report.development
      isBest = report.isBest
    }
  }

  private let file: URL
  private let handle: FileHandle

  /// Opens the log of a model's folder, to go on after a number of updates.
  ///
  /// - Parameter reports: The epochs until then. Where the training was killed between saving one and its line, the line is added.
  /// - Throws: ``CheckpointError``, also for lines that are no log's.
  public init(in folder: URL, after updates: Int, reports: [EpochReport] = []) throws(CheckpointError) {
    file = folder.appending(path: Self.file)
    var lines = updates == 0 ? [] : try Self.lines(of: file).filter { $0.update <= updates }
    let known = Set(lines.lazy.filter { $0.event == .epoch }.map(\.epoch))
    lines += reports.filter { !known.contains($0.epoch) }.compactMap(Line.init)
    var kept = Data()
    for line in lines { kept += try Self.data(line, file) }
    try AtomicFile.write(kept, to: file)
    guard let handle = try? FileHandle(forWritingTo: file), (try? handle.seekToEnd()) != nil else {
      throw .unwritable(file: file.path, reason: "it cannot be opened")
    }
    self.handle = handle
  }

  /// Adds a line.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``.
  public func append(_ line: Line) throws(CheckpointError) {
    let data = try Self.data(line, file)
    do {
      try handle.write(contentsOf: data)
    } catch {
      throw .unwritable(file: file.path, reason: error.localizedDescription)
    }
  }

  /// The lines of a log; none where there is no file. A last line that a crash cut short is left out.
  ///
  /// - Throws: ``CheckpointError``.
  public static func lines(of file: URL) throws(CheckpointError) -> [Line] {
    guard FileManager.default.fileExists(atPath: file.path) else { return [] }
    let data = try CheckpointError.read(file)
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    var result: [Line] = []
    let whole = data.last == newline ? data : data.prefix((data.lastIndex(of: newline) ?? -1) + 1)
    for (index, line) in whole.split(separator: newline).enumerated() {
      do {
        result.append(try decoder.decode(Line.self, from: line))
      } catch {
        throw .malformed(file: file.path, problem: "line \(index + 1): \(CheckpointError.problem(error))")
      }
    }
    return result
  }

  private static let newline = UInt8(ascii: "\n")

  private static func data(_ line: Line, _ file: URL) throws(CheckpointError) -> Data {
    do {
      return try JSONEncoder.measurements().encode(line) + [newline]
    } catch {
      throw .unwritable(file: file.path, reason: CheckpointError.problem(error))
    }
  }
}

import Foundation

/// Dates as people write them, each with its ISO 8601 form: a small task on which a model can be seen to
/// learn to align.
///
/// Every spelling names one day. Numbers alone stand in the order day, month, year, unless the year stands
/// first with four digits; a year of two digits lies in 1950...2049, as all the dates do.
public struct DateCorpus: Sendable {
  public typealias Pair = (source: String, target: String)

  /// No day and no spelling of ``held`` stands here.
  public let training: [Pair]
  /// What a model is evaluated on.
  public let held: [Pair]

  /// The days from 1950-01-01 to 2049-12-31.
  private static let days = -7_305..<29_220

  /// Makes a corpus; the same arguments always make the same one.
  ///
  /// Each pair has a day of its own, so there are at most 36,525 pairs.
  ///
  /// - Throws: ``DateCorpusError`` when more pairs, or fewer than none, are asked for.
  public static func make(
    training: Int = 10_000, held: Int = 1_000, seed: UInt64 = 1
  ) throws(DateCorpusError) -> DateCorpus {
    guard training >= 0, held >= 0, held <= days.count, training <= days.count - held else {
      throw DateCorpusError(training: training, held: held, available: days.count)
    }
    var generator = SeededGenerator(seed: seed)
    let order = generator.shuffled(days)
    var pairs: [Pair] = []
    for day in order.prefix(held + training) {
      let date = CalendarDate(daysSince1970: day)
      pairs.append((spelling(of: date, using: &generator), date.iso8601))
    }
    return DateCorpus(training: Array(pairs.dropFirst(held)), held: Array(pairs.prefix(held)))
  }

  /// Writes both parts as corpus files, a line `source TAB target`.
  public func write(training trainingFile: URL, held heldFile: URL) throws(CheckpointError) {
    try Self.write(training, to: trainingFile)
    try Self.write(held, to: heldFile)
  }

  /// Writes pairs as a corpus file, for instance a part of ``training``.
  public static func write(_ pairs: some Sequence<Pair>, to file: URL) throws(CheckpointError) {
    try AtomicFile.write(Data(pairs.map { "\($0.source)\t\($0.target)\n" }.joined().utf8), to: file)
  }
}

/// More dates were asked for than there are, or fewer than none.
public struct DateCorpusError: Error, Equatable, Sendable, CustomStringConvertible {
  public let training: Int
  public let held: Int
  /// The number of days.
  public let available: Int

  public var description: String {
    "\(training) training and \(held) held-out dates cannot be made; "
      + "ask for no fewer than 0 of either and for at most \(available) together"
  }
}

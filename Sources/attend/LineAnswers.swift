import Foundation
import Seq2Seq

/// Answers standard input line by line, in its order: a slow writer at once, a fast one in batches. The first batch is small,
/// so that the first answers come soon; later ones grow, so that lines of like length can be computed together.
///
/// A line that cannot be read is answered with an empty one, and named with its number on standard error.
struct LineAnswers<Request> {
  /// The lines of the first batch.
  var batch: Int
  /// What the lines could not be, for the error at the end.
  let failure: String
  let read: (String) throws -> Request
  /// The answers to requests, in their order; `first` is the number of the first one's line, from 0.
  let answer: (_ requests: [Request]) throws -> [String]

  /// - Throws: ``CommandError`` at the end, when a line could not be read.
  mutating func run() throws {
    var input = LineInput()
    var (lines, failures) = (0, 0)
    while true {
      let taken = try input.lines(atMost: batch)
      if taken.isEmpty { break }
      let requests = taken.enumerated().map { request($1, number: lines + $0 + 1) }
      var answers = try answer(requests.compactMap(\.self))[...]
      try Console.write(requests.map { $0 == nil ? "\n" : answers.removeFirst() }.joined())
      lines += taken.count
      failures += requests.count { $0 == nil }
      batch = min(2 * batch, LineAnswers.mostLines)
    }
    guard failures == 0 else {
      throw CommandError("\(failures) of \(Format.count(lines, "line")) could not be \(failure); see above")
    }
  }

  private static var mostLines: Int { 2048 }

  /// What a line asks for; nil, with a note, where it cannot be read.
  private func request(_ line: ArraySlice<UInt8>, number: Int) -> Request? {
    do {
      guard let text = String(validating: line, as: UTF8.self) else {
        throw CommandError("not UTF-8; convert the input, for instance with iconv")
      }
      return try read(text)
    } catch {
      Console.note("attend: standard input:\(number): \(error)")
      return nil
    }
  }
}

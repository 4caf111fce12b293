import Foundation

/// Standard input line by line, with whatever is there already: a slow writer is answered at once, a fast one in batches.
struct LineInput {
  private var buffer: [UInt8] = []
  /// Where the next line begins.
  private var start = 0
  /// No line ends between ``start`` and here: a long line that comes in many pieces is searched once.
  private var searched = 0
  /// No line was taken yet, so that a byte order mark may stand at the start.
  private var isFirst = true
  private var isAtEnd = false

  /// Waits for a line, then takes those that are there without waiting, at most `count`. None is left at the end.
  mutating func lines(atMost count: Int) throws -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    while lines.count < count {
      if let line = line() {
        lines.append(line)
      } else if isAtEnd || (!lines.isEmpty && !isReadable) {
        break
      } else {
        try fill()
      }
    }
    return lines
  }

  /// The next line in the buffer, without its end; at the end of the input also one that lacks it.
  private mutating func line() -> ArraySlice<UInt8>? {
    skipByteOrderMark()
    let newline = buffer[searched...].firstIndex(of: UInt8(ascii: "\n"))
    searched = newline.map { $0 + 1 } ?? buffer.endIndex
    let end = newline ?? buffer.endIndex
    guard newline != nil || (isAtEnd && start < end) else { return nil }
    let line = buffer[start..<end]
    start = searched
    isFirst = false
    return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }

  /// As ``ParallelCorpus`` does at the start of a file.
  private mutating func skipByteOrderMark() {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    guard isFirst && buffer.starts(with: mark) else { return }
    start = mark.count
    isFirst = false
  }

  private var isReadable: Bool {
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&input, 1, 0) > 0
  }

  private mutating func fill() throws {
    buffer.removeFirst(start)
    searched -= start
    start = 0
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    var count = read(STDIN_FILENO, &piece, piece.count)
    while count < 0 && errno == EINTR { count = read(STDIN_FILENO, &piece, piece.count) }
    guard count >= 0 else {
      let reason = String(cString: strerror(errno))
      throw CommandError("standard input: cannot be read (\(reason)); check where it comes from")
    }
    isAtEnd = count == 0
    buffer += piece.prefix(count)
  }
}

import Foundation

/// Standard input line by line, with whatever is there already: a slow writer is answered at once, a fast one in batches.
struct LineInput {
  private var buffer: [UInt8] = []
  /// Where the next line begins.
  private var start = 0
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
    let rest = buffer[start...]
    let end = rest.firstIndex(of: UInt8(ascii: "\n"))
    guard end != nil || (isAtEnd && !rest.isEmpty) else { return nil }
    let line = rest[..<(end ?? rest.endIndex)]
    start = end.map { $0 + 1 } ?? rest.endIndex
    return line.last == UInt8(ascii: "\r") ? line.dropLast() : line
  }

  private var isReadable: Bool {
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return poll(&input, 1, 0) > 0
  }

  private mutating func fill() throws {
    buffer.removeFirst(start)
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

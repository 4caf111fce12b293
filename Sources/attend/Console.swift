import ArgumentParser
import Foundation

/// Standard output for results, standard error for progress and notes.
enum Console {
  /// The exit status of a command whose reader went away, as a shell gives it for SIGPIPE.
  private static let readerGone = ExitCode(141)

  /// Writes a line of results.
  ///
  /// - Throws: an exit without a message when nobody reads any more; ``CommandError`` when it cannot be written.
  static func print(_ line: String = "") throws { try write(line + "\n") }

  /// Writes results as they stand.
  static func write(_ text: String) throws {
    switch write(text, to: STDOUT_FILENO) {
    case 0: return
    case EPIPE: throw readerGone
    case let problem:
      let reason = String(cString: strerror(problem))
      throw CommandError("standard output: cannot be written (\(reason)); make room or choose another place")
    }
  }

  /// Writes a line to standard error. Nothing can be done where that fails.
  static func note(_ line: String) { transient(line + "\n") }

  /// Writes to standard error as it stands.
  static func transient(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  /// Returns 0 or the system's error number.
  private static func write(_ text: String, to descriptor: Int32) -> Int32 {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress!, $0.count) }
      if written >= 0 {
        rest = rest.dropFirst(written)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}

// MARK: - The terminal

extension Console {
  /// Whether results may be coloured: on a terminal, unless `NO_COLOR` (no-color.org) is set.
  static var isColoured: Bool {
    isTerminal(STDOUT_FILENO) && (environment["NO_COLOR"] ?? "").isEmpty
  }

  /// Whether a line of progress can be rewritten in place.
  static var canRewrite: Bool { isTerminal(STDERR_FILENO) }

  /// The columns of the terminal that shows the progress.
  static var columns: Int { columns(of: STDERR_FILENO) ?? 80 }

  /// The columns of the terminal that shows the results; nil where they go elsewhere.
  static var resultColumns: Int? { columns(of: STDOUT_FILENO) }

  private static func columns(of descriptor: Int32) -> Int? {
    var size = winsize()
    let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return isKnown ? Int(size.ws_col) : nil
  }

  private static func isTerminal(_ descriptor: Int32) -> Bool {
    isatty(descriptor) == 1 && environment["TERM"] != "dumb"
  }

  private static var environment: [String: String] { ProcessInfo.processInfo.environment }
}

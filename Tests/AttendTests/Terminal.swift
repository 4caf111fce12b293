import Foundation
import Testing

/// A pseudo-terminal: commands that run on it believe that a person is looking.
struct Terminal {
  private let master: Int32
  private let slave: Int32

  init(columns: Int = 80) throws {
    master = posix_openpt(O_RDWR | O_NOCTTY)
    try #require(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
    slave = open(String(cString: ptsname(master)), O_RDWR | O_NOCTTY)
    try #require(slave >= 0)
    var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    try #require(ioctl(slave, UInt(TIOCSWINSZ), &size) == 0)
  }

  /// Everything that the command showed.
  func run(_ command: Command) throws -> String {
    let process = command.process()
    process.standardOutput = FileHandle(fileDescriptor: slave)
    process.standardError = FileHandle(fileDescriptor: slave)
    try process.run()
    // With the command's end nobody holds the other side, and reading ends.
    close(slave)
    defer { close(master) }
    var shown: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = read(master, &piece, piece.count)
      guard count > 0 else { break }
      shown += piece.prefix(count)
    }
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(String(decoding: shown, as: UTF8.self))")
    return String(decoding: shown, as: UTF8.self)
  }
}

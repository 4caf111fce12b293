import Foundation
import Testing

/// A pseudo-terminal: commands that run on it believe that a person is looking.
struct Terminal {
  private let master: Int32
  private let slave: Int32

  init(columns: Int = 80) throws {
    var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    var (master, slave): (Int32, Int32) = (-1, -1)
    try #require(openpty(&master, &slave, nil, nil, &size) == 0)
    self.master = master
    self.slave = slave
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

import Foundation
import Seq2Seq
import Testing

@Suite struct AtomicFileTests {
  private let stop = CheckpointError.malformed(file: "x", problem: "stop")

  @Test func replacesTheWholeFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a")
      try AtomicFile.write(Data("a longer first content".utf8), to: file)
      try AtomicFile.write(Data("second".utf8), to: file)
      #expect(try Data(contentsOf: file) == Data("second".utf8))
      try AtomicFile.write(Data(), to: file)
      #expect(try Data(contentsOf: file) == Data())
      #expect(try names(in: folder) == ["a"])
    }
  }

  @Test func writesPieces() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a")
      try AtomicFile.write(to: file) { file throws(CheckpointError) in
        try file.write(Data("one ".utf8))
        try file.write(Data("two".utf8))
      }
      #expect(try Data(contentsOf: file) == Data("one two".utf8))
    }
  }

  @Test func aFailureLeavesTheOldFileAndNoOther() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a")
      try AtomicFile.write(Data("old".utf8), to: file)
      #expect(throws: stop) {
        try AtomicFile.write(to: file) { file throws(CheckpointError) in
          try file.write(Data("new".utf8))
          throw stop
        }
      }
      #expect(try Data(contentsOf: file) == Data("old".utf8))
      #expect(try names(in: folder) == ["a"])
    }
  }

  #if os(Linux)
    @Test func aFullDisk() {
      let error = #expect(throws: CheckpointError.self) {
        try AtomicFile.write(Data("x".utf8), to: URL(filePath: "/dev/full"))
      }
      #expect(error.map { "\($0)".contains("No space left on device); a file that was there") } == true)
      #expect(error.map { "\($0)".contains("make room") } == true)
    }
  #endif

  @Test func namesThePathAndTheCause() throws {
    try withTemporaryFolder { folder in
      let nowhere = folder.appendingPathComponent("none/a")
      let error = #expect(throws: CheckpointError.self) { try AtomicFile.write(Data(), to: nowhere) }
      let text = try #require(error).description
      #expect(text.contains(nowhere.path) && text.contains("No such file or directory"), "\(text)")
      #expect(throws: CheckpointError.unwritable(file: folder.path, reason: "it is a directory")) {
        try AtomicFile.write(Data(), to: folder)
      }
      #expect(text.hasSuffix("make its folder, or choose another place"), "\(text)")
      // The temporary file can be written here, its renaming fails.
      let long = folder.appendingPathComponent(String(repeating: "x", count: 300))
      #expect(throws: CheckpointError.self) { try AtomicFile.write(Data("x".utf8), to: long) }
      #expect(try names(in: folder) == [])
    }
  }

  @Test func takesNamesAsLongAsTheyMayBe() throws {
    try withTemporaryFolder { folder in
      let long = folder.appendingPathComponent(String(repeating: "x", count: 255))
      try AtomicFile.write(Data("x".utf8), to: long)
      #expect(try Data(contentsOf: long) == Data("x".utf8))
    }
  }

  @Test func keepsPermissionsAndLinks() throws {
    try withTemporaryFolder { folder in
      let (file, link) = (folder.appendingPathComponent("a"), folder.appendingPathComponent("link"))
      try AtomicFile.write(Data("old".utf8), to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
      try FileManager.default.createSymbolicLink(at: link, withDestinationURL: file)
      try AtomicFile.write(Data("new".utf8), to: link)
      #expect(try Data(contentsOf: file) == Data("new".utf8))
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.path) == file.path)
      let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
  }

  /// A device is written, not replaced by a file.
  @Test func writesADeviceStraight() throws {
    try AtomicFile.write(Data("x".utf8), to: URL(fileURLWithPath: "/dev/null"))
    let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
    #expect(type == .typeCharacterSpecial)
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func aFullDiskIsNamed() throws {
    let error = #expect(throws: CheckpointError.self) {
      try AtomicFile.write(Data("x".utf8), to: URL(fileURLWithPath: "/dev/full"))
    }
    let text = try #require(error).description
    #expect(text.contains("No space left on device"), "\(text)")
  }
}

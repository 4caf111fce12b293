import Foundation

/// A file that is either there in full or not at all.
///
/// The bytes go to a temporary file in the same folder, reach the disk (`fsync`), and then take the file's
/// name in one step (`rename`). A crash, a full disk or an error in between leaves an older file of that name
/// as it was. A device or a pipe, such as `/dev/stdout`, has no content to save: it is written straight.
public struct AtomicFile: ~Copyable {
  private let file: String
  private let descriptor: Int32

  /// Writes `data` as the whole content of a file.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)`` with the system's reason, such as a full disk.
  public static func write(_ data: Data, to url: URL) throws(CheckpointError) {
    try write(to: url) { file throws(CheckpointError) in try file.write(data) }
  }

  /// Lets `body` write a file piece by piece; the file takes its name when `body` returns.
  ///
  /// - Throws: What `body` throws, or ``CheckpointError/unwritable(file:reason:)``. No temporary file
  ///   stays behind.
  public static func write(
    to url: URL, _ body: (borrowing AtomicFile) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    var status = stat()
    let mode = stat(url.path, &status) == 0 ? status.st_mode : nil
    switch mode.map({ $0 & S_IFMT }) {
    case S_IFDIR:
      throw .unwritable(file: url.path, reason: "it is a directory")
    case nil, S_IFREG:
      // A link goes on pointing at what it points at.
      try replace(url.resolvingSymlinksInPath().path, mode: mode.map { $0 & 0o777 }, body)
    default:
      try body(AtomicFile(url.path, opening: url.path, O_WRONLY))
    }
  }

  private static func replace(
    _ file: String, mode: mode_t?, _ body: (borrowing AtomicFile) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent().path
    // A name of fixed length: a file's own name may already be as long as names can be.
    let temporary = folder + "/.\(UUID().uuidString).tmp"
    do {
      try fill(file, by: temporary, mode: mode, body)
    } catch {
      unlink(temporary)
      throw error
    }
    syncFolder(folder)
  }

  private static func fill(
    _ file: String, by temporary: String, mode: mode_t?,
    _ body: (borrowing AtomicFile) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    let new = try AtomicFile(file, opening: temporary, O_WRONLY | O_CREAT | O_EXCL)
    if let mode { try new.check(fchmod(new.descriptor, mode)) }
    try body(new)
    try new.check(fsync(new.descriptor))
    try new.check(rename(temporary, file))
  }

  /// Makes the new name durable too. The file is in place by now, and some file systems cannot sync a folder,
  /// so a failure here is no failure of the write.
  private static func syncFolder(_ folder: String) {
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }

  private init(_ file: String, opening path: String, _ flags: Int32) throws(CheckpointError) {
    self.file = file
    descriptor = open(path, flags | O_CLOEXEC, 0o666)
    try check(descriptor)
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Appends bytes.
  public func write(_ data: Data) throws(CheckpointError) {
    try check(data.withUnsafeBytes { append($0) })
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    try check(append(bytes))
  }

  /// Returns -1 and leaves `errno` behind, as `write` does.
  private func append(_ bytes: UnsafeRawBufferPointer) -> Int32 {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = Foundation.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress!, rest.count)
      if written >= 0 {
        rest = rest.dropFirst(written)
      } else if errno != EINTR {
        return -1
      }
    }
    return 0
  }

  private func check(_ status: Int32) throws(CheckpointError) {
    if status < 0 { throw .unwritable(file: file, reason: String(cString: strerror(errno))) }
  }
}

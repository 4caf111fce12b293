import Foundation

/// Reads files whole; pipes too, such as a shell's `<(command)`, which `Data(contentsOf:)` does not.
enum WholeFile {
  enum Failure: Error {
    case missing
    case unreadable(reason: String)
  }

  static func read(_ url: URL) throws(Failure) -> Data {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw errno == ENOENT ? .missing : .unreadable(reason: String(cString: strerror(errno)))
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw .unreadable(reason: "it is a directory")
    }
    do {
      return try file.readToEnd() ?? Data()
    } catch {
      throw .unreadable(reason: error.localizedDescription)
    }
  }
}

import Foundation

/// A process that lives as long as the run and measures what it is told, line by line: PyTorch, or this program as
/// another commit has it (`bench serve`).
///
/// Its first line names what it is and its cases: {"name": …, "variants": {case: [variant, …]}}. After that it
/// answers each ``PeerRequest`` with an array of numbers.
final class PeerProcess {
  let name: String
  let variants: [String: [String]]
  private let process = Process()
  private let requests = Pipe()
  private let answers: LineReader

  init(_ command: [String], remedy: String) throws {
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardInput = requests
    process.standardOutput = output
    answers = LineReader(output.fileHandleForReading)
    // A write to a peer that died is an error here, not the end of this process.
    signal(SIGPIPE, SIG_IGN)
    try process.run()
    guard let line = answers.next() else {
      throw BenchError("'\(command.joined(separator: " "))' said nothing; \(remedy)")
    }
    let greeting = try JSONDecoder().decode(PeerGreeting.self, from: line)
    name = greeting.name
    variants = greeting.variants
  }

  /// This program, at a path.
  static func ours(_ path: String) throws -> PeerProcess {
    try PeerProcess([path, "serve"], remedy: "its commit may be older than `bench serve`")
  }

  deinit {
    try? requests.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// The seconds of single runs of a variant of a case.
  func time(_ name: String, _ variant: String, threads: Int, _ effort: Effort) throws -> [Double] {
    try answer(PeerRequest(case: name, variant: variant, threads: threads, effort: effort))
  }

  /// The most bytes that a run takes beyond its inputs and results. To be asked of a process that did nothing before.
  func memory(_ name: String, _ variant: String, threads: Int) throws -> Int {
    let numbers = try answer(PeerRequest(case: name, variant: variant, threads: threads, effort: nil))
    guard let bytes = numbers.first else {
      throw BenchError("the peer gave no size for '\(name)', \(variant)")
    }
    return Int(bytes)
  }

  private func answer(_ request: PeerRequest) throws -> [Double] {
    try requests.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(request) + Data("\n".utf8))
    guard let line = answers.next() else {
      throw BenchError("the peer ended during '\(request.case)', \(request.variant)")
    }
    return try JSONDecoder().decode([Double].self, from: line)
  }
}

struct PeerGreeting: Codable {
  let name: String
  let variants: [String: [String]]
}

struct PeerRequest: Codable {
  let `case`, variant: String
  let threads: Int
  /// How long to time; nil asks for memory.
  let effort: Effort?
}

/// Lines from a pipe, as they come.
private final class LineReader {
  private let handle: FileHandle
  private var rest = Data()

  init(_ handle: FileHandle) { self.handle = handle }

  /// The next line, without its end; nil after the last one.
  func next() -> Data? {
    while true {
      if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
        let line = Data(rest[..<end])
        rest = Data(rest[(end + 1)...])
        return line
      }
      let more = handle.availableData
      if more.isEmpty { return nil }
      rest += more
    }
  }
}

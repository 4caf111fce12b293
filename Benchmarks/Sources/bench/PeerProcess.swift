import Foundation

/// The peers, in a process of their own that lives as long as the run and times what it is told, line by line.
///
/// Its first line names what it runs and its cases: {"name": …, "variants": {case: [variant, …]}}. After that it
/// answers each request {"case", "variant", "threads", "seconds", "minimumRuns", "patience"} with an array of seconds.
final class PeerProcess {
  let name: String
  let variants: [String: [String]]
  private let process = Process()
  private let requests = Pipe()
  private let answers: LineReader

  private struct Greeting: Decodable {
    let name: String
    let variants: [String: [String]]
  }

  private struct Request: Encodable {
    let `case`, variant: String
    let threads: Int
    let seconds: Double
    let minimumRuns: Int
    let patience: Double
  }

  init(python: String, script: String) throws {
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [python, script]
    process.standardInput = requests
    process.standardOutput = output
    answers = LineReader(output.fileHandleForReading)
    // A write to a peer that died is an error here, not the end of this process.
    signal(SIGPIPE, SIG_IGN)
    try process.run()
    guard let line = answers.next() else {
      throw BenchError(
        "'\(python) \(script)' said nothing; does this Python have torch? `make bench-peers` sees to that")
    }
    let greeting = try JSONDecoder().decode(Greeting.self, from: line)
    name = greeting.name
    variants = greeting.variants
  }

  deinit {
    try? requests.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// The seconds of single runs of a variant of a case.
  func time(_ name: String, _ variant: String, threads: Int, _ effort: Effort) throws -> [Double] {
    let request = Request(
      case: name, variant: variant, threads: threads, seconds: effort.seconds,
      minimumRuns: effort.minimumRuns, patience: effort.patience)
    try requests.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(request) + Data("\n".utf8))
    guard let line = answers.next() else { throw BenchError("the peer ended during '\(name)', \(variant)") }
    return try JSONDecoder().decode([Double].self, from: line)
  }
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

import Foundation
import Seq2Seq
import Testing

/// The command, which SwiftPM builds beside the tests.
struct Command {
  struct Outcome {
    let status: Int32
    let output: String
    let error: String

    /// The lines of standard error.
    var notes: [String] { error.split(separator: "\n").map(String.init) }
  }

  let arguments: [String]
  var environment: [String: String] = [:]

  init(_ arguments: [String], environment: [String: String] = [:]) {
    self.arguments = arguments
    self.environment = environment
  }

  static let executable: URL = {
    #if os(macOS)
      let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!
      return tests.bundleURL.deletingLastPathComponent().appending(path: "attend")
    #else
      return Bundle.main.bundleURL.appending(path: "attend")
    #endif
  }()

  /// The command, ready to start.
  func process() -> Process {
    let process = Process()
    process.executableURL = Self.executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    return process
  }

  /// Runs the command to its end.
  func run(input: Data = Data()) throws -> Outcome {
    try withTemporaryFolder { folder in
      let running = try Running(self, in: folder, input: input)
      running.process.waitUntilExit()
      return try running.outcome()
    }
  }
}

/// Runs the command to its end.
@discardableResult
func attend(_ arguments: String..., input: String = "", environment: [String: String] = [:]) throws
  -> Command.Outcome
{
  try Command(arguments, environment: environment).run(input: Data(input.utf8))
}

/// Runs a command line as a user's shell does.
func shell(_ line: String) throws -> (status: Int32, output: String) {
  let shell = Process()
  shell.executableURL = URL(filePath: "/bin/sh")
  shell.arguments = ["-c", line]
  let output = Pipe()
  shell.standardOutput = output
  shell.standardError = FileHandle.nullDevice
  try shell.run()
  let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  shell.waitUntilExit()
  return (shell.terminationStatus, text)
}

/// A command under way. What it writes goes to files, so that no full pipe can hold it up.
struct Running {
  let process: Process
  private let output: URL
  private let error: URL

  init(_ command: Command, in folder: URL, input: Data = Data()) throws {
    output = folder.appending(path: "output")
    error = folder.appending(path: "error")
    let source = folder.appending(path: "input")
    for file in [output, error] { try Data().write(to: file) }
    try input.write(to: source)
    process = command.process()
    process.standardInput = try FileHandle(forReadingFrom: source)
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: error)
    try process.run()
  }

  private func text(_ file: URL) throws -> String {
    String(decoding: try Data(contentsOf: file), as: UTF8.self)
  }

  /// Waits until the command has written something.
  func wait(for text: String, within limit: Duration = .seconds(120)) throws {
    let begin = ContinuousClock.now
    while true {
      // Asked first: what an ended command wrote is all there.
      let isRunning = process.isRunning
      let written = try self.text(output) + self.text(error)
      if written.contains(text) { return }
      try #require(isRunning, "ended before it wrote '\(text)': \(written)")
      try #require(ContinuousClock.now - begin < limit, "did not write '\(text)' in time")
      Thread.sleep(forTimeInterval: 0.005)
    }
  }

  /// What came out; after the end.
  func outcome() throws -> Command.Outcome {
    Command.Outcome(status: process.terminationStatus, output: try text(output), error: try text(error))
  }
}

/// Calls `body` with a new, empty folder that is gone afterwards.
func withTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// Dates and a small model that has seen them once.
struct Fixture {
  let folder: URL
  var data: String { path("data.tsv") }
  var model: String { path("model") }

  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// What makes the model learn enough to have something to say.
  static let learnt = ["--epochs", "10", "--batch", "4", "--rate", "0.02"]

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    try Data(bytes).write(to: folder.appending(path: name))
    return path(name)
  }

  /// Calls `body` with a fixture of so many pairs, and with a model unless `arguments` is nil.
  static func with(pairs: Int = 40, model arguments: [String]? = [], _ body: (Fixture) throws -> Void) throws
  {
    try withTemporaryFolder { folder in
      let fixture = Fixture(folder: folder)
      let dates = try DateCorpus.make(training: pairs, held: 0)
      try DateCorpus.write(dates.training, to: folder.appending(path: "data.tsv"))
      if let arguments {
        let trained = try Command(fixture.train(["--epochs", "1"] + arguments)).run()
        try #require(trained.status == 0, "\(trained.error)")
      }
      try body(fixture)
    }
  }

  /// The arguments that train a small model.
  func train(_ more: [String] = [], output: String? = nil) -> [String] {
    ["train", "--train", data, "--output", output ?? model, "--hidden", "8", "--embedding", "4"] + more
  }
}

import Foundation
import Testing

@Suite struct DemoTests {
  @Test(arguments: ["train.tsv", "README.txt", "notes"]) func leavesOthersFilesAlone(_ name: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: name)
      try Data("mine\n".utf8).write(to: file)
      let outcome = try attend("demo", "--output", folder.path)
      #expect(outcome.status == 1)
      #expect(outcome.notes.count == 1)
      #expect(outcome.error.hasPrefix("attend: \(folder.path): holds files that no demo made"))
      #expect(outcome.error.contains("choose a new folder with --output"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
      #expect(try Data(contentsOf: file) == Data("mine\n".utf8))
    }
  }

  /// A second demo takes the first one's folder; and the files hold as many dates as the demo says, no day twice.
  @Test func takesItsOwnFolder() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "demo")
      for seed in ["1", "2"] {
        let stopped = try interruptedDemo(["--output", output.path, "--seed", seed], in: folder)
        #expect(stopped.status == 130, "\(stopped.error)")
        #expect(stopped.output.contains("10,000 to learn, 300 to tell when to stop, 1,000 held out."))
        var days: Set<Substring> = []
        for (name, count) in [("train.tsv", 10_000), ("dev.tsv", 300), ("held-out.tsv", 1_000)] {
          let text = try String(contentsOf: output.appending(path: name), encoding: .utf8)
          let targets = text.split(separator: "\n").compactMap { $0.split(separator: "\t").last }
          #expect(targets.count == count, "\(name)")
          days.formUnion(targets)
        }
        #expect(days.count == 11_300)
      }
    }
  }

  private func interruptedDemo(_ arguments: [String], in folder: URL) throws -> Command.Outcome {
    let running = try Running(Command(["demo"] + arguments), in: folder)
    try running.wait(for: "parameters")
    kill(running.process.processIdentifier, SIGINT)
    running.process.waitUntilExit()
    return try running.outcome()
  }

  @Test func saysHowToResume() throws {
    try withTemporaryFolder { folder in
      let output = folder.appending(path: "it's a demo").path
      let outcome = try interruptedDemo(["--output", output], in: folder)
      #expect(outcome.status == 130)
      let resume = try #require(outcome.notes.last?.split(separator: "go on with: ").last)

      // One epoch at most: it is enough that the command is understood.
      let short = String(resume).replacing(/--epochs [0-9]+/, with: "--epochs 1 --quiet")
      let resumed = try shell(short)
      #expect(resumed.status == 0)
      #expect(resumed.output.contains("kept epoch 1 of 1") && resumed.output.contains("date-model"))
    }
  }
}

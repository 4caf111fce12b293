import ArgumentParser
import Attention
import Foundation

/// The cases on the best instruction set, measured on request: the other side of ``PeerProcess``.
struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure what standard input asks for, for `bench against` of another commit.",
    shouldDisplay: false)

  func run() throws {
    try refuseDebugBuild()
    let cases = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })
    try answer(PeerGreeting(name: "swift-attention", variants: cases.mapValues { _ in [""] }))
    var ready: (name: String, body: Body)?
    while let line = readLine() {
      let request = try JSONDecoder().decode(PeerRequest.self, from: Data(line.utf8))
      guard let benchmark = cases[request.case] else {
        throw BenchError("there is no case '\(request.case)'")
      }
      try KernelRuntime.setThreads(request.threads)
      guard let effort = request.effort else {
        let body = try benchmark.make()
        try body.prepare()
        // Starts the threads, whose own memory is not the case's, and takes no work space.
        try exponential.make().run()
        try answer([Double(body.keptBytes + Memory.extraBytes(body.run))])
        continue
      }
      if ready?.name != benchmark.name {
        ready = nil  // before the next one's data are made
        ready = (benchmark.name, try checked(benchmark))
      }
      try answer(measure(effort, ready!.body.run))
    }
  }

  private func checked(_ benchmark: Case) throws -> Body {
    let body = try benchmark.make()
    try body.prepare()
    _ = try body.check.deviation(from: body.check.truth(), of: benchmark.name)
    return body
  }

  private func answer(_ value: some Encodable) throws {
    say(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
  }
}

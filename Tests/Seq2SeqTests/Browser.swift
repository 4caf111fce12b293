import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A page in a headless Chromium, driven as a user drives it: the mouse moves, keys are pressed.
///
/// Speaks the Chrome DevTools Protocol over a pair of named pipes, a JSON object a message, each ended by a zero byte.
final class Browser {
  private let process = Process()
  private let requests: Int32
  private let answers: Int32
  private let page: URL
  private var buffer: [UInt8] = []
  private var count = 0
  private var session: String?
  /// The events that came with the answers, by the names of their methods.
  private(set) var events: [(method: String, parameters: [String: Any])] = []

  struct Failure: Error, CustomStringConvertible { let description: String }

  /// The first Chromium on the path; nil where there is none.
  static let executable: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    let names = ["chromium", "chromium-browser", "google-chrome"]
    return names.lazy.flatMap { name in folders.map { "\($0)/\(name)" } }
      .first(where: FileManager.default.isExecutableFile)
  }()

  /// Opens a page; `folder` is for the browser's own files.
  init(_ page: URL, in folder: URL, script: Bool = true) throws {
    self.page = page
    let pipes = ["requests", "answers"].map { folder.appending(path: $0).path }
    for pipe in pipes where mkfifo(pipe, 0o600) != 0 { throw Failure(description: "no pipe \(pipe)") }
    // Open for both directions, so that neither side waits for the other.
    requests = open(pipes[0], O_RDWR)
    answers = open(pipes[1], O_RDWR)
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments =
      ["-c", "exec \"$@\" 3<\"$0\" 4>\"${0%requests}answers\"", pipes[0], Self.executable ?? "chromium"]
      + [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--window-size=1000,800", "--remote-debugging-pipe",
        "--user-data-dir=\(folder.appending(path: "profile").path)", "about:blank",
      ]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    try attach()
    for domain in ["Page", "Network", "Runtime"] { try call("\(domain).enable") }
    try call("Emulation.setScriptExecutionDisabled", ["value": !script])
    try call("Page.navigate", ["url": page.absoluteString])
    while !events.contains(where: { $0.method == "Page.loadEventFired" }) { try receive() }
  }

  func close() {
    _ = try? call("Browser.close", ofPage: false)
    process.waitUntilExit()
    for descriptor in [requests, answers] { _ = unistdClose(descriptor) }
  }

  private func attach() throws {
    let targets = try call("Target.getTargets", ofPage: false)["targetInfos"] as? [[String: Any]] ?? []
    guard let target = targets.first(where: { $0["type"] as? String == "page" })?["targetId"] else {
      throw Failure(description: "no page among \(targets)")
    }
    session =
      try call("Target.attachToTarget", ["targetId": target, "flatten": true], ofPage: false)["sessionId"]
      as? String
  }

  @discardableResult
  private func call(_ method: String, _ parameters: [String: Any] = [:], ofPage: Bool = true) throws
    -> [String: Any]
  {
    count += 1
    var message: [String: Any] = ["id": count, "method": method, "params": parameters]
    if ofPage { message["sessionId"] = session }
    let bytes = [UInt8](try JSONSerialization.data(withJSONObject: message)) + [0]
    guard write(requests, bytes, bytes.count) == bytes.count else {
      throw Failure(description: "\(method) was not taken")
    }
    while true {
      let answer = try receive()
      guard answer["id"] as? Int == count else { continue }
      if let error = answer["error"] { throw Failure(description: "\(method): \(error)") }
      return answer["result"] as? [String: Any] ?? [:]
    }
  }

  /// The next message; events are kept.
  @discardableResult
  private func receive() throws -> [String: Any] {
    while true {
      if let end = buffer.firstIndex(of: 0) {
        let message = Data(buffer[..<end])
        buffer.removeFirst(end + 1)
        let object = try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
        if let method = object["method"] as? String {
          events.append((method, object["params"] as? [String: Any] ?? [:]))
        }
        return object
      }
      var input = pollfd(fd: answers, events: Int16(POLLIN), revents: 0)
      guard poll(&input, 1, 60_000) > 0 else { throw Failure(description: "no answer within a minute") }
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      let size = read(answers, &piece, piece.count)
      guard size > 0 else { throw Failure(description: "the browser has gone") }
      buffer += piece.prefix(size)
    }
  }
}

/// `Browser.close` hides the function of the system.
private func unistdClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

extension Browser {
  /// What a script finds on the page.
  func value(_ script: String) throws -> Any {
    let answer = try call("Runtime.evaluate", ["expression": script, "returnByValue": true])
    let result = answer["result"] as? [String: Any]
    guard answer["exceptionDetails"] == nil, let value = result?["value"] else {
      throw Failure(description: "\(script): \(answer)")
    }
    return value
  }

  func texts(_ script: String) throws -> [String] { try value(script) as? [String] ?? [] }

  /// Moves the mouse to the middle of the first element of a selector.
  func point(at selector: String) throws {
    let place =
      try value(
        "(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector('\(selector)').getBoundingClientRect())"
      ) as? [Double] ?? []
    try #require(place.count == 2)
    try moveMouse(x: place[0], y: place[1])
  }

  func moveMouse(x: Double, y: Double) throws {
    try call("Input.dispatchMouseEvent", ["type": "mouseMoved", "x": x, "y": y])
  }

  func pressTab() throws {
    let key: [String: Any] = ["key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9]
    for type in ["keyDown", "keyUp"] {
      try call("Input.dispatchKeyEvent", key.merging(["type": type]) { $1 })
    }
  }
}

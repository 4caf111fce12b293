import Attention
import CPeak
import Foundation

/// What was measured on, for the head of every result.
struct Machine: Codable {
  let cpu: String
  let cores: Int
  let instructionSets: [String]
  let system: String
  let swift: String
  let c: String
  /// The commit of the working tree, with "-dirty" after it when files differ from it.
  let commit: String
  let date: String
  /// The mean number of running tasks over the last minute before the run: well below 1 on a quiet machine.
  let load: Double

  init() {
    cpu = Self.cpuName
    cores = ProcessInfo.processInfo.activeProcessorCount
    instructionSets = KernelRuntime.availableInstructionSets
    system = ProcessInfo.processInfo.operatingSystemVersionString
    swift = Self.firstLine("swift", "--version") ?? "unknown"
    c = String(cString: peak_compiler())
    commit = Self.firstLine("git", "describe", "--always", "--dirty", "--abbrev=12") ?? "unknown"
    date = Date.now.ISO8601Format()
    load = Self.currentLoad
  }

  var summary: String {
    """
    cpu       \(cpu), \(cores) cores; instruction sets \(instructionSets.joined(separator: ", "))
    system    \(system)
    compilers \(swift); C: \(c)
    commit    \(commit)
    date      \(date), load \(load.formatted(2))
    """
  }

  /// The processor, its best instruction set and the day, for a file of results. Hosts of virtual machines give many processors one name.
  var fileName: String {
    let words = cpu.lowercased().split { !$0.isLetter && !$0.isNumber }
    return (words.map(String.init) + [instructionSets[0], String(date.prefix(10))]).joined(separator: "-")
  }

  static var currentLoad: Double {
    var loads = [0.0]
    return getloadavg(&loads, 1) == 1 ? loads[0] : .nan
  }

  private static var cpuName: String {
    if let line = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
      .split(separator: "\n").first(where: { $0.hasPrefix("model name") })
    {
      return line.split(separator: ":").last!.trimmingCharacters(in: .whitespaces)
    }
    return firstLine("sysctl", "-n", "machdep.cpu.brand_string") ?? "unknown"
  }

  /// The first line that a command prints; nil when it fails.
  private static func firstLine(_ command: String...) -> String? {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return nil }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").first.map(String.init)
  }
}

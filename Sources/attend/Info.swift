import ArgumentParser
import Attention
import Foundation

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the CPU, its instruction sets, the threads and the versions.")

  @OptionGroup var runtime: RuntimeArguments

  func run() throws {
    try runtime.apply()
    let facts = [
      ("CPU", Self.processor),
      ("cores", "\(ProcessInfo.processInfo.activeProcessorCount)"),
      ("instruction sets", KernelRuntime.availableInstructionSets.joined(separator: ", ")),
      ("set in use", try KernelRuntime.instructionSet),
      ("threads", "\(KernelRuntime.threads)"),
      ("attend", Attend.version),
      ("Swift compiler", Self.compiler),
      ("system", ProcessInfo.processInfo.operatingSystemVersionString),
    ]
    for (name, value) in facts {
      try Console.print(name.padding(toLength: 18, withPad: " ", startingAt: 0) + value)
    }
  }

  #if os(macOS)
    private static var processor: String {
      var name = [CChar](repeating: 0, count: 256)
      var size = name.count
      guard sysctlbyname("machdep.cpu.brand_string", &name, &size, nil, 0) == 0 else { return "unknown" }
      return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  #else
    private static var processor: String {
      let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
      let name = line?.split(separator: ":", maxSplits: 1).last
      return name?.trimmingCharacters(in: .whitespaces) ?? "unknown"
    }
  #endif

  /// The language does not tell more than whether the compiler is at least some version.
  private static var compiler: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #else
      "6.2"
    #endif
  }
}

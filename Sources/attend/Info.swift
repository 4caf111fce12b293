import ArgumentParser
import Attention

struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the instruction sets and the number of threads.")

  func run() throws {
    print("instruction sets  \(KernelRuntime.availableInstructionSets.joined(separator: ", "))")
    print("in use            \(try KernelRuntime.instructionSet)")
    print("threads           \(KernelRuntime.threads)")
  }
}

import ArgumentParser

@main
struct Attend: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train, run and look at attention models on the CPU.",
    subcommands: [Info.self])
}

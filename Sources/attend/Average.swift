import ArgumentParser
import Foundation
import Seq2Seq

struct Average: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Average the weights of several models.",
    discussion: """
      For models of one training, such as the last epochs that attend train --keep-epochs leaves in the model's folder.
      """)

  @Option(name: .customLong("model"), help: "A model's folder; several.", completion: .directory)
  var models: [String]
  @Option(help: "The folder for the averaged model.", completion: .directory)
  var output: String

  func run() throws {
    let folder = URL(fileURLWithPath: output)
    guard !ModelFolder(folder).holdsModel else {
      throw CommandError("\(folder.path): already holds a model; choose another folder")
    }
    let read = try models.map { try TranslationModel(contentsOf: URL(fileURLWithPath: $0)) }
    try TranslationModel.average(read).write(to: folder)
    try Console.print("model in \(output)")
  }
}

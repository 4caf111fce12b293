import ArgumentParser
import Foundation
import Seq2Seq

struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare models by the length of the source: errors, and whether the gradient finds its way.",
    discussion: """
      The gradient is that of the loss of each token of a target, by its size at the tokens of the source. Without attention all \
      of it passes through the encoder's last states. Before training, with the weights of seed 1, one sees how much of it \
      reaches each place, where no model is more wrong than another. Afterwards, whether it finds the token's own place, as far \
      into the source as the token is into the target: how many times as large it is there as on average. At 1 it no longer \
      tells one place from another.

      Sources are as long as the first model counts them: in its tokens, or whole words where it cuts those into subwords. So models of \
      different tokens can be compared, as long as their targets are of the same ones, cut into subwords or not; errors count whole words too.
      """)

  @Option(
    help: "A model's folder, or name=folder; several. Without a name the folder's own is shown.",
    completion: .directory)
  var model: [String]
  @Option(help: "The file, a line 'source TAB target [TAB further accepted targets]'.", completion: .file())
  var data: String
  @Option(
    help: ArgumentHelp(
      "Put together sources of the lengths 1 to n, n + 1 to 2n and so on. (default: as few lengths as give enough examples)",
      valueName: "n"))
  var bucket: Int?
  @Option(help: "Also draw them to this file, .svg.", completion: .file(extensions: ["svg"]))
  var output: String?
  @OptionGroup var search: SearchArguments
  @Flag(help: "Print one JSON object.")
  var json = false
  @Flag(help: "Show no progress.")
  var quiet = false
  @OptionGroup var decoding: DecodingArguments
  @OptionGroup var runtime: RuntimeArguments

  func validate() throws {
    if let bucket, bucket < 1 { throw ValidationError("--bucket is \(bucket); expected at least 1") }
    if let output, URL(fileURLWithPath: output).pathExtension.lowercased() != "svg" {
      throw ValidationError("--output is \(output); expected a name that ends in .svg")
    }
    var names: Set<String> = []
    for place in model.map(Place.init) {
      guard !place.name.isEmpty, !place.folder.isEmpty else {
        throw ValidationError("--model is '\(place.argument)'; expected a folder, or name=folder")
      }
      guard names.insert(place.name).inserted else {
        throw ValidationError(
          "two models are called \(place.name); name one of them: --model name=\(place.folder)")
      }
    }
  }

  func run() throws {
    try runtime.apply()
    let models = try model.map(Place.init).map {
      (name: $0.name, model: try decoding.model(at: $0.folder))
    }
    let examples = try ComparedExample.examples(
      models.map { try Reports.corpus(data, for: $0.model) }, source: models[0].model.source)
    for (index, (_, model)) in models.enumerated()
    where !models[..<index].contains(where: { $0.model.readsAs(model) }) {
      Reports.noteUnknown(examples.map { $0.readings[index] }, model, in: data)
    }
    let buckets = try bucket.map { try LengthBucket.cut(examples, width: $0) } ?? LengthBucket.cut(examples)
    var display = ProgressDisplay(quiet: quiet)
    let comparison = try ModelComparison(models, on: buckets, options: search.options) { name, fraction in
      display.show("comparing", fraction: fraction, details: name)
    }
    display.clear()
    if json {
      try Console.print(String(decoding: comparison.json(), as: UTF8.self))
    } else {
      try Console.write(ComparisonTables(comparison).text)
    }
    guard let output else { return }
    try AtomicFile.write(Data(ComparisonPicture(comparison).svg().utf8), to: URL(fileURLWithPath: output))
    Console.note("picture in \(output)")
  }
}

extension TranslationModel {
  /// Whether another model finds the same tokens in a text, and knows the same of them.
  fileprivate func readsAs(_ other: TranslationModel) -> Bool {
    (source, target) == (other.source, other.target)
      && (sourceVocabulary, targetVocabulary) == (other.sourceVocabulary, other.targetVocabulary)
  }
}

/// A model as the command line names it.
private struct Place {
  let argument: String
  let name: String
  let folder: String

  init(_ argument: String) {
    self.argument = argument
    // A folder whose name has the sign in it is one all the same.
    let isFolder = FileManager.default.fileExists(atPath: argument)
    if let sign = argument.firstIndex(of: "="), !isFolder {
      name = String(argument[..<sign])
      folder = String(argument[argument.index(after: sign)...])
    } else {
      name = URL(fileURLWithPath: argument).standardizedFileURL.lastPathComponent
      folder = argument
    }
  }
}

import Foundation
import Seq2Seq

/// Where the demo keeps its things.
struct DemoFiles {
  /// As the user gave it.
  private let output: String
  let folder: URL

  init(_ output: String) {
    self.output = output
    folder = URL(fileURLWithPath: output)
  }

  var train: URL { folder.appending(path: "train.tsv") }
  var dev: URL { folder.appending(path: "dev.tsv") }
  var held: URL { folder.appending(path: "held-out.tsv") }
  var model: URL { folder.appending(path: "date-model") }
  var picture: URL { folder.appending(path: "alignment.svg") }

  /// A file's path as the user would type it.
  func path(_ file: URL) -> String { (output as NSString).appendingPathComponent(file.lastPathComponent) }

  /// What `attend` is told to train the same model on the same files.
  var trainArguments: [String] {
    ["train", "--train", path(train), "--dev", path(dev), "--output", path(model)]
  }

  /// What `attend` is told to train the plain encoder-decoder on the same files.
  var plainArguments: [String] {
    [
      "train", "--model", "plain", "--train", path(train), "--dev", path(dev), "--output",
      path(folder.appending(path: "plain-model")), "--epochs", "5",
    ]
  }

  /// Makes the folder the demo's own, since what stands there is overwritten.
  ///
  /// - Throws: ``CommandError`` for a folder that holds what no demo left there.
  func claim() throws {
    guard try isEmpty || isClaimed else {
      throw CommandError(
        "\(folder.path): holds files that no demo made, and the demo would overwrite some; "
          + "choose a new folder with --output")
    }
    try AtomicFile.write(Data(Self.note.utf8), to: readme)
  }

  private static let mark = "Made by attend demo, and overwritten by the next one in this folder:"
  private static let note = """
    \(mark)
      train.tsv, dev.tsv    dates to learn, and those that tell when to stop
      held-out.tsv          dates that the model never saw
      date-model            the model
      alignment.svg         what it looked at while it wrote

    """

  private var readme: URL { folder.appending(path: "README.txt") }

  private var isClaimed: Bool { (try? Data(contentsOf: readme))?.starts(with: Self.mark.utf8) ?? false }

  /// Holds nothing but perhaps hidden files, which the demo leaves alone.
  private var isEmpty: Bool {
    get throws {
      do {
        return try FileManager.default.contentsOfDirectory(atPath: folder.path)
          .allSatisfy { $0.hasPrefix(".") }
      } catch {
        throw CommandError("\(folder.path): cannot be listed; choose another folder with --output")
      }
    }
  }

  /// The pairs to learn are two files, so that `attend train` can go on with them.
  func write(_ dates: DateCorpus) throws {
    try DateCorpus.write(dates.training.dropFirst(DemoSettings.development), to: train)
    try DateCorpus.write(dates.training.prefix(DemoSettings.development), to: dev)
    try DateCorpus.write(dates.held, to: held)
  }
}

import ArgumentParser
import Foundation
import Seq2Seq

struct Align: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model looks at while it writes.",
    discussion: """
      A column for each token of the source, a row for each token of the target and for its end, </s>. The texts are those of \
      --source, given once or several times, or else the lines of standard input: 'source', which the model translates, or \
      'source TAB target', which it is made to write, '<unk>' as an unknown token. Blank lines are skipped.
      """)

  @Option(help: "The model's folder.", completion: .directory)
  var model: String
  @Option(help: "A text to translate.")
  var source: [String] = []
  @Option(help: "The text to write, one for every --source; otherwise the model's own output.")
  var target: [String] = []
  @Option(help: ArgumentHelp("Hypotheses kept at every step; 1 is greedy.", valueName: "k"))
  var beam = 1
  @Option(
    help: "Also write the pictures to this file: .svg, or .html for a page whose tokens can be pointed at.",
    completion: .file(extensions: ["svg", "html"]))
  var output: String?
  @OptionGroup var decoding: DecodingArguments
  @OptionGroup var runtime: RuntimeArguments

  func validate() throws {
    try requireBeam(beam)
    guard target.isEmpty || target.count == source.count else {
      throw ValidationError(
        "--source is given \(Format.count(source.count, "time")), --target \(Format.count(target.count, "time")); "
          + "give a target for every source, or none")
    }
    if let output, PictureFile(output) == nil {
      throw ValidationError("--output is \(output); expected a name that ends in .svg or .html")
    }
  }

  func run() throws {
    try runtime.apply()
    let model = try decoding.model(at: model)
    guard model.configuration.score != nil else { throw ModelError.noAlignment }
    let sentences = try source.isEmpty ? AlignInput.lines(model) : AlignInput.options(source, target, model)
    let aligned = try sentences.map { try align($0, model) }
    for (sentence, (text, picture)) in zip(sentences, aligned) {
      try Console.print("\(sentence.text) → \(text)\n")
      try Console.write(picture.terminal(colour: Console.isColoured, columns: Console.resultColumns))
      if aligned.count > 1 { try Console.print() }
    }
    guard let output, let file = PictureFile(output) else { return }
    try file.write(aligned.map(\.picture), title: "What \(self.model) looked at")
    Console.note("\(aligned.count == 1 ? "picture" : "pictures") in \(output)")
  }

  private func align(_ sentence: AlignInput.Sentence, _ model: TranslationModel) throws
    -> (text: String, picture: AlignmentPicture)
  {
    if let target = sentence.target {
      return (target, try model.picture(sentence.source, forcing: model.target.outputTokens(of: target)))
    }
    let options = DecodingOptions(beam: beam, outputs: 1)
    let hypothesis = try Reports.best(model.translate([sentence.source], options: options).first ?? [])
    return (hypothesis.text, try model.picture(sentence.source, hypothesis))
  }
}

/// A file of pictures, in the form that its ending names.
private struct PictureFile {
  private enum Form: String { case svg, html }

  private let url: URL
  private let form: Form

  /// Nil for an ending that names no form.
  init?(_ path: String) {
    url = URL(fileURLWithPath: path)
    guard let form = Form(rawValue: url.pathExtension.lowercased()) else { return nil }
    self.form = form
  }

  func write(_ pictures: [AlignmentPicture], title: String) throws {
    let text =
      switch form {
      case .svg: pictures.svg()
      case .html: pictures.html(title: title)
      }
    try AtomicFile.write(Data(text.utf8), to: url)
  }
}

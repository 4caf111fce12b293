import ArgumentParser
import Foundation
import Seq2Seq

struct Align: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a model looks at while it writes.",
    discussion: """
      A column for each token of the source, a row for each token of the target and for its end, </s>.
      """)

  @Option(help: "The model's folder.", completion: .directory)
  var model: String
  @Option(help: "The text to translate.")
  var source: String
  @Option(help: "The text to write; otherwise the model's own output.")
  var target: String?
  @Option(help: ArgumentHelp("Hypotheses kept at every step; 1 is greedy.", valueName: "k"))
  var beam = 1
  @Option(help: "Also write the picture to this SVG file.", completion: .file(extensions: ["svg"]))
  var output: String?
  @OptionGroup var decoding: DecodingArguments
  @OptionGroup var runtime: RuntimeArguments

  func validate() throws { try requireBeam(beam) }

  func run() throws {
    try runtime.apply()
    let model = try decoding.model(at: model)
    guard model.configuration.score != nil else { throw ModelError.noAlignment }
    let read = try model.read(source)
    guard !read.tokens.isEmpty else {
      throw CommandError("--source holds no token; give it a text to look at")
    }
    var unknown = UnknownTokens()
    unknown.add(read.unknown)
    Reports.note(unknown, in: "--source")
    let (text, picture) = try aligned(read, model)
    try Console.print("\(source) → \(text)\n")
    try Console.write(picture.terminal(colour: Console.isColoured))
    guard let output else { return }
    try AtomicFile.write(Data(picture.svg().utf8), to: URL(fileURLWithPath: output))
    Console.note("picture in \(output)")
  }

  private func aligned(_ source: TranslationModel.Source, _ model: TranslationModel) throws
    -> (text: String, picture: AlignmentPicture)
  {
    if let target {
      let tokens = model.target.tokens(of: target)
      Reports.note(UnknownTokens(in: [tokens], vocabulary: model.targetVocabulary), in: "--target")
      return (target, try model.picture(source, forcing: tokens))
    }
    let hypothesis = try Reports.best(model.translate([source], beam: beam).first ?? [])
    return (hypothesis.text, try model.picture(source, hypothesis))
  }
}

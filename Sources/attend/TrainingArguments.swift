import ArgumentParser
import Attention
import Seq2Seq

extension Score: ExpressibleByArgument {}
extension Readout: ExpressibleByArgument {}
extension RecurrentCell: ExpressibleByArgument {}
extension Tokenization.Unit: ExpressibleByArgument {}

/// What a model is made of, and how it is trained. Nothing here has a default of its own: what is not given is the
/// library's default, or, on resuming, what was saved.
struct TrainingArguments: ParsableArguments {
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case luong, bahdanau, plain

    init(_ shape: ModelConfiguration) {
      switch shape.decoder {
      case .luong: self = shape.score == nil ? .plain : .luong
      case .bahdanau: self = .bahdanau
      }
    }

    /// The library's defaults.
    var shape: ModelConfiguration {
      switch self {
      case .luong: .luong()
      case .bahdanau: .bahdanau()
      case .plain: .plain()
      }
    }
  }

  private static let shape = Kind.luong.shape
  private static let training = TrainingOptions()

  @Option(
    help: """
      luong attends to the source after the cell, bahdanau before it, plain does not. (default: luong)
      """)
  var model: Kind?
  @Option(help: "How Luong's attention compares two states. (default: \(shape.score!.rawValue))")
  var score: Score?
  @Option(
    help: """
      The recurrent cell. (default: \(shape.cell.rawValue); \(Kind.bahdanau.shape.cell.rawValue) for bahdanau)
      """)
  var cell: RecurrentCell?
  @Option(
    help: """
      What Bahdanau's output layer reads: a tanh layer, or the paper's larger of each two of half as many. \
      (default: \(Kind.bahdanau.shape.readout.rawValue))
      """)
  var readout: Readout?
  @Option(help: number("Hidden units.", shape.hidden))
  var hidden: Int?
  @Option(help: number("Width of the embeddings.", shape.embedding))
  var embedding: Int?
  @Flag(
    help: """
      The embeddings of the target are the output layer's weights too: as wide as the hidden units, half with maxout.
      """)
  var tied = false
  @Option(help: number("Layers of the encoder and, but for bahdanau, of the decoder.", shape.layers))
  var layers: Int?
  @Flag(help: "Residual connections: every layer above the first adds its input to its output.")
  var residual = false
  @Flag(help: "Read the source in one direction only.")
  var unidirectional = false
  @Flag(help: "Read sources from their end.")
  var reversedSource = false
  @Flag(help: "Do not feed the attentional state to the next step.")
  var noInputFeeding = false
  @Option(help: number("Share of activations dropped in training.", shape.dropout))
  var dropout: Float?
  @Flag(
    help: "Drop the same of a sentence at all of its steps, and whole tokens at the embeddings.")
  var variational = false
  @Option(help: number("Share of the recurrent weights dropped in training.", shape.recurrentDropout))
  var recurrentDropout: Float?
  @Option(
    help: ArgumentHelp(
      "Let all parameters start between -n and n. (default: each layer its own range)", valueName: "n"))
  var initialRange: Float?
  @Option(help: number("Most tokens that a sentence may have.", shape.maximumLength))
  var maxLength: Int?

  @Option(help: "What a token of the source is. (default: characters)")
  var sourceTokens: Tokenization.Unit?
  @Option(help: "What a token of the target is. (default: characters)")
  var targetTokens: Tokenization.Unit?
  @Flag(help: "Lowercase the text of both sides.")
  var lowercase = false

  @Option(help: number("Pairs in a batch.", training.batchSize))
  var batch: Int?
  @Option(help: number("Adam's learning rate.", training.rate))
  var rate: Float?
  @Option(help: number("Largest norm of the gradient.", training.clipNorm))
  var clip: Float?
  @Option(
    help: number("Share of a target's probability spread over the vocabulary.", training.labelSmoothing))
  var labelSmoothing: Float?
  @Option(
    help: """
      What encoder, attention and decoder round the factors of their weights' products to; with bfloat16 the weights \
      that learn stay in float32, int8 does not train. (default: \(training.precision.rawValue))
      """)
  var precision: Precision?
  @Option(help: number("Stop after so many epochs without a gain on the dev file.", training.patience!))
  var patience: Int?
  @Option(help: number("Decides weights, order and dropout.", training.seed))
  var seed: UInt64?

  private static func number(_ help: String, _ standard: some CustomStringConvertible) -> ArgumentHelp {
    ArgumentHelp("\(help) (default: \(standard))", valueName: "n")
  }

  func validate() throws {
    try validateKind()
    do {
      try options.validate()
      // The sizes of the vocabularies are not known yet; these are the smallest.
      _ = try configuration.sized(source: Vocabulary.reserved.count, target: Vocabulary.reserved.count)
    } catch {
      guard case .configuration(let option, let expected, let found) = error else { throw error }
      throw ValidationError("--\(Self.names[option] ?? option) is \(found); expected \(expected)")
    }
  }
}

extension TrainingArguments {
  /// Refuses what the kind of model leaves no choice of.
  private func validateKind() throws {
    if model == .plain && score != nil {
      throw ValidationError("--score needs attention; leave it out, or use --model luong")
    }
    guard model == .bahdanau else { return }
    let fixed = [
      ("--score", score != nil, "Bahdanau's model has one score"),
      ("--unidirectional", unidirectional, "Bahdanau's encoder reads in both directions"),
      ("--no-input-feeding", noInputFeeding, "Bahdanau's decoder is fed the context"),
    ]
    for (option, isGiven, reason) in fixed where isGiven {
      throw ValidationError("\(option): \(reason); leave it out, or use --model luong")
    }
  }
}

// MARK: - As the library takes them

extension TrainingArguments {
  var configuration: ModelConfiguration {
    var result = (model ?? .luong).shape
    if let score { result.score = score }
    result.cell = cell ?? result.cell
    result.readout = readout ?? result.readout
    result.hidden = hidden ?? result.hidden
    result.embedding = embedding ?? result.embedding
    result.layers = layers ?? result.layers
    if residual { result.residual = true }
    if unidirectional { result.bidirectional = false }
    if tied { result.tied = true }
    if reversedSource { result.reversedSource = true }
    if noInputFeeding { result.inputFeeding = false }
    result.dropout = dropout ?? result.dropout
    if variational { result.variational = true }
    result.initialRange = initialRange ?? result.initialRange
    result.recurrentDropout = recurrentDropout ?? result.recurrentDropout
    result.maximumLength = maxLength ?? result.maximumLength
    return result
  }

  var source: Tokenization { Tokenization(sourceTokens ?? .characters, lowercase: lowercase) }
  var target: Tokenization { Tokenization(targetTokens ?? .characters, lowercase: lowercase) }

  var options: TrainingOptions {
    var result = TrainingOptions()
    result.batchSize = batch ?? result.batchSize
    result.rate = rate ?? result.rate
    result.clipNorm = clip ?? result.clipNorm
    result.labelSmoothing = labelSmoothing ?? result.labelSmoothing
    result.precision = precision ?? result.precision
    result.patience = patience ?? result.patience
    result.seed = seed ?? result.seed
    return result
  }

  /// The library's names of options, as the command line spells them.
  private static let names = [
    "batchSize": "batch", "clipNorm": "clip", "labelSmoothing": "label-smoothing",
    "maximumLength": "max-length", "recurrentDropout": "recurrent-dropout",
    "initialRange": "initial-range",
  ]
}

// MARK: - Resuming

extension TrainingArguments {
  /// The options given that are not what a saved training was started with, each with both values.
  func contradictions(_ saved: Trainer) -> [String] {
    let (shape, options) = (saved.model.configuration, saved.options)
    let (source, target) = (saved.model.source, saved.model.target)
    let rows: [(name: String, given: String?, saved: String)] = [
      ("--model", model?.rawValue, Kind(shape).rawValue),
      ("--score", score?.rawValue, shape.score?.rawValue ?? "none"),
      ("--cell", cell?.rawValue, shape.cell.rawValue),
      ("--readout", readout?.rawValue, shape.readout.rawValue),
      ("--hidden", hidden?.description, "\(shape.hidden)"),
      ("--embedding", embedding?.description, "\(shape.embedding)"),
      ("--tied", tied ? "true" : nil, "\(shape.tied)"),
      ("--layers", layers?.description, "\(shape.layers)"),
      ("--residual", residual ? "true" : nil, "\(shape.residual)"),
      ("--unidirectional", unidirectional ? "true" : nil, "\(!shape.bidirectional)"),
      ("--reversed-source", reversedSource ? "true" : nil, "\(shape.reversedSource)"),
      ("--no-input-feeding", noInputFeeding ? "true" : nil, "\(!shape.inputFeeding)"),
      ("--dropout", dropout?.description, "\(shape.dropout)"),
      ("--variational", variational ? "true" : nil, "\(shape.variational)"),
      ("--initial-range", initialRange?.description, shape.initialRange?.description ?? "each layer's own"),
      ("--recurrent-dropout", recurrentDropout?.description, "\(shape.recurrentDropout)"),
      ("--max-length", maxLength?.description, "\(shape.maximumLength)"),
      ("--source-tokens", sourceTokens?.rawValue, source.unit.rawValue),
      ("--target-tokens", targetTokens?.rawValue, target.unit.rawValue),
      ("--lowercase", lowercase ? "true" : nil, "\(source.lowercase && target.lowercase)"),
      ("--batch", batch?.description, "\(options.batchSize)"),
      ("--rate", rate?.description, "\(options.rate)"),
      ("--clip", clip?.description, "\(options.clipNorm)"),
      ("--label-smoothing", labelSmoothing?.description, "\(options.labelSmoothing)"),
      ("--precision", precision?.rawValue, options.precision.rawValue),
      ("--patience", patience?.description, options.patience.map { "\($0)" } ?? "none"),
      ("--seed", seed?.description, "\(options.seed)"),
    ]
    return rows.filter { $0.given != nil && $0.given != $0.saved }
      .map { "\($0.name) is \($0.given ?? ""), was \($0.saved)" }
  }
}

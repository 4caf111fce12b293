import ArgumentParser
import Attention
import Seq2Seq

extension Score: ExpressibleByArgument {}
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

  /// Luong, Pham, Manning 2015, §3.2, by their names.
  enum Reach: String, ExpressibleByArgument, CaseIterable {
    case global
    case monotonic = "local-m"
    case predictive = "local-p"

    init(_ window: AttentionWindow?) {
      switch window {
      case nil: self = .global
      case .monotonic?: self = .monotonic
      case .predictive?: self = .predictive
      }
    }

    func window(radius: Int) -> AttentionWindow? {
      switch self {
      case .global: nil
      case .monotonic: .monotonic(radius: radius)
      case .predictive: .predictive(radius: radius)
      }
    }
  }

  /// That of Luong, Pham, Manning 2015 (§4.1).
  private static let standardRadius = 10

  private static let shape = Kind.luong.shape
  private static let training = TrainingOptions()

  @Option(
    help: """
      luong attends to the source after the cell, bahdanau before it, plain does not. (default: luong)
      """)
  var model: Kind?
  @Option(
    help: """
      How attention compares two states. (default: \(shape.score!.rawValue); \(Kind.bahdanau.shape.score!.rawValue) for \
      bahdanau, which takes normed-concat too)
      """)
  var score: Score?
  @Option(help: number("What the cosine score divides cosines by.", shape.scoreTemperature))
  var scoreTemperature: Float?
  @Option(
    help: """
      What a step attends to: all of the source, a window around its own number, or one around a position that it \
      predicts. (default: global)
      """)
  var window: Reach?
  @Option(help: number("How far a local window reaches to either side.", standardRadius))
  var radius: Int?
  @Option(
    help: """
      The recurrent cell. (default: \(shape.cell.rawValue); \(Kind.bahdanau.shape.cell.rawValue) for bahdanau)
      """)
  var cell: RecurrentCell?
  @Option(help: number("Hidden units.", shape.hidden))
  var hidden: Int?
  @Option(help: number("Width of the embeddings.", shape.embedding))
  var embedding: Int?
  @Option(help: number("Layers of the encoder and, but for bahdanau, of the decoder.", shape.layers))
  var layers: Int?
  @Flag(help: "Residual connections: every layer above the first adds its input to its output.")
  var residual = false
  @Flag(help: "Read the source in one direction only.")
  var unidirectional = false
  @Flag(help: "Do not feed the attentional state to the next step.")
  var noInputFeeding = false
  @Option(help: number("Share of activations dropped in training.", shape.dropout))
  var dropout: Float?
  @Option(help: number("Share of the attention's weights dropped in training.", shape.attentionDropout))
  var attentionDropout: Float?
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
    for (option, isGiven) in [("--score", score != nil), ("--window", window != nil)]
    where isGiven && model == .plain {
      throw ValidationError("\(option) needs attention; leave it out, or use --model luong")
    }
    if radius != nil && (window ?? .global) == .global {
      throw ValidationError(
        "--radius is that of a local window; add --window local-m or local-p, or leave it out")
    }
    guard model == .bahdanau else { return }
    let fixed = [
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
    result.scoreTemperature = scoreTemperature ?? result.scoreTemperature
    result.window = window?.window(radius: radius ?? Self.standardRadius)
    result.cell = cell ?? result.cell
    result.hidden = hidden ?? result.hidden
    result.embedding = embedding ?? result.embedding
    result.layers = layers ?? result.layers
    if residual { result.residual = true }
    if unidirectional { result.bidirectional = false }
    if noInputFeeding { result.inputFeeding = false }
    result.dropout = dropout ?? result.dropout
    result.attentionDropout = attentionDropout ?? result.attentionDropout
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
    "attentionDropout": "attention-dropout", "maximumLength": "max-length",
    "scoreTemperature": "score-temperature",
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
      ("--score-temperature", scoreTemperature?.description, "\(shape.scoreTemperature)"),
      ("--window", window?.rawValue, Reach(shape.window).rawValue),
      ("--radius", radius?.description, shape.window.map { "\($0.radius)" } ?? "none"),
      ("--cell", cell?.rawValue, shape.cell.rawValue),
      ("--hidden", hidden?.description, "\(shape.hidden)"),
      ("--embedding", embedding?.description, "\(shape.embedding)"),
      ("--layers", layers?.description, "\(shape.layers)"),
      ("--residual", residual ? "true" : nil, "\(shape.residual)"),
      ("--unidirectional", unidirectional ? "true" : nil, "\(!shape.bidirectional)"),
      ("--no-input-feeding", noInputFeeding ? "true" : nil, "\(!shape.inputFeeding)"),
      ("--dropout", dropout?.description, "\(shape.dropout)"),
      ("--attention-dropout", attentionDropout?.description, "\(shape.attentionDropout)"),
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

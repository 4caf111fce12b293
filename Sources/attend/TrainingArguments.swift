import ArgumentParser
import Attention
import Seq2Seq

extension Score: ExpressibleByArgument {}
extension Readout: ExpressibleByArgument {}
extension RecurrentCell: ExpressibleByArgument {}
extension ModelKind: ExpressibleByArgument {}
extension OptimizerOptions.Rule: ExpressibleByArgument {}
extension RateSchedule.Shape: ExpressibleByArgument {}
extension ScheduledSampling.Decay: ExpressibleByArgument {}
extension TrainingOptions.Criterion: ExpressibleByArgument {}

/// A recipe by its name.
struct Preset: ExpressibleByArgument {
  let recipe: Recipe

  init?(argument: String) {
    guard let recipe = Recipe.presets[argument] else { return nil }
    self.recipe = recipe
  }

  static var allValueStrings: [String] { Recipe.presets.keys.sorted() }
}

/// The windows of Luong, Pham, Manning 2015, §3.2, by their names.
enum Reach: String, ExpressibleByArgument, CaseIterable {
  case global
  case monotonic = "local-m"
  case predictive = "local-p"

  func window(radius: Int) -> AttentionWindow? {
    switch self {
    case .global: nil
    case .monotonic: .monotonic(radius: radius)
    case .predictive: .predictive(radius: radius)
    }
  }

  /// That of the paper (§4.1).
  static let standardRadius = 10
}

/// What training can round to; int8 is for decoding alone.
enum TrainingPrecision: String, ExpressibleByArgument, CaseIterable {
  case float32, bfloat16

  var precision: Precision {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    }
  }
}

/// What a model is made of, and how it is trained. Nothing here has a default of its own: what is not given is the preset's or
/// the file's, else the library's default or, on resuming, what was saved.
struct TrainingArguments: ParsableArguments {
  private static let standard = Recipe()
  private static let shape = standard.model
  private static let training = standard.training

  @Option(help: "Begin with the settings of a paper, or with small ones.")
  var preset: Preset?
  @Option(
    help: ArgumentHelp(
      "Begin with a JSON file such as the recipe.json that a training leaves; it need not name everything.",
      valueName: "file"),
    completion: .file())
  var config: String?
  @Option(help: number("Epochs to train, those before a resumption included.", standard.epochs))
  var epochs: Int?

  @Option(
    help: """
      luong attends to the source after the cell, bahdanau before it, plain does not. Over a preset or file of another kind, what is \
      usual there becomes what is usual here, such as the cell. (default: luong)
      """)
  var model: ModelKind?
  @Option(
    help: """
      How attention compares two states. (default: \(shape.score!.rawValue); \(ModelKind.bahdanau.standard.score!.rawValue) for \
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
  @Option(help: number("How far a local window reaches to either side.", Reach.standardRadius))
  var radius: Int?
  @Option(
    help: """
      The recurrent cell. (default: \(shape.cell.rawValue); \(ModelKind.bahdanau.standard.cell.rawValue) for bahdanau)
      """)
  var cell: RecurrentCell?
  @Option(
    help: """
      What Bahdanau's output layer reads: a tanh layer, or the paper's larger of each two of half as many. \
      (default: \(ModelKind.bahdanau.standard.readout.rawValue))
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
  @Option(help: number("Share of the attention's weights dropped in training.", shape.attentionDropout))
  var attentionDropout: Float?
  @Flag(
    help: "Drop the same of a sentence at all of its steps, and whole tokens at the embeddings.")
  var variational = false
  @Option(help: number("Share of the recurrent weights dropped in training.", shape.recurrentDropout))
  var recurrentDropout: Float?
  @Option(
    help: ArgumentHelp(
      "Let all parameters start between -n and n. (default: each layer its own range)", valueName: "n"))
  var initialRange: Float?
  @Flag(help: "Let recurrent matrices start orthogonal and other weights narrow, as Bahdanau's paper.")
  var orthogonal = false
  @Option(help: number("Most tokens of a sentence.", shape.maximumLength))
  var maxLength: Int?
  @Option(
    help: number("Most tokens of a side of the pairs that are learnt; others are left out.", "--max-length"))
  var longestPair: Int?

  @OptionGroup var text: TextArguments

  @Option(help: number("Pairs in a batch.", training.batchSize))
  var batch: Int?
  @Option(help: number("Tokens in a batch, of whichever side has more, instead of pairs.", "pairs"))
  var batchTokens: Int?
  @Option(help: number("Batches whose gradients make one update.", training.accumulation))
  var accumulate: Int?
  @Option(help: "What makes updates of gradients. (default: \(training.optimizer.rule.rawValue))")
  var optimizer: OptimizerOptions.Rule?
  @Option(help: number("Momentum of sgd.", OptimizerOptions(.sgd).momentum))
  var momentum: Float?
  @Option(
    help: number(
      "Share of weights taken away at every update, times the rate; none with adam.", "0; 0.01 for adamw"))
  var weightDecay: Float?
  @Option(help: number("Learning rate, before its schedule.", "\(training.rate); 1 for adadelta and sgd"))
  var rate: Float?
  @Option(
    help: """
      How the rate changes: plateau lowers it after an epoch without a gain on the dev file, step at fixed epochs, cosine to 0 \
      at the last. (default: \(training.schedule.shape.rawValue))
      """)
  var schedule: RateSchedule.Shape?
  @Option(help: number("Updates over which the rate grows from 0.", training.schedule.warmup))
  var warmup: Int?
  @Option(help: number("What plateau and step multiply the rate by.", training.rateDecay))
  var rateDecay: Float?
  @Option(help: number("Epochs before the first decay of step.", training.schedule.decayStart))
  var decayStart: Double?
  @Option(help: number("Epochs from one decay of step to the next.", training.schedule.decayEvery))
  var decayEvery: Double?
  @Option(help: number("Largest norm of the gradient.", training.clipNorm))
  var clip: Float?
  @Option(
    help: number("Share of a target's probability spread over the vocabulary.", training.labelSmoothing))
  var labelSmoothing: Float?
  @Option(
    help: """
      Feed the decoder its own tokens instead of the true ones, ever more of them: how the true ones' share falls.
      """)
  var scheduledSampling: ScheduledSampling.Decay?
  @Option(
    help: ArgumentHelp(
      "Its k: 1 − i/k, k^i or k/(k + exp(i/k)) at update i. (default: 20000, 0.9999 or 1500)", valueName: "k")
  )
  var samplingK: Double?
  @Option(help: number("The least share of true tokens.", 0))
  var samplingLeast: Double?
  @Option(
    help: """
      What encoder, attention and decoder round the factors of their weights' products to; with bfloat16 the weights \
      that learn stay in float32. (default: \(training.precision.rawValue))
      """)
  var precision: TrainingPrecision?
  @Option(
    help: number(
      "Decay of the moving average of weights that is judged and kept; 0 keeps the weights themselves.",
      training.averageDecay))
  var averageDecay: Float?
  @Option(help: number("Beam that decodes the dev file; 1 is greedy.", training.developmentBeam))
  var devBeam: Int?
  @Option(
    help:
      "What decides which epoch was the best; where it is equal, the cross entropy. (default: \(training.criterion.rawValue))"
  )
  var bestBy: TrainingOptions.Criterion?
  @Option(help: number("Stop after so many epochs without a gain on the dev file.", training.patience!))
  var patience: Int?
  @Option(help: number("Decides weights, order and dropout.", training.seed))
  var seed: UInt64?

  private static func number(_ help: String, _ standard: some CustomStringConvertible) -> ArgumentHelp {
    ArgumentHelp("\(help) (default: \(standard))", valueName: "n")
  }
}

import ArgumentParser
import Foundation
import Seq2Seq

// What the options of a training make of a recipe, and what they contradict of a saved one.

extension TrainingArguments {
  /// The preset, else `base`; over it the file, and over both the options.
  ///
  /// - Throws: ``RecipeError`` for the file, ``CheckpointError`` for one of subwords.
  func recipe(over base: Recipe) throws -> Recipe {
    let base = preset?.recipe ?? base
    var result = base
    if let config { result = try result.laying(contentsOf: Self.recipe(at: URL(fileURLWithPath: config))) }
    if let model { try result.become(model) }
    lay(over: &result.model)
    try text.lay(over: &result)
    lay(over: &result.training)
    if let longestPair { result.longestPair = longestPair }
    set(&result.epochs, epochs)
    guard result.training.schedule.shape == .cosine else { return result }
    // A cosine is laid out for the training's length, unless a file says otherwise.
    let (end, earlier) = (result.training.schedule.epochs, base.training.schedule.epochs)
    if epochs != nil || end == nil || end == earlier && result.epochs != base.epochs {
      result.training.schedule.epochs = result.epochs
    }
    return result
  }

  /// A model's folder stands for the recipe in it.
  private static func recipe(at place: URL) -> URL {
    place.hasDirectoryPath ? place.appending(path: Recipe.file) : place
  }

  private func set<Value>(_ value: inout Value, _ given: Value?) {
    if let given { value = given }
  }

  private func lay(over model: inout ModelConfiguration) {
    if let score { model.score = score }
    set(&model.scoreTemperature, scoreTemperature)
    lay(over: &model.window)
    set(&model.cell, cell)
    set(&model.readout, readout)
    set(&model.hidden, hidden)
    set(&model.embedding, embedding)
    set(&model.layers, layers)
    if tied { model.tied = true }
    if residual { model.residual = true }
    if unidirectional { model.bidirectional = false }
    if reversedSource { model.reversedSource = true }
    if noInputFeeding { model.inputFeeding = false }
    set(&model.dropout, dropout)
    if variational { model.variational = true }
    set(&model.attentionDropout, attentionDropout)
    set(&model.recurrentDropout, recurrentDropout)
    if let initialRange { (model.initialRange, model.orthogonal) = (initialRange, false) }
    if orthogonal { (model.initialRange, model.orthogonal) = (initialRange, true) }
    set(&model.maximumLength, maxLength)
  }

  /// A radius alone is that of the window there is.
  private func lay(over shape: inout AttentionWindow?) {
    if let window { shape = window.window(radius: radius ?? shape?.radius ?? Reach.standardRadius) }
    if let radius { shape = shape?.with(radius: radius) }
  }

  private func lay(over training: inout TrainingOptions) {
    set(&training.batchSize, batch)
    if batch != nil || batchTokens != nil { training.batchTokens = batchTokens }
    set(&training.accumulation, accumulate)
    if let optimizer { training.become(optimizer) }
    set(&training.optimizer.momentum, momentum)
    set(&training.optimizer.weightDecay, weightDecay)
    set(&training.rate, rate)
    set(&training.schedule.shape, schedule)
    set(&training.schedule.warmup, warmup)
    set(&training.schedule.decayStart, decayStart)
    set(&training.schedule.decayEvery, decayEvery)
    set(&training.rateDecay, rateDecay)
    set(&training.clipNorm, clip)
    set(&training.labelSmoothing, labelSmoothing)
    if let scheduledSampling, scheduledSampling != training.sampling?.decay {
      training.sampling = ScheduledSampling(scheduledSampling)
    }
    if let samplingK { training.sampling?.k = samplingK }
    if let samplingLeast { training.sampling?.least = samplingLeast }
    set(&training.precision, precision?.precision)
    set(&training.averageDecay, averageDecay)
    set(&training.developmentBeam, devBeam)
    set(&training.criterion, bestBy)
    if let patience { training.patience = patience }
    set(&training.seed, seed)
  }
}

// MARK: - What cannot be

extension TrainingArguments {
  /// What is wrong with a recipe that these options made, in their words; nil if nothing is.
  func problem(in recipe: Recipe) -> String? {
    if let problem = problemOfKind(recipe) { return problem }
    if batch != nil && batchTokens != nil {
      return "--batch and --batch-tokens both say how large a batch is; leave one of them out"
    }
    if recipe.training.sampling == nil, samplingK != nil || samplingLeast != nil {
      return "\(samplingK != nil ? "--sampling-k" : "--sampling-least") needs --scheduled-sampling"
    }
    do {
      try recipe.validate()
    } catch {
      guard case .configuration(let option, let expected, let found) = error else { return "\(error)" }
      let name = Self.option(option)
      return "\(name) is \(Self.said(name, found)); expected \(Self.said(name, expected))"
    }
    let shape = recipe.training.schedule.shape
    return unused(by: shape).map {
      "\($0) has no part in --schedule \(shape.rawValue); leave it out, or take another"
    }
  }

  /// An option of decays that a schedule of this shape does not have; nil without one.
  private func unused(by shape: RateSchedule.Shape) -> String? {
    let decays = [
      ("--rate-decay", rateDecay != nil, [.plateau, .step]),
      ("--decay-start", decayStart != nil, [.step]),
      ("--decay-every", decayEvery != nil, [RateSchedule.Shape.step]),
    ]
    return decays.first { $0.1 && !$0.2.contains(shape) }?.0
  }

  /// What the kind of model leaves no choice of.
  private func problemOfKind(_ recipe: Recipe) -> String? {
    let looking = [
      ("--score", score != nil), ("--window", window != nil),
      ("--attention-dropout", attentionDropout != nil),
    ]
    if let option = looking.first(where: \.1)?.0, model == .plain {
      return "\(option) needs attention; leave it out, or use --model luong"
    }
    if radius != nil && recipe.model.window == nil {
      return "--radius is that of a local window; add --window local-m or local-p, or leave it out"
    }
    if residual && recipe.model.layers == 1 {
      return "--residual is between layers, and there is one; take --layers 2, or leave --residual out"
    }
    guard recipe.model.decoder == .bahdanau else { return nil }
    let fixed = [
      ("--unidirectional", unidirectional, "Bahdanau's encoder reads in both directions"),
      ("--no-input-feeding", noInputFeeding, "Bahdanau's decoder is fed the context"),
    ]
    return fixed.first { $0.1 }.map { "\($0.0): \($0.2); leave it out, or use --model luong" }
  }

  /// The first option that is about what dev examples are judged by in a training of this recipe; nil without one.
  func judging(_ recipe: Recipe) -> String? {
    let judged = [
      ("--rate-decay", rateDecay != nil && schedule == nil && recipe.training.schedule.shape == .plateau),
      ("--patience", patience != nil), ("--schedule plateau", schedule == .plateau),
      ("--best-by", bestBy != nil),
      ("--dev-beam", devBeam != nil),
    ]
    return judged.first(where: \.1)?.0
  }

  /// What a recipe that these options made does not share with the saved one that they were laid over, each with both values; when a training
  /// ends may change.
  func contradictions(_ given: Recipe, _ saved: Recipe) -> [String] {
    let kinds = (ModelKind(given.model), ModelKind(saved.model))
    var result = kinds.0 == kinds.1 ? [] : ["--model is \(kinds.0.rawValue), was \(kinds.1.rawValue)"]
    for difference in given.differences(from: saved)
    where !["epochs", "training.patience"].contains(difference.path) {
      // Another kind has other settings throughout.
      if kinds.0 != kinds.1 && difference.path.hasPrefix("model.") { continue }
      let option = Self.option(difference.path)
      let line =
        "\(option) is \(Self.said(option, difference.here)), was \(Self.said(option, difference.there))"
      if !result.contains(line) { result.append(line) }
    }
    return result
  }

  /// The option of a recipe's value, given its path or its name alone.
  private static func option(_ path: String) -> String {
    let name = path.split(separator: ".").last.map(String.init) ?? path
    let known = names[path] ?? names[name]
    return "--" + (known ?? name.map { $0.isUppercase ? "-" + $0.lowercased() : String($0) }.joined())
  }

  /// Where an option is not called what the recipe calls it.
  private static let names = [
    "decoder": "model", "bidirectional": "unidirectional", "inputFeeding": "no-input-feeding",
    "maximumLength": "max-length", "source.unit": "source-tokens", "target.unit": "target-tokens",
    "batchSize": "batch", "accumulation": "accumulate", "rule": "optimizer", "shape": "schedule",
    "training.sampling.decay": "scheduled-sampling", "k": "sampling-k",
    "least": "sampling-least", "model.window.kind": "window", "clipNorm": "clip",
    "developmentBeam": "dev-beam", "criterion": "best-by", "minimumCount": "min-count",
    "vocabulary.source.maximumSize": "source-vocabulary",
    "vocabulary.target.maximumSize": "target-vocabulary", "source.subwords": "source-subwords",
    "target.subwords": "target-subwords",
  ]

  /// A recipe's value, or what is expected of it, as an option says it: some say the opposite.
  private static func said(_ option: String, _ value: String) -> String {
    guard ["--unidirectional", "--no-input-feeding"].contains(option) else { return value }
    if value.hasPrefix("true") { return "false" + value.dropFirst("true".count) }
    if value.hasPrefix("false") { return "true" + value.dropFirst("false".count) }
    return value
  }
}

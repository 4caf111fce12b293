import Foundation

/// What decides a training but its data: what `attend train` is told by options, a preset or a file, and leaves in the
/// model's folder as `recipe.json`.
public struct Recipe: Codable, Sendable, Equatable {
  public var model: ModelConfiguration
  public var source: Tokenization
  public var target: Tokenization
  /// Which tokens of the training data each side's vocabulary takes in.
  public var vocabulary: Vocabulary.SideLimits
  /// The most tokens that a side of a pair to learn may have, where a model may read and write longer ones; nil for
  /// as many as it may.
  public var longestPair: Int?
  public var training: TrainingOptions
  /// The most epochs.
  public var epochs: Int

  public init(
    model: ModelConfiguration = .luong(), source: Tokenization = .characters,
    target: Tokenization = .characters, vocabulary: Vocabulary.SideLimits = Vocabulary.SideLimits(),
    longestPair: Int? = nil, training: TrainingOptions = TrainingOptions(), epochs: Int = 20
  ) {
    self.model = model
    self.source = source
    self.target = target
    self.vocabulary = vocabulary
    self.longestPair = longestPair
    self.training = training
    self.epochs = epochs
  }

  /// The most tokens that a side of a pair to learn has.
  public var learntLength: Int { min(model.maximumLength, longestPair ?? .max) }

  /// The file's name in a model's folder.
  public static let file = "recipe.json"

  /// - Throws: ``ModelError/configuration(option:expected:found:)`` for the first option that cannot be.
  public func validate() throws(ModelError) {
    guard epochs >= 1 else {
      throw .configuration(option: "epochs", expected: "at least 1", found: "\(epochs)")
    }
    if let end = training.schedule.end, end >= 1, epochs > end {
      throw .configuration(
        option: "epochs", expected: "at most the \(end) of training.schedule, after which the rate is 0",
        found: "\(epochs)")
    }
    guard longestPair ?? 1 >= 1 else {
      throw .configuration(option: "longestPair", expected: "at least 1", found: "\(longestPair ?? 0)")
    }
    for (side, tokenization) in [("source", source), ("target", target)] {
      guard case .bytePairs = tokenization.subwords, tokenization.unit == .characters else { continue }
      throw .configuration(
        option: "\(side).unit", expected: "whitespace or words, which byte pairs are parts of",
        found: "characters")
    }
    let least = Vocabulary.reserved.count + 1
    for (side, limits) in [("source", vocabulary.source), ("target", vocabulary.target)] {
      guard limits.minimumCount >= 1 else {
        throw .configuration(
          option: "vocabulary.\(side).minimumCount", expected: "at least 1", found: "\(limits.minimumCount)")
      }
      guard limits.maximumSize ?? least >= least else {
        throw .configuration(
          option: "vocabulary.\(side).maximumSize",
          expected: "at least \(least), \(Vocabulary.reserved.count) of them reserved",
          found: "\(limits.maximumSize ?? 0)")
      }
    }
    try training.validate()
    // The sizes of the vocabularies are not known yet; these are the smallest.
    _ = try model.sized(source: Vocabulary.reserved.count, target: Vocabulary.reserved.count)
  }
}

/// What is wrong with a file that should hold a recipe.
public enum RecipeError: Error, Equatable, Sendable {
  case unreadable(CheckpointError)
  case malformed(file: String, problem: String)
}

extension RecipeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unreadable(let error): error.description
    case .malformed(let file, let problem): "\(file): not a recipe (\(problem)); correct it"
    }
  }
}

// MARK: - As JSON

extension Recipe {
  /// Lays what a JSON file holds over this recipe: it need not name what it does not change. Subwords are the name of their file,
  /// seen from the JSON file's folder. Limits that `vocabulary` names for neither side are those of both.
  ///
  /// A file that names another kind of model than this recipe's begins from that kind's own defaults, one that names another
  /// optimiser from that one's.
  ///
  /// - Throws: ``RecipeError``, for an unknown name too.
  public func laying(contentsOf file: URL) throws(RecipeError) -> Recipe {
    let data: Data
    do { data = try CheckpointError.read(file) } catch { throw .unreadable(error) }
    do {
      var given = try JSONDecoder().decode(JSONValue.self, from: data)
      guard case .object = given else {
        throw RecipeError.malformed(file: file.path, problem: "it is no object in braces")
      }
      given = Self.limitingBothSides(try Self.readingSubwords(given, beside: file))
      var base = self
      if let kind = Self.kind(given["model"], over: model) { try base.become(kind) }
      if case .string(let name)? = given["training"]?["optimizer"]?["rule"],
        let rule = OptimizerOptions.Rule(rawValue: name)
      {
        base.training.become(rule)
      }
      let result = try base.values.laid(under: given).decoded(Recipe.self)
      let known = Set(result.values.leaves.map(\.path))
      if let unknown = given.leaves.first(where: { $0.value != .null && !known.contains($0.path) }) {
        throw RecipeError.malformed(file: file.path, problem: "nothing is called '\(unknown.path)'")
      }
      return result
    } catch let error as RecipeError {
      throw error
    } catch {
      throw .malformed(file: file.path, problem: CheckpointError.problem(error))
    }
  }

  /// A file's values with subwords in the place of the names of their files.
  private static func readingSubwords(_ given: JSONValue, beside file: URL) throws -> JSONValue {
    var result = given
    for side in ["source", "target"] {
      guard case .string(let name)? = given[side]?["subwords"] else { continue }
      let url = URL(fileURLWithPath: name, relativeTo: file.deletingLastPathComponent()).absoluteURL
      let subwords: Subwords
      do { subwords = try Subwords(contentsOf: url) } catch { throw RecipeError.unreadable(error) }
      result = result.laid(under: .object([side: .object(["subwords": try JSONValue(subwords)])]))
    }
    return result
  }

  /// A file's values with the limits that it names for neither side, as older recipes have them, at both.
  private static func limitingBothSides(_ given: JSONValue) -> JSONValue {
    guard case .object(let limits)? = given["vocabulary"] else { return given }
    let names = ["minimumCount", "maximumSize"]
    let both = JSONValue.object(limits.filter { names.contains($0.key) })
    return JSONValue.object(["vocabulary": .object(["source": both, "target": both])])
      .laid(under: given.removing(names, from: "vocabulary"))
  }

  /// The kind that a file's values ask for; nil if they do not say.
  private static func kind(_ given: JSONValue?, over model: ModelConfiguration) -> ModelKind? {
    let (decoder, score) = (given?["decoder"], given?["score"])
    switch decoder {
    case .string(DecoderKind.bahdanau.rawValue): return .bahdanau
    case .string(DecoderKind.luong.rawValue): return score == .null ? .plain : .luong
    default: return score == .null ? .plain : nil
    }
  }

  /// Makes the model one of another kind: that kind's defaults, and over them what this one has of its own and the other leaves a choice of.
  public mutating func become(_ kind: ModelKind) throws {
    guard kind != ModelKind(model) else { return }
    let own = try JSONValue(model).differing(from: JSONValue(ModelKind(model).standard))
    model = try JSONValue(kind.standard).laid(under: own).decoded(ModelConfiguration.self)
    let standard = kind.standard
    switch kind {
    case .luong:
      model.readout = standard.readout
    case .bahdanau:
      (model.bidirectional, model.inputFeeding) = (standard.bidirectional, standard.inputFeeding)
      if model.score?.isAdditive != true { model.score = standard.score }
      model.scoreTemperature = standard.scoreTemperature
    case .plain:
      model.readout = standard.readout
      (model.score, model.scoreTemperature) = (standard.score, standard.scoreTemperature)
      (model.window, model.attentionDropout) = (standard.window, standard.attentionDropout)
    }
  }

  /// Writes the recipe as a JSON file, its keys sorted, and its subwords to the files beside it that a model has for them.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``.
  public func write(to file: URL) throws(CheckpointError) {
    let (sourceFile, targetFile) = (TranslationModel.sourceSubwordsFile, TranslationModel.targetSubwordsFile)
    let folder = file.deletingLastPathComponent()
    try source.subwords?.write(to: folder.appending(path: sourceFile))
    try target.subwords?.write(to: folder.appending(path: targetFile))
    try CheckpointError.encode(values(naming: sourceFile, targetFile), to: file)
  }

  /// One value that two recipes do not share.
  public struct Difference: Equatable, Sendable {
    /// Where it stands, such as `training.schedule.warmup`.
    public let path: String
    /// As text; "none" where there is none.
    public let here: String
    public let there: String
  }

  /// In what this recipe differs from another, in the order of the paths.
  public func differences(from other: Recipe) -> [Difference] {
    func leaves(_ recipe: Recipe) -> [String: JSONValue] {
      let subwords = [recipe.source, recipe.target].map { $0.subwords?.description ?? "" }
      let values = recipe.values(naming: subwords[0], subwords[1])
      return Dictionary(uniqueKeysWithValues: values.leaves.map { ($0.path, $0.value) })
    }
    let (here, there) = (leaves(self), leaves(other))
    return Set(here.keys).union(there.keys).sorted().filter {
      here[$0] ?? .null != there[$0] ?? .null
    }.map { path in
      Difference(
        path: path, here: here[path]?.description ?? "none", there: there[path]?.description ?? "none")
    }
  }

  /// All values by name, but for what the data decide.
  private var values: JSONValue {
    guard let values = try? JSONValue(self) else { preconditionFailure("a recipe is always JSON") }
    return values.removing(["sourceVocabulary", "targetVocabulary", "longestTarget"], from: "model")
  }

  /// The same with texts in the place of the subwords that there are.
  private func values(naming sourceSubwords: String, _ targetSubwords: String) -> JSONValue {
    var result = values
    for (side, tokenization, name) in [
      ("source", source, sourceSubwords), ("target", target, targetSubwords),
    ]
    where tokenization.subwords != nil {
      result = result.laid(under: .object([side: .object(["subwords": .string(name)])]))
    }
    return result
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let model = try values.decode(JSONValue.self, forKey: .model)
    // What the data decide is in no recipe.
    let sizes = JSONValue.object(["sourceVocabulary": .whole(0), "targetVocabulary": .whole(0)])
    self.model = try sizes.laid(under: model).decoded(ModelConfiguration.self)
    source = try values.decode(Tokenization.self, forKey: .source)
    target = try values.decode(Tokenization.self, forKey: .target)
    vocabulary =
      try values.decodeIfPresent(Vocabulary.SideLimits.self, forKey: .vocabulary) ?? Vocabulary.SideLimits()
    longestPair = try values.decodeIfPresent(Int.self, forKey: .longestPair)
    training = try values.decode(TrainingOptions.self, forKey: .training)
    epochs = try values.decode(Int.self, forKey: .epochs)
  }
}

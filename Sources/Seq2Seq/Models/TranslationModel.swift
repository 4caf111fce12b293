import Attention
import Foundation

/// A trained model with its text: strings in, strings out. On disk it is a folder of `config.json`, `model.safetensors`,
/// `source.vocabulary.json` and `target.vocabulary.json`, and for a side with subwords `source.subwords` or `target.subwords`.
public struct TranslationModel: Sendable {
  public internal(set) var network: EncoderDecoder {
    didSet { packs = PackCache() }
  }
  public let source: Tokenization
  public let target: Tokenization
  public let sourceVocabulary: Vocabulary
  public let targetVocabulary: Vocabulary
  /// What ``translate(_:beam:)-(String,_)`` and its like round the weights of all products to, and what they meet. The model
  /// itself, its scores of given targets and its folder keep `Float`.
  public var precision: Precision = .float32 {
    didSet { packs = PackCache() }
  }
  /// Made by the first translation after a change: about as much memory again as the weights take in `precision`.
  private var packs = PackCache()

  public var configuration: ModelConfiguration { network.configuration }

  /// The network with its weights packed in the model's precision.
  var packed: PackedModel { packs.model(of: network, precision) }

  /// A model with random weights for the tokens of a corpus.
  ///
  /// - Parameter limits: which tokens each side's vocabulary takes in
  /// - Throws: ``ModelError/configuration(option:expected:found:)``.
  public init(
    _ configuration: ModelConfiguration, corpus: ParallelCorpus, source: Tokenization, target: Tokenization,
    limits: Vocabulary.SideLimits = Vocabulary.SideLimits(), seed: UInt64
  ) throws(ModelError) {
    sourceVocabulary = Vocabulary(counting: corpus.pairs.lazy.map(\.source), limits: limits.source)
    targetVocabulary = Vocabulary(counting: corpus.pairs.lazy.map(\.target), limits: limits.target)
    self.source = source
    self.target = target
    var sized = try configuration.sized(source: sourceVocabulary.count, target: targetVocabulary.count)
    sized.longestTarget = corpus.pairs.lazy.map(\.target.count).max()
    network = try EncoderDecoder(sized, seed: seed)
  }

  /// A source as the model reads it.
  public struct Source: Sendable {
    public let tokens: [String]
    let ids: [Int32]
    /// The tokens that the vocabulary lacks; the model reads them all as one "unknown".
    public let unknown: [String]
  }

  /// Tokenizes a source.
  ///
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  public func read(_ text: String) throws(ModelError) -> Source {
    try read(source.tokens(of: text))
  }

  public func read(_ tokens: [String]) throws(ModelError) -> Source {
    guard tokens.count <= configuration.maximumLength else {
      throw .tooLong(tokens: tokens.count, limit: configuration.maximumLength)
    }
    let ids = sourceVocabulary.encode(tokens)
    let unknown = zip(tokens, ids).filter { $0.1 == Vocabulary.unknown }.map(\.0)
    return Source(tokens: tokens, ids: ids.map(Int32.init), unknown: unknown)
  }

  /// The log-probabilities and alignments of given pairs, in their order. Tokens that a vocabulary lacks count as unknown.
  ///
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  public func score(_ pairs: [(source: [String], target: [String])]) throws(ModelError)
    -> [EncoderDecoder.ForcedScore]
  {
    let batch = Batch(
      try pairs.map { pair throws(ModelError) in try ids(source: pair.source, target: pair.target) })
    var result = [EncoderDecoder.ForcedScore?](repeating: nil, count: pairs.count)
    for (place, score) in zip(batch.order, try network.scores(batch)) { result[place] = score }
    return result.map { $0! }
  }

  /// A pair as the network reads it.
  ///
  /// - Throws: ``ModelError/tooLong(tokens:limit:)``.
  func ids(source: [String], target: [String]) throws(ModelError) -> (source: [Int32], target: [Int32]) {
    guard target.count <= configuration.maximumLength else {
      throw .tooLong(tokens: target.count, limit: configuration.maximumLength)
    }
    return (try read(source).ids, targetVocabulary.encode(target).map(Int32.init))
  }
}

// MARK: - The folder

extension TranslationModel {
  static let configurationFile = "config.json"
  static let weightsFile = "model.safetensors"
  static let sourceVocabularyFile = "source.vocabulary.json"
  static let targetVocabularyFile = "target.vocabulary.json"
  static let sourceSubwordsFile = "source.subwords"
  static let targetSubwordsFile = "target.subwords"

  /// What `config.json` holds.
  private struct Description: Codable {
    let model: ModelConfiguration
    let source: SavedTokenization
    let target: SavedTokenization
  }

  /// Reads a model folder.
  ///
  /// - Throws: ``CheckpointError`` naming the file that is missing, torn or does not belong to the others.
  public init(contentsOf folder: URL) throws(CheckpointError) {
    var isFolder: ObjCBool = true
    if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder), !isFolder.boolValue {
      throw .notAFolder(path: folder.path)
    }
    let description = try CheckpointError.decode(
      Description.self, from: folder.appending(path: Self.configurationFile))
    do {
      try description.model.validate()
    } catch {
      throw .malformed(file: folder.appending(path: Self.configurationFile).path, problem: error.description)
    }
    source = try description.source.tokenization(subwordsAt: folder.appending(path: Self.sourceSubwordsFile))
    target = try description.target.tokenization(subwordsAt: folder.appending(path: Self.targetSubwordsFile))
    sourceVocabulary = try Vocabulary(contentsOf: folder.appending(path: Self.sourceVocabularyFile))
    targetVocabulary = try Vocabulary(contentsOf: folder.appending(path: Self.targetVocabularyFile))
    try Self.check(sourceVocabulary, Self.sourceVocabularyFile, description.model.sourceVocabulary, folder)
    try Self.check(targetVocabulary, Self.targetVocabularyFile, description.model.targetVocabulary, folder)
    network = try Self.network(description.model, from: folder.appending(path: Self.weightsFile))
  }

  private static func network(_ configuration: ModelConfiguration, from file: URL) throws(CheckpointError)
    -> EncoderDecoder
  {
    let weights = try Safetensors(contentsOf: file)
    for (name, tensor) in weights.tensors where !globalNorm([tensor]).isFinite {
      throw .malformed(file: file.path, problem: "the parameter '\(name)' holds what is no number")
    }
    do {
      return try EncoderDecoder(configuration, weights: weights.tensors)
    } catch {
      throw .malformed(file: file.path, problem: error.description)
    }
  }

  private static func check(_ vocabulary: Vocabulary, _ file: String, _ count: Int, _ folder: URL)
    throws(CheckpointError)
  {
    guard vocabulary.count == count else {
      throw .malformed(
        file: folder.appending(path: file).path,
        problem: "it has \(vocabulary.count) tokens, but \(configurationFile) says \(count)")
    }
  }

  /// Writes the folder; every file appears whole or not at all.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``, also for the folder of a training, which holds its own model.
  public func write(to folder: URL) throws(CheckpointError) {
    guard !ModelFolder(folder).holdsTraining else {
      throw .unwritable(file: folder.path, reason: "a training and its model are in it")
    }
    try overwrite(folder)
  }

  /// Writes the folder whatever is in it.
  func overwrite(_ folder: URL) throws(CheckpointError) {
    try writeDescription(to: folder)
    try writeWeights(to: folder)
  }

  /// Everything but the weights.
  func writeDescription(to folder: URL) throws(CheckpointError) {
    try ModelFolder(folder).make()
    try sourceVocabulary.write(to: folder.appending(path: Self.sourceVocabularyFile))
    try targetVocabulary.write(to: folder.appending(path: Self.targetVocabularyFile))
    let description = Description(
      model: configuration,
      source: try SavedTokenization(source, subwordsTo: folder.appending(path: Self.sourceSubwordsFile)),
      target: try SavedTokenization(target, subwordsTo: folder.appending(path: Self.targetSubwordsFile)))
    try CheckpointError.encode(description, to: folder.appending(path: Self.configurationFile))
  }

  func writeWeights(to folder: URL) throws(CheckpointError) {
    var tensors: [String: Tensor] = [:]
    for (name, tensor) in network.parameters { tensors[name] = tensor }
    try Safetensors(tensors: tensors).write(to: folder.appending(path: Self.weightsFile))
  }
}

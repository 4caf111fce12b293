import Attention
import Foundation

/// Saving and resuming: a model folder with `training.safetensors` beside the model.
///
/// The folder's model is the best one so far. `training.safetensors` holds the model under way, the average of its weights where
/// there is one, what the optimiser remembers and where the training stands, in one file, so that these cannot disagree.
extension Trainer {
  static let file = "training.safetensors"

  /// What the names of tensors begin with in the file.
  private static let weights = "weights."
  private static let average = "average."
  /// The optimiser's memory, in its order.
  private static let moments = ["m.", "v."]

  /// What the file's note holds beside the tensors.
  private struct State: Codable {
    let options: TrainingOptions
    let reports: [EpochReport]
    let current: EpochState
    /// As ``Trainer/plateauRate``.
    let rate: Float
    let steps: Int
    /// Fingerprints of the training pairs and of the development examples.
    let data: String
    let development: String
  }

  private static let note = "training"

  /// Writes the best model and the state of the training.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``; files that were there are then unchanged or newer, never torn.
  public func save(to folder: URL) throws(CheckpointError) {
    let url = folder.appending(path: Self.file)
    let note = try Self.note(
      State(
        options: options, reports: reports, current: current, rate: plateauRate, steps: optimizer.steps,
        data: Self.fingerprint(pairs), development: Self.fingerprint(development)), url)
    try (reports.isEmpty ? judged : best).overwrite(folder)
    var tensors: [String: Tensor] = [:]
    for (index, parameter) in model.network.parameters.enumerated() {
      tensors[Self.weights + parameter.name] = parameter.tensor
      for (prefix, moment) in zip(Self.moments, optimizer.moments) {
        tensors[prefix + parameter.name] = moment[index]
      }
    }
    for parameter in average?.network.parameters ?? [] {
      tensors[Self.average + parameter.name] = parameter.tensor
    }
    try Safetensors(tensors: tensors, metadata: [Self.note: note]).write(to: url)
  }

  private static func note(_ state: State, _ url: URL) throws(CheckpointError) -> String {
    let encoder = JSONEncoder()
    // The perplexity of a model that went astray is infinite, which JSON has no number for.
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: infinite.positive, negativeInfinity: infinite.negative, nan: infinite.nan)
    do {
      return String(decoding: try encoder.encode(state), as: UTF8.self)
    } catch {
      throw .unwritable(file: url.path, reason: CheckpointError.problem(error))
    }
  }

  private static let infinite = (positive: "Infinity", negative: "-Infinity", nan: "NaN")

  /// Takes up a training that ``save(to:)`` wrote, with its own options. It goes on as if it had never stopped.
  ///
  /// - Throws: ``CheckpointError`` for a file that is missing or torn, ``TrainingError/otherData(file:)`` when the
  ///   corpus is not the one it was trained on, or the development examples are not those that judged it.
  public init(resuming folder: URL, corpus: ParallelCorpus, development: ParallelCorpus? = nil) throws {
    let saved = try TranslationModel(contentsOf: folder)
    let url = folder.appending(path: Self.file)
    let file = try Safetensors(contentsOf: url)
    let state = try Self.state(file, url)
    try self.init(saved, corpus: corpus, development: development, options: state.options)
    // Epochs that were judged by other examples could not be compared with those to come either.
    guard state.data == Self.fingerprint(pairs),
      state.reports.isEmpty || state.development == Self.fingerprint(self.development)
    else { throw TrainingError.otherData(file: url.path) }
    func network(_ prefix: String) throws(CheckpointError) -> EncoderDecoder {
      do {
        return try EncoderDecoder(saved.configuration, weights: Self.part(prefix, file))
      } catch {
        throw .malformed(file: url.path, problem: error.description)
      }
    }
    model.network = try network(Self.weights)
    if average != nil { average!.network = try network(Self.average) }
    let prefixes = state.steps == 0 ? [] : Self.moments.prefix(Optimizer.memory(options.optimizer))
    optimizer = Optimizer(
      options.optimizer, clipNorm: options.clipNorm, steps: state.steps,
      moments: try prefixes.map { try Self.moments($0, file, model, url) })
    plateauRate = state.rate
    reports = state.reports
    current = state.current
  }

  private static func state(_ file: Safetensors, _ url: URL) throws(CheckpointError) -> State {
    guard let note = file.metadata[note] else {
      throw .malformed(file: url.path, problem: "it lacks the note on the state of the training")
    }
    do {
      let decoder = JSONDecoder()
      decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: infinite.positive, negativeInfinity: infinite.negative, nan: infinite.nan)
      let state = try decoder.decode(State.self, from: Data(note.utf8))
      guard state.current.batch >= 0, state.steps >= 0 else {
        throw CheckpointError.malformed(file: url.path, problem: "the note on the training counts below zero")
      }
      return state
    } catch let error as CheckpointError {
      throw error
    } catch {
      throw .malformed(file: url.path, problem: CheckpointError.problem(error))
    }
  }

  private static func part(_ prefix: String, _ file: Safetensors) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in file.tensors where name.hasPrefix(prefix) {
      result[String(name.dropFirst(prefix.count))] = tensor
    }
    return result
  }

  /// What the optimiser remembers, in the order of the parameters.
  private static func moments(
    _ prefix: String, _ file: Safetensors, _ model: TranslationModel, _ url: URL
  ) throws(CheckpointError) -> [Tensor] {
    let part = part(prefix, file)
    var result: [Tensor] = []
    for (name, parameter) in model.network.parameters {
      guard let tensor = part[name], tensor.shape == parameter.shape else {
        throw .malformed(file: url.path, problem: "'\(prefix)\(name)' is missing or has another shape")
      }
      result.append(tensor)
    }
    return result
  }

  private static func fingerprint(_ pairs: [(source: [Int32], target: [Int32])]) -> String {
    var hash = Fingerprint()
    for pair in pairs {
      for id in pair.source + [-1] + pair.target + [-1] { hash.add(UInt64(UInt32(bitPattern: id))) }
    }
    return hash.text
  }

  private static func fingerprint(_ examples: [ParallelCorpus.Example]) -> String {
    var hash = Fingerprint()
    for example in examples {
      for sentence in [example.source] + example.targets {
        for byte in sentence.joined(separator: "\t").utf8 { hash.add(UInt64(byte)) }
        hash.add(0x100)
      }
    }
    return hash.text
  }
}

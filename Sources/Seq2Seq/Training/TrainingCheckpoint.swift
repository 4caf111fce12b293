import Attention
import Foundation

/// Saving and resuming: a model folder with `training.safetensors` beside the model.
///
/// The folder's model is the best one so far. `training.safetensors` holds the model under way, Adam's moments and where
/// the training stands, in one file, so that the two cannot disagree.
extension Trainer {
  static let file = "training.safetensors"

  /// What the file's note holds beside the tensors.
  private struct State: Codable {
    let options: TrainingOptions
    let reports: [EpochReport]
    let current: EpochState
    let rate: Float
    let steps: Int
    /// A fingerprint of the training pairs.
    let data: String
  }

  private static let note = "training"

  /// Writes the best model and the state of the training.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``; files that were there are then unchanged or newer, never torn.
  public func save(to folder: URL) throws(CheckpointError) {
    try (reports.isEmpty ? model : best).write(to: folder)
    var tensors: [String: Tensor] = [:]
    for (index, parameter) in model.network.parameters.enumerated() {
      tensors["weights." + parameter.name] = parameter.tensor
      guard !optimizer.m.isEmpty else { continue }
      tensors["m." + parameter.name] = optimizer.m[index]
      tensors["v." + parameter.name] = optimizer.v[index]
    }
    let state = State(
      options: options, reports: reports, current: current, rate: optimizer.rate, steps: optimizer.steps,
      data: Self.fingerprint(pairs))
    let url = folder.appending(path: Self.file)
    let note: Data
    do {
      note = try JSONEncoder().encode(state)
    } catch {
      throw .unwritable(file: url.path, reason: CheckpointError.problem(error))
    }
    try Safetensors(tensors: tensors, metadata: [Self.note: String(decoding: note, as: UTF8.self)]).write(
      to: url)
  }

  /// Takes up a training that ``save(to:)`` wrote, with its own options. It goes on as if it had never stopped.
  ///
  /// - Throws: ``CheckpointError`` for a file that is missing or torn, ``TrainingError/otherData(file:)`` when the
  ///   corpus is not the one it was trained on, or the development examples are not as many as those that judged it.
  public init(resuming folder: URL, corpus: ParallelCorpus, development: ParallelCorpus? = nil) throws {
    let saved = try TranslationModel(contentsOf: folder)
    let url = folder.appending(path: Self.file)
    let file = try Safetensors(contentsOf: url)
    let state = try Self.state(file, url)
    try self.init(saved, corpus: corpus, development: development, options: state.options)
    guard state.data == Self.fingerprint(pairs) else { throw TrainingError.otherData(file: url.path) }
    do {
      model.network = try EncoderDecoder(saved.configuration, weights: Self.part("weights.", file))
    } catch {
      throw CheckpointError.malformed(file: url.path, problem: error.description)
    }
    let moments = try (Self.moments("m.", file, model, url), Self.moments("v.", file, model, url))
    optimizer = Adam(
      rate: state.rate, beta1: optimizer.beta1, beta2: optimizer.beta2, epsilon: optimizer.epsilon,
      clipNorm: optimizer.clipNorm, steps: state.steps, m: moments.0, v: moments.1)
    reports = state.reports
    current = state.current
    // Epochs that were judged by other examples cannot be compared with those to come.
    if let last = reports.last, last.development?.examples ?? 0 != development?.examples.count ?? 0 {
      throw TrainingError.otherData(file: url.path)
    }
  }

  private static func state(_ file: Safetensors, _ url: URL) throws(CheckpointError) -> State {
    guard let note = file.metadata[note] else {
      throw .malformed(file: url.path, problem: "it lacks the note on the state of the training")
    }
    do {
      return try JSONDecoder().decode(State.self, from: Data(note.utf8))
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

  /// One of Adam's moments in the order of the parameters; none before the first step.
  private static func moments(_ prefix: String, _ file: Safetensors, _ model: TranslationModel, _ url: URL)
    throws(CheckpointError) -> [Tensor]
  {
    let part = part(prefix, file)
    if part.isEmpty { return [] }
    var result: [Tensor] = []
    for (name, parameter) in model.network.parameters {
      guard let tensor = part[name], tensor.shape == parameter.shape else {
        throw .malformed(file: url.path, problem: "'\(prefix)\(name)' is missing or has another shape")
      }
      result.append(tensor)
    }
    return result
  }

  /// FNV-1a over all ids.
  private static func fingerprint(_ pairs: [(source: [Int32], target: [Int32])]) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func mix(_ ids: [Int32]) {
      for id in ids + [-1] { hash = (hash ^ UInt64(UInt32(bitPattern: id))) &* 0x100_0000_01b3 }
    }
    for pair in pairs {
      mix(pair.source)
      mix(pair.target)
    }
    return String(hash, radix: 16)
  }
}

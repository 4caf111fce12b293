import Attention
import Foundation

/// Scheduled sampling (Bengio et al. 2015): the decoder is fed its own tokens instead of the true ones, ever more of them, so that
/// it learns to go on from its mistakes.
public struct ScheduledSampling: Codable, Sendable, Equatable {
  /// How the share of true tokens falls with the updates i that were made (§2.4).
  public enum Decay: String, Codable, CaseIterable, Sendable {
    /// 1 − i / k
    case linear
    /// k^i, k < 1
    case exponential
    /// k / (k + exp(i / k)), k ≥ 1
    case inverseSigmoid = "inverse-sigmoid"
  }

  public var decay: Decay
  public var k: Double
  /// The least share of true tokens.
  public var least: Double

  /// - Parameter k: nil takes one that suits some ten thousand updates
  public init(_ decay: Decay, k: Double? = nil, least: Double = 0) {
    self.decay = decay
    self.k =
      k
      ?? {
        switch decay {
        case .linear: 20_000
        case .exponential: 0.9999
        case .inverseSigmoid: 1500
        }
      }()
    self.least = least
  }

  /// ε: the probability that a token fed is the true one.
  ///
  /// - Parameter updates: those made before
  public func share(updates: Int) -> Double {
    let i = Double(updates)
    let share =
      switch decay {
      case .linear: 1 - i / k
      case .exponential: pow(k, i)
      case .inverseSigmoid: k / (k + exp(i / k))
      }
    return max(least, share)
  }

  /// The options that cannot be, as ``TrainingOptions/validate()`` lists them.
  var checks: [(option: String, isValid: Bool, expected: String, found: String)] {
    let isValid =
      switch decay {
      case .linear: k > 0 && k.isFinite
      case .exponential: k > 0 && k < 1
      case .inverseSigmoid: k >= 1 && k.isFinite
      }
    let expected =
      switch decay {
      case .linear: "a positive number of updates"
      case .exponential: "more than 0, less than 1"
      case .inverseSigmoid: "at least 1"
      }
    return [
      ("k", isValid, expected, "\(k)"),
      ("least", (0...1).contains(least), "0 to 1", "\(least)"),
    ]
  }
}

extension EncoderDecoder {
  /// What the decoder is fed under scheduled sampling, in the batch's order: behind the start each true token with the probability
  /// `share`, otherwise the likeliest after all that was fed before. The sentence goes on, so that is no end.
  package func sampledInputs(
    _ batch: Batch, share: Double, precision: Precision, generator: inout SeededGenerator
  ) -> [[Int32]] {
    var inputs = batch.inputs
    let isOwn = inputs.map { sentence in
      sentence.indices.map { $0 > 0 && generator.uniform() >= share }
    }
    guard let last = isOwn.compactMap({ $0.lastIndex(of: true) }).max() else { return inputs }
    let model = PackedModel(self, precision)
    let encoded = model.encode(batch.sources)
    var state = encoded.start
    // The state lies in the last step's tape, so that two take turns.
    var (spent, previous): (DecoderTape?, DecoderTape?) = (nil, nil)
    for step in 0..<last {
      // The longest come first: those that have a token to be fed next.
      let running = inputs.prefix { $0.count > step + 1 }.count
      let tape = model.advance(
        state.prefix(running), tokens: inputs[..<running].map { $0[step] }, memory: encoded.memory,
        sources: running, spent: spent)
      (spent, previous) = (previous, tape)
      let likeliest = model.likeliest(3, tape.readout)
      for sentence in 0..<running where isOwn[sentence][step + 1] {
        let token = likeliest.row(sentence).first {
          $0.token != Vocabulary.start && $0.token != Vocabulary.end
        }
        if let token { inputs[sentence][step + 1] = Int32(token.token) }
      }
      state = tape.state(0..<running, before: step + 1)
    }
    return inputs
  }
}

import Attention
import Seq2Seq
import TestSupport
import Testing

/// A model that PyTorch trained for ten steps (make_fixtures.py): what it saw, and what the steps reported.
private struct TrainedModel: Decodable {
  struct Configuration: Decodable {
    let cell: RecurrentCell
    let layers: Int
    /// Absent where there are no residual connections.
    let residual: Bool?
    let bidirectional: Bool
    /// Absent where they are false.
    let reversedSource, tied: Bool?
    /// Absent for Luong's and for the plain model.
    let decoder: DecoderKind?
    /// Absent for the tanh one.
    let readout: Readout?
    let score: String
    let inputFeeding: Bool
    let embedding, hidden, sourceVocabulary, targetVocabulary: Int
  }
  struct Optimizer: Decodable {
    let learningRate, beta1, beta2, epsilon: Float
  }
  struct Pairs: Decodable {
    let sources, targets: [[Int32]]
  }
  let configuration: Configuration
  let adam: Optimizer
  let clipNorm: Float
  let losses: [Float]
  let gradientNorms: [Double]
  let batches: [Pairs]
}

extension Fixture<TrainedModel> {
  fileprivate func model() throws -> EncoderDecoder {
    let c = description.configuration
    var configuration =
      c.decoder == .bahdanau
      ? ModelConfiguration.bahdanau(cell: c.cell, readout: c.readout ?? .tanh)
      : c.score == "none"
        ? .plain(cell: c.cell) : .luong(score: try #require(Score(rawValue: c.score)), cell: c.cell)
    configuration.layers = c.layers
    configuration.residual = c.residual ?? false
    configuration.bidirectional = c.bidirectional
    configuration.inputFeeding = c.inputFeeding
    configuration.reversedSource = c.reversedSource ?? false
    configuration.tied = c.tied ?? false
    configuration.embedding = c.embedding
    configuration.hidden = c.hidden
    return try EncoderDecoder(
      configuration.sized(source: c.sourceVocabulary, target: c.targetVocabulary), weights: tensors("initial")
    )
  }

  fileprivate func batch(_ step: Int) -> Batch {
    let pairs = description.batches[step]
    return Batch(Array(zip(pairs.sources, pairs.targets)).map { (source: $0, target: $1) })
  }

  fileprivate func optimizer() -> Seq2Seq.Optimizer {
    var options = OptimizerOptions(.adam)
    (options.beta1, options.beta2) = (description.adam.beta1, description.adam.beta2)
    options.epsilon = description.adam.epsilon
    return Seq2Seq.Optimizer(options, clipNorm: description.clipNorm)
  }
}

private func largestDifference(_ a: Tensor, _ b: Tensor) -> Float {
  zip(a.elements, b.elements).reduce(0) { max($0, abs($1.0 - $1.1)) }
}

/// The largest |a − b| over the largest |b|.
private func relativeError(_ a: Tensor, _ b: Tensor) -> Float {
  largestDifference(a, b) / max(b.elements.reduce(0) { max($0, abs($1)) }, .leastNormalMagnitude)
}

@Suite("Ten steps as PyTorch makes them")
struct PyTorchParityTests {
  private static let attending = [
    "luong-lstm", "luong-gru", "residual-gru", "bahdanau-gru", "bahdanau-lstm", "bahdanau-maxout",
    "reversed-tied",
  ]
  private static let names = attending + ["plain"]

  @Test("the losses of ten steps agree within 1e-4, the gradients' norms too", arguments: names)
  func losses(name: String) throws {
    let fixture = try Fixture<TrainedModel>(name)
    var model = try fixture.model()
    var optimizer = fixture.optimizer()
    for step in fixture.description.batches.indices {
      let (loss, gradient) = try model.lossAndGradient(fixture.batch(step))
      let expected = fixture.description.losses[step]
      #expect(
        abs(loss - expected) <= ModelTolerance.peerLoss * expected,
        "step \(step): \(loss), PyTorch \(expected)")
      let norm = optimizer.update(&model, gradient: gradient, rate: fixture.description.adam.learningRate)
      let expectedNorm = fixture.description.gradientNorms[step]
      #expect(
        abs(norm - expectedNorm) <= ModelTolerance.peerNorm * expectedNorm,
        "step \(step): norm \(norm), PyTorch \(expectedNorm)"
      )
    }
    let (single, double) = (fixture.tensors("final"), fixture.tensors("final64"))
    for (name, tensor) in model.parameters {
      let truth = try #require(double[name])
      let own = largestDifference(try #require(single[name]), truth)
      let error = largestDifference(tensor, truth)
      #expect(
        error <= ModelTolerance.peerWeight(own: own), "\(name) after ten steps: \(error), PyTorch \(own)")
    }
  }

  @Test(
    "every gradient of the first step lies as near the double one as PyTorch's own, up to a factor of three",
    arguments: names)
  func gradients(name: String) throws {
    let fixture = try Fixture<TrainedModel>(name)
    let (_, gradient) = try fixture.model().lossAndGradient(fixture.batch(0))
    let (single, double) = (fixture.tensors("gradient"), fixture.tensors("gradient64"))
    #expect(gradient.parameters.count == single.count)
    for (name, tensor) in gradient.parameters {
      let truth = try #require(double[name])
      let own = relativeError(try #require(single[name]), truth)
      let error = relativeError(tensor, truth)
      #expect(
        error <= ModelTolerance.peerGradient(of: name, own: own), "\(name): \(error), PyTorch \(own)")
    }
  }

  @Test("the alignment of the first step agrees", arguments: attending)
  func alignment(name: String) throws {
    let fixture = try Fixture<TrainedModel>(name)
    let pairs = fixture.description.batches[0]
    let expected = try #require(fixture.tensors["alignment64"])
    let model = try fixture.model()
    for (b, (source, target)) in zip(pairs.sources, pairs.targets).enumerated() {
      let alignment = try #require(try model.scores(Batch([(source, target)]))[0].alignment)
      #expect(alignment.count == target.count + 1)
      for t in alignment.indices {
        #expect(alignment[t].count == source.count)
        for i in alignment[t].indices {
          #expect(abs(alignment[t][i] - expected[b, t, i]) < ModelTolerance.peerAlignment)
        }
      }
    }
  }
}

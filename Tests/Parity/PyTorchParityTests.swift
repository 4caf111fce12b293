import Attention
import Seq2Seq
import TestSupport
import Testing

/// A model that PyTorch trained for ten steps (make_fixtures.py): what it saw, and what the steps reported.
private struct TrainedModel: Decodable {
  struct Optimizer: Decodable {
    let learningRate, beta1, beta2, epsilon: Float
  }
  struct Pairs: Decodable {
    let sources, targets: [[Int32]]
  }
  let configuration: ModelConfiguration
  let adam: Optimizer
  let labelSmoothing, clipNorm: Float
  let losses: [Float]
  let gradientNorms: [Double]
  let gradientNoise: [String: Float]
  let batches: [Pairs]
}

extension Fixture<TrainedModel> {
  fileprivate func model() throws -> EncoderDecoder {
    try EncoderDecoder(description.configuration, weights: tensors("initial"))
  }

  fileprivate func lossAndGradient(_ model: EncoderDecoder, step: Int) throws
    -> (loss: Float, gradient: EncoderDecoder)
  {
    try model.lossAndGradient(batch(step), labelSmoothing: description.labelSmoothing)
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
    "reversed-tied", "luong-rnn", "luong-local-p", "luong-local-m", "luong-location", "luong-cosine",
    "bahdanau-local-p",
  ]
  private static let names = attending + ["plain"]

  @Test("the losses of ten steps agree within 1e-4, the gradients' norms too", arguments: names)
  func losses(name: String) throws {
    let fixture = try Fixture<TrainedModel>(name)
    var model = try fixture.model()
    var optimizer = fixture.optimizer()
    for step in fixture.description.batches.indices {
      let (loss, gradient) = try fixture.lossAndGradient(model, step: step)
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
    "every gradient of the first step lies as near the double one as rounding leaves it",
    arguments: names)
  func gradients(name: String) throws {
    let fixture = try Fixture<TrainedModel>(name)
    let (_, gradient) = try fixture.lossAndGradient(fixture.model(), step: 0)
    let double = fixture.tensors("gradient64")
    #expect(gradient.parameters.count == double.count)
    for (name, tensor) in gradient.parameters {
      let truth = try #require(double[name])
      let noise = try #require(fixture.description.gradientNoise[name])
      let error = relativeError(tensor, truth)
      #expect(error <= ModelTolerance.peerGradient(noise: noise), "\(name): \(error), noise \(noise)")
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

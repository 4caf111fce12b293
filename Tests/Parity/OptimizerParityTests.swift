import Attention
import Seq2Seq
import TestSupport
import Testing

/// The optimisers that PyTorch ran on given gradients (make_optimizer_fixtures.py).
private struct OptimizerRuns: Decodable {
  struct Run: Decodable {
    let options: OptimizerOptions
    /// Of every step.
    let rates: [Float]
  }
  let optimizers: [String: Run]
}

/// Tensors for an optimiser to move.
private struct Weights: Parameterized {
  var tensors: [(name: String, tensor: Tensor)]

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    for index in tensors.indices { body(prefix + tensors[index].name, &tensors[index].tensor) }
  }

  func map(_ change: (Float) -> Float) throws -> Weights {
    Weights(
      tensors: try tensors.map { name, tensor in
        (name, try Tensor(tensor.elements.map(change), shape: tensor.shape))
      })
  }
}

extension Fixture<OptimizerRuns> {
  fileprivate var initial: Weights {
    Weights(tensors: tensors("initial").sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
  }

  /// Of every parameter what `prefix` has of a step.
  fileprivate func step(_ step: Int, _ prefix: String) throws -> Weights {
    let all = tensors(prefix)
    return Weights(
      tensors: try initial.tensors.map { name, tensor in
        let steps = try #require(all[name]).elements
        let elements = steps[step * tensor.count..<(step + 1) * tensor.count]
        return (name, try Tensor(elements, shape: tensor.shape))
      })
  }
}

@Suite("Optimisers as PyTorch has them")
struct OptimizerParityTests {
  /// How many roundings a weight's terms pass in some steps at most. A root halves those of what it is of.
  ///
  /// What decay keeps of a weight passes four a step: the product of rate and λ, the difference from 1, the product with the weight,
  /// the sum with the step. The steps pass besides:
  /// - gradient descent 1, the product with the rate; its velocity two a step, a product and a sum.
  /// - AdamW 3 of rate and correction, 1 of the quotient, 1 + 2t of m, half of v̂'s 4 + 2t, 2 of root and sum.
  /// - Adadelta 1 of the rate, 2 of root and product, half of 5 + 2t of the quotient, and half of those of E[Δ²], which passes on
  ///   twice a step's, and 4 more, to the next: 11 a step, up to the sixth.
  private static let runs: [(name: String, roundings: @Sendable (_ steps: Int) -> Int)] = [
    ("sgd", { 1 + 4 * $0 }), ("momentum", { 1 + 6 * $0 }), ("adamw", { 9 + 7 * $0 }),
    ("adadelta", { 1 + 15 * $0 }),
  ]

  @Test("six steps from given gradients", arguments: runs.map(\.name))
  func steps(name: String) throws {
    let fixture = try Fixture<OptimizerRuns>("optimizers")
    let run = try #require(fixture.description.optimizers[name])
    let roundings = try #require(Self.runs.first { $0.name == name }).roundings
    var (weights, optimizer) = (fixture.initial, Seq2Seq.Optimizer(run.options, clipNorm: nil))
    // The same steps with all terms of one sign, which decay takes nothing from: how large the terms are together.
    var options = run.options
    options.weightDecay = 0
    var (sizes, sizing) = (try weights.map { -abs($0) }, Seq2Seq.Optimizer(options, clipNorm: nil))
    for (step, rate) in run.rates.enumerated() {
      let gradient = try fixture.step(step, "gradient")
      optimizer.update(&weights, gradient: gradient, rate: rate)
      sizing.update(&sizes, gradient: try gradient.map(abs), rate: rate)
      let trial = Trial(
        "PyTorch's \(name)", set: try KernelRuntime.instructionSet, shape: "\(step + 1) steps")
      for (index, truth) in try fixture.step(step, name).tensors.enumerated() {
        // The truth is a float, too, which takes one of the tolerance's spare roundings.
        let tolerance = Tolerance.sum(
          terms: roundings(step + 1),
          magnitudes: sizes.tensors[index].tensor.elements.map { Double(abs($0)) })
        let comparison = trial.compare(
          truth.name, weights.tensors[index].tensor.elements, truth.tensor.elements.map(Double.init),
          tolerance)
        #expect(comparison.passed, "\(comparison)")
      }
    }
  }
}

import AttentionReference
import Foundation
import Testing

private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

@Suite struct ModelsByHandTests {
  typealias Configuration = ReferenceModelConfiguration

  @Test func oneUnitWithInputFeedingByHand() throws {
    let configuration = Configuration(cell: .lstm, score: .dot, inputFeeding: true, hidden: 1, embedding: 1)
    let found = try ModelSample.run(
      configuration, ModelSample.parameters(configuration, sourceVocabulary: 2, targetVocabulary: 3),
      sources: [[1, 0]], targets: [[2]])

    func w(_ p: Int, _ k: Int) -> Double { 0.8 * sin(1 + 0.7 * Double(k) + 1.3 * Double(p)) }
    // Gate g's input, recurrent and bias are the parameters p, p + 1 and p + 2.
    func lstm(_ p: Int, _ x: [Double], _ h: Double, _ c: Double) -> (h: Double, c: Double) {
      func sum(_ g: Int) -> Double {
        x.indices.reduce(w(p + 1, g) * h + w(p + 2, g)) { $0 + w(p, g * x.count + $1) * x[$1] }
      }
      let c = sigmoid(sum(1)) * c + sigmoid(sum(0)) * tanh(sum(2))
      return (sigmoid(sum(3)) * tanh(c), c)
    }
    let one = lstm(2, [w(0, 1)], 0, 0)
    let two = lstm(2, [w(0, 0)], one.h, one.c)
    var (state, attentional, loss) = (two, 0.0, 0.0)
    for (input, output) in [(0, 2), (2, 1)] {
      state = lstm(5, [w(1, input), attentional], state.h, state.c)
      let alpha = sigmoid(state.h * one.h - state.h * two.h)
      let context = alpha * one.h + (1 - alpha) * two.h
      attentional = tanh(w(8, 0) * context + w(8, 1) * state.h + w(9, 0))
      let logits = (0..<3).map { w(10, $0) * attentional + w(11, $0) }
      loss += log(logits.reduce(0) { $0 + exp($1) }) - logits[output]
      expectEqual(found.alignments[0][output == 2 ? 0 : 1], [alpha, 1 - alpha])
    }
    expectEqual([found.meanCrossEntropy], [loss / 2])
  }

  @Test func bahdanauWithOneUnitByHand() throws {
    let configuration = Configuration.bahdanau(cell: .gru, hidden: 1, embedding: 1)
    let found = try ModelSample.run(
      configuration, ModelSample.parameters(configuration, sourceVocabulary: 2, targetVocabulary: 3),
      sources: [[1, 0]], targets: [[2]])

    func w(_ p: Int, _ k: Int) -> Double { 0.8 * sin(1 + 0.7 * Double(k) + 1.3 * Double(p)) }
    // A cell's input, recurrent and two biases are the parameters p to p + 3.
    func gru(_ p: Int, _ x: [Double], _ h: Double) -> Double {
      func a(_ g: Int) -> Double {
        x.indices.reduce(w(p + 2, g)) { $0 + w(p, g * x.count + $1) * x[$1] }
      }
      func u(_ g: Int) -> Double { w(p + 1, g) * h + w(p + 3, g) }
      let (r, z) = (sigmoid(a(0) + u(0)), sigmoid(a(1) + u(1)))
      return (1 - z) * tanh(a(2) + r * u(2)) + z * h
    }
    let (first, second) = (w(0, 1), w(0, 0))
    let forward1 = gru(2, [first], 0)
    let backward2 = gru(6, [second], 0)
    let forward2 = gru(2, [second], forward1)
    let backward1 = gru(6, [first], backward2)
    let states = [[forward1, backward1], [forward2, backward2]]
    var (s, loss) = (tanh(w(20, 0) * backward1 + w(21, 0)), 0.0)
    for (step, (input, output)) in [(0, 2), (2, 1)].enumerated() {
      let x = w(1, input)
      let scores = states.map { h in
        w(17, 0) * tanh(w(16, 0) * s + w(14, 0) * h[0] + w(14, 1) * h[1] + w(15, 0))
      }
      let alpha = sigmoid(scores[0] - scores[1])
      let context = (0..<2).map { alpha * states[0][$0] + (1 - alpha) * states[1][$0] }
      s = gru(10, [x] + context, s)
      let read = [s] + context + [x]
      let readout = tanh(read.indices.reduce(w(19, 0)) { $0 + w(18, $1) * read[$1] })
      let logits = (0..<3).map { w(22, $0) * readout + w(23, $0) }
      loss += log(logits.reduce(0) { $0 + exp($1) }) - logits[output]
      expectEqual(found.alignments[0][step], [alpha, 1 - alpha])
    }
    expectEqual([found.meanCrossEntropy], [loss / 2])
  }

  @Test(arguments: ModelSample.every)
  func zeroParametersKnowNothing(_ configuration: Configuration) throws {
    let result = try ModelSample.run(
      configuration, ModelSample.parameters(configuration, value: { _, _ in 0 }))
    expectEqual([result.meanCrossEntropy], [log(6)])
    for (source, steps) in zip(ModelSample.sources, result.alignments) {
      for (step, weights) in steps.enumerated() {
        expectEqual(weights, configuration.score == .none ? [] : ignorant(configuration, source.count, step))
      }
    }
  }

  /// The weights of a step that finds all keys alike, and predicts the middle of the source.
  private func ignorant(_ configuration: Configuration, _ length: Int, _ step: Int) -> [Double] {
    let positions = (0..<length).map(Double.init)
    var gaussian = positions.map { _ in 1.0 }
    var seen = positions.map { _ in true }
    switch configuration.window {
    case nil: break
    case .monotonic(let radius)?: seen = positions.map { abs($0 - Double(step)) <= Double(radius) }
    case .predictive(let radius)?:
      let distances = positions.map { $0 - Double(length) / 2 }
      seen = distances.map { abs($0) <= Double(radius) }
      gaussian = distances.map { exp(-2 * $0 * $0 / Double(radius * radius)) }
    }
    let count = Double(seen.count { $0 })
    return zip(seen, gaussian).map { $0 ? $1 / count : 0 }
  }
}

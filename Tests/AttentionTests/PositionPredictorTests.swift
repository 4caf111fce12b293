import Attention
import AttentionReference
import TestSupport
import Testing

extension KernelTests {
  @Suite struct PositionPredictorTests {
    static let lengths = [9, 0, 5]

    private struct Problem {
      let (steps, hidden, width): (Int, Int, Int)
      let states, weight, v, gradient: [Float]

      init(steps: Int = 4, hidden: Int, width: Int) {
        (self.steps, self.hidden, self.width) = (steps, hidden, width)
        var random = SeededRandom(91)
        states = random.floats(3 * steps * hidden)
        (weight, v) = (random.floats(width * hidden), random.floats(width))
        gradient = random.floats(3 * steps)
      }

      func reference<T: Reference.Scalar>(_: T.Type) throws -> [[T]] {
        let (s, w, v): ([T], [T], [T]) = (states.converted(), weight.converted(), self.v.converted())
        let p = try Reference.positions(s, weight: w, v: v, lengths: lengths, steps: steps, hidden: hidden)
        let g = try Reference.positionsBackward(
          gradient.converted(), s, weight: w, v: v, lengths: lengths, steps: steps, hidden: hidden)
        return [p, g.states, g.v, g.weight]
      }

      func run(_ states: [Float], _ gradient: [Float]? = nil) throws -> [[Float]] {
        let predictor = try PositionPredictor(
          v: Tensor(v, shape: [width]), weight: Tensor(weight, shape: [width, hidden]))
        let prediction = try predictor.forward(
          queries: Tensor(states, shape: [3, steps, hidden]), lengths: lengths)
        #expect(prediction.centres.shape == [3, steps])
        let g = try predictor.backward(
          Tensor(gradient ?? self.gradient, shape: [3, steps]), prediction)
        return [prediction.centres, g.queries, g.v, g.weight].map(\.elements)
      }
    }

    @Test(arguments: sets)
    func isTheReference(set: String) throws {
      for w in widths(set) {
        let problem = Problem(hidden: w, width: w + 2)
        let (truth, naive) = (try problem.reference(Double.self), try problem.reference(Float.self))
        let result = try under(set) { try problem.run(problem.states) }
        let trial = Trial("PositionPredictor", set: set, shape: "width \(w)")
        for (index, name) in ["centres", "dqueries", "dv", "dweight"].enumerated() {
          let tolerance: Tolerance =
            index == 0
            ? .forward(naive: naive[index], truth: truth[index])
            : .gradient(naive: naive[index], truth: truth[index])
          expect(trial.compare(name, result[index], truth[index], tolerance))
        }
      }
    }

    @Test func emptySentencesAreNotRead() throws {
      let problem = Problem(hidden: 5, width: 7)
      var states = problem.states
      for i in 4 * 5..<8 * 5 { states[i] = .nan }
      #expect(try problem.run(states) == problem.run(problem.states))
    }

    /// A state whose position takes no gradient, as that of a query without keys, reaches no gradient.
    @Test func idleStatesReachNoGradient() throws {
      let problem = Problem(hidden: 5, width: 7)
      var (states, gradient) = (problem.states, problem.gradient)
      gradient[1] = 0
      let clean = try problem.run(states, gradient)
      for i in 5..<10 { states[i] = .nan }
      let dirty = try problem.run(states, gradient)
      #expect(dirty[0][1].isNaN)
      #expect(dirty.dropFirst() == clean.dropFirst())
    }

    /// Queries one after the other are those of a padded batch, and take the same gradients.
    @Test func packedQueriesAreThePadded() throws {
      let problem = Problem(hidden: 5, width: 7)
      let queryLengths = [3, 2, 4]
      var gradient = problem.gradient
      for (b, length) in queryLengths.enumerated() {
        for t in length..<problem.steps { gradient[b * problem.steps + t] = 0 }
      }
      let padded = try problem.run(problem.states, gradient)
      func packed(_ rows: [Float]) -> [Float] {
        queryLengths.enumerated().flatMap { b, length in
          rows[b * problem.steps * 5..<(b * problem.steps + length) * 5]
        }
      }
      let predictor = try PositionPredictor(
        v: Tensor(problem.v, shape: [7]), weight: Tensor(problem.weight, shape: [7, 5]))
      let prediction = try predictor.forward(
        queries: Tensor(packed(problem.states), shape: [9, 5]), lengths: Self.lengths,
        queryLengths: queryLengths)
      #expect(prediction.centres.shape == [3, 4])
      let g = try predictor.backward(Tensor(gradient, shape: [3, 4]), prediction)
      for (b, length) in queryLengths.enumerated() {
        for t in 0..<4 {
          #expect(prediction.centres[b, t] == (t < length ? padded[0][b * 4 + t] : 0))
        }
      }
      #expect(g.queries.elements == packed(padded[1]))
      // Padding adds zeros to the sums.
      #expect(g.v.elements == padded[2] && g.weight.elements == padded[3])
    }

    /// The gradient of a loss over the context reaches W_p through the centres.
    @Test func everyHeadLooksElsewhere() throws {
      var random = SeededRandom(92)
      let predictor = try PositionPredictor(
        v: Tensor(random.floats(6), shape: [6]), weight: Tensor(random.floats(30), shape: [6, 5]))
      let queries = try Tensor(random.floats(3 * 2 * 4 * 5), shape: [3, 2, 4, 5])
      let keys = try Tensor(random.floats(3 * 2 * 9 * 5), shape: [3, 2, 9, 5])
      let prediction = try predictor.forward(queries: queries, lengths: Self.lengths)
      #expect(prediction.centres.shape == [3, 2, 4])
      let attended = try DotAttention().forward(
        queries: queries, keys: keys, values: keys, mask: .lengths(Self.lengths),
        window: .predictive(centres: prediction.centres, radius: 2))
      let gradients = try DotAttention().backward(attended.context, attended)
      let through = try predictor.backward(gradients.centres!, prediction)
      #expect(through.weight.elements.contains { $0 != 0 })
      #expect(through.queries.shape == queries.shape)
    }
  }
}

import AttentionReference
import CKernels
import TestSupport
import Testing

extension KernelTests {
  @Suite struct OptimizerTests {
    /// Three steps of Adam, each held against the reference from the kernel's own state before it.
    @Test(arguments: sets, [0, 0.1] as [Float])
    func adam(set: String, weightDecay: Float) throws {
      let settings = Reference.AdamSettings<Double>(
        learningRate: Double(Float(0.01)), beta1: Double(Float(0.9)), beta2: Double(Float(0.999)),
        epsilon: Double(Float(1e-8)), weightDecay: Double(weightDecay))
      let gradientScale: Float = 0.375
      var random = SeededRandom(41)
      for count in widths(set) + [0, 1000] {
        let zeros = [Float](repeating: 0, count: count)
        var (p, m, v) = (random.floats(count), zeros, zeros)
        for step in 1...3 {
          let g = random.floats(count, -2, 2)
          var (p2, m2, v2) = (Output(p), Output(m), Output(v))
          try under(set) {
            expectOK(
              ck_adam_f32(
                &p2.memory, &m2.memory, &v2.memory, g, gradientScale, 0.01, 0.9, 0.999, 1e-8, weightDecay,
                Int64(step), Int64(count)))
          }
          var (truthP, truthM, truthV) = (p.doubles, m.doubles, v.doubles)
          let scaled = g.map { Double($0) * Double(gradientScale) }
          try Reference.adam(
            &truthP, firstMoment: &truthM, secondMoment: &truthV, gradients: scaled, step: step,
            settings: settings)
          let trial = Trial("Adam", set: set, shape: "\(count), step \(step)")
          let (beta1, beta2) = (settings.beta1, settings.beta2)
          let sizeM = zip(m.doubles, scaled).map { beta1 * abs($0) + (1 - beta1) * abs($1) }
          let sizeV = zip(v.doubles, scaled).map { beta2 * $0 + (1 - beta2) * $1 * $1 }
          // g′ rounds once, its products three times more at most.
          expect(trial.compare("m", m2.elements, truthM, .sum(terms: 3, magnitudes: sizeM)))
          expect(trial.compare("v", v2.elements, truthV, .sum(terms: 4, magnitudes: sizeV)))
          // The step has m's roundings, half of v's through the root, and seven of its own; what the decay keeps of p has two.
          let correction = 1 - power(beta1, step)
          let sizeP = p.indices.map { i in
            abs(p[i].double) + settings.learningRate * sizeM[i] / correction
              / ((sizeV[i] / (1 - power(beta2, step))).squareRoot() + settings.epsilon)
          }
          expect(trial.compare("p", p2.elements, truthP, .sum(terms: 13, magnitudes: sizeP)))
          (p, m, v) = (p2.elements, m2.elements, v2.elements)
        }
      }
    }

    /// Three steps of Adadelta. An ε as large as the squares keeps the root's argument from a quotient of tiny numbers.
    @Test(arguments: sets, [0, 0.1] as [Float])
    func adadelta(set: String, weightDecay: Float) throws {
      let (gradientScale, rate, decay, epsilon): (Float, Float, Float, Float) = (0.375, 0.7, 0.95, 0.01)
      var random = SeededRandom(45)
      for count in widths(set) + [0, 1000] {
        let zeros = [Float](repeating: 0, count: count)
        var (p, squares, steps) = (random.floats(count), zeros, zeros)
        for step in 1...3 {
          let g = random.floats(count, -2, 2)
          var (p2, squares2, steps2) = (Output(p), Output(squares), Output(steps))
          try under(set) {
            expectOK(
              ck_adadelta_f32(
                &p2.memory, &squares2.memory, &steps2.memory, g, gradientScale, rate, decay, epsilon,
                weightDecay, Int64(count)))
          }
          var (truthP, truthSquares, truthSteps) = (p.doubles, squares.doubles, steps.doubles)
          try Reference.adadelta(
            &truthP, squares: &truthSquares, steps: &truthSteps,
            gradients: g.map { Double($0) * Double(gradientScale) }, learningRate: rate.double,
            decay: decay.double, epsilon: epsilon.double, weightDecay: weightDecay.double)
          let trial = Trial("Adadelta", set: set, shape: "\(count), step \(step)")
          // All terms of both means are positive. g′ rounds once; 1 − ρ takes a rounding of ρ's twentieth part.
          expect(
            trial.compare(
              "squares", squares2.elements, truthSquares, .sum(terms: 6, magnitudes: truthSquares)))
          // The step has half of the squares' and the old steps' roundings, its quotient, its root and its product.
          expect(trial.compare("steps", steps2.elements, truthSteps, .sum(terms: 20, magnitudes: truthSteps)))
          let sizeP = p.indices.map { abs(p[$0].double) + abs(truthP[$0] - p[$0].double) }
          expect(trial.compare("p", p2.elements, truthP, .sum(terms: 16, magnitudes: sizeP)))
          (p, squares, steps) = (p2.elements, squares2.elements, steps2.elements)
        }
      }
    }

    /// Three steps of gradient descent, with and without momentum.
    @Test(arguments: sets, [0, 0.9] as [Float])
    func gradientDescent(set: String, momentum: Float) throws {
      let (gradientScale, rate, weightDecay): (Float, Float, Float) = (0.375, 0.01, 0.1)
      var random = SeededRandom(43)
      for count in widths(set) + [0, 1000] {
        var (p, velocity) = (random.floats(count), [Float](repeating: 0, count: count))
        for step in 1...3 {
          let g = random.floats(count, -2, 2)
          var (p2, velocity2) = (Output(p), Output(velocity))
          try under(set) {
            let status =
              momentum > 0
              ? ck_sgd_f32(
                &p2.memory, &velocity2.memory, g, gradientScale, rate, momentum, weightDecay, Int64(count))
              : ck_sgd_f32(&p2.memory, nil, g, gradientScale, rate, momentum, weightDecay, Int64(count))
            expectOK(status)
          }
          var (truthP, truthV) = (p.doubles, velocity.doubles)
          try Reference.gradientDescent(
            &truthP, velocity: &truthV, gradients: g.map { Double($0) * Double(gradientScale) },
            learningRate: Double(rate), momentum: Double(momentum), weightDecay: Double(weightDecay))
          let trial = Trial("gradient descent", set: set, shape: "\(count), step \(step), μ \(momentum)")
          // The velocity rounds its product and its sum, what the decay keeps of p twice, the step its product and the sum.
          let sizeV = p.indices.map { abs(momentum.double * velocity[$0].double) + abs(g[$0].double) }
          let sizeP = p.indices.map { abs(p[$0].double) + rate.double * sizeV[$0] }
          if momentum > 0 {
            expect(trial.compare("v", velocity2.elements, truthV, .sum(terms: 3, magnitudes: sizeV)))
          }
          expect(trial.compare("p", p2.elements, truthP, .sum(terms: 6, magnitudes: sizeP)))
          p = p2.elements
          if momentum > 0 { velocity = velocity2.elements }
        }
      }
    }

    @Test(arguments: sets)
    func lerp(set: String) throws {
      var random = SeededRandom(44)
      for count in widths(set) + [0, 1000] {
        for share: Float in [0, 0.001, 0.3, 1] {
          let (x, start) = (random.floats(count, -3, 3), random.floats(count, -3, 3))
          var y = Output(start)
          try under(set) { expectOK(ck_lerp_f32(&y.memory, x, share, Int64(count))) }
          let truth = zip(start, x).map { $0.double + share.double * ($1.double - $0.double) }
          let sizes = zip(start, x).map { abs($0.double) + abs($1.double) }
          let trial = Trial("lerp", set: set, shape: "\(count), \(share)")
          // The difference rounds, and the sum.
          expect(trial.compare("y", y.elements, truth, .sum(terms: 2, magnitudes: sizes)))
          if share == 0 { #expect(y.elements == start) }
        }
      }
    }

    private func power(_ x: Double, _ n: Int) -> Double { (0..<n).reduce(1) { y, _ in y * x } }

    /// In double, over float lanes of 64 terms: see `sum_squares_range`.
    @Test(arguments: sets)
    func sumOfSquares(set: String) throws {
      var random = SeededRandom(42)
      for count in widths(set) + [0, 1000, 16_385, 1_100_003] {
        let x = random.floats(count, -3, 3)
        var sum = 0.5
        try under(set) { expectOK(ck_sum_squares_f32(&sum, x, Int64(count))) }
        let truth = x.doubles.reduce(0.5) { $0 + $1 * $1 }
        let terms = 64 + lanes(set)
        let allowed = Tolerance.sum(terms: terms, magnitudes: [truth])
        // Compared as the float nearest to the sum, which costs one more rounding than the tolerance's two spare ones.
        expect(
          Trial("sum of squares", set: set, shape: "\(count)").compare("sum", [Float(sum)], [truth], allowed))
      }
    }

    @Test(arguments: sets)
    func nanReachesTheSum(set: String) throws {
      var sum = 0.0
      try under(set) { expectOK(ck_sum_squares_f32(&sum, [1, .nan, 1], 3)) }
      #expect(sum.isNaN)
    }
  }
}

extension Float {
  fileprivate var double: Double { Double(self) }
}

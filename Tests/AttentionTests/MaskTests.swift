import Attention
import TestSupport
import Testing

extension KernelTests {
  /// What masks hide reaches nothing, and what they mean together.
  @Suite struct MaskTests {
    typealias Case = AttentionCase

    /// Keys and values that no query attends to, whatever hides them.
    private func hidden(_ problem: Case, _ truth: Case.Parts<Double>) -> [Bool] {
      let alignment = truth.first { $0.name == "masked scores" }!.elements
      let (tq, tk, group) = (problem.sizes.queries, problem.sizes.keys, problem.heads / problem.keyHeads)
      return (0..<problem.batch * problem.keyHeads * tk).map { key in
        let (source, i) = (key / tk, key % tk)
        return (0..<group * tq).allSatisfy {
          alignment[(source * group * tq + $0) * tk + i] == -.infinity
        }
      }
    }

    private func poisoned(_ problem: Case, _ hidden: [Bool], _ poison: Float) -> Case {
      var problem = problem
      for (row, hidden) in hidden.enumerated() where hidden {
        for i in 0..<problem.keyWidth { problem.keys[row * problem.keyWidth + i] = poison }
        for i in 0..<problem.sizes.valueWidth { problem.values[row * problem.sizes.valueWidth + i] = poison }
      }
      return problem
    }

    /// NaN and infinities at keys and values that are hidden from all queries reach no result, the gradients of weights that
    /// project keys among them. In tiles the additive score chooses its form by all keys of a block, so that poison may move
    /// its results within the tolerance; all others keep every bit.
    private func expectHidden(_ problem: Case, _ set: String) throws {
      let hidden = hidden(problem, try problem.reference(Double.self))
      #expect(hidden.contains(true), "\(problem.shape)")
      try under(set) {
        let clean = try problem.run()
        for poison in [Float.nan, .infinity, -.infinity] {
          let result = try poisoned(problem, hidden, poison).run()
          let shown = zip(result, clean).map { $0.name.hasSuffix("scores") ? $1 : $0 }
          if problem.isAdditive, problem.shaping.centres == nil, problem.sizes.queries > 1 {
            try problem.compare(shown, set)
          } else {
            for (part, expected) in zip(shown, clean) {
              #expect(part.elements.bits == expected.elements.bits, "\(problem.shape): \(part.name)")
            }
          }
        }
      }
    }

    /// More keys than queries, so that windows hide some.
    @Test(arguments: Case.Kind.allCases, sets)
    func hiddenPlacesReachNothing(_ kind: Case.Kind, _ set: String) throws {
      let shapes: [Case.Shape] = [.lengths, .causal, .window, .boolean, .bias, .localM, .localP, .everything]
      for shape in shapes {
        for queries in [1, 3] {
          let sizes = Case.Sizes(queries: queries, keys: 2 * lanes(set) + 9)
          try expectHidden(Case(kind, shape, .oneHead, sizes), set)
        }
      }
    }

    /// The same in several blocks of keys.
    @Test(arguments: Case.Kind.allCases, sets)
    func hiddenPlacesReachNothingInTiles(_ kind: Case.Kind, _ set: String) throws {
      for shape in [Case.Shape.lengths, .causal, .localM, .everything, .everythingLocalP] {
        let sizes = Case.Sizes(
          queries: 63, keys: 300, width: 5, keyWidth: 5, inner: 5, valueWidth: 129)
        try expectHidden(Case(kind, shape, .oneHead, sizes), set)
      }
    }

    /// NaN and infinities in queries without keys, and in the gradients of their contexts, reach nothing but those queries.
    @Test(arguments: Case.Kind.allCases, sets)
    func queriesWithoutKeysReachNothing(_ kind: Case.Kind, _ set: String) throws {
      for (queries, shape) in [
        (3, Case.Shape.causal), (3, .localP), (63, .causal), (63, .softcap), (63, .dropout), (63, .localM),
      ] {
        let sizes = Case.Sizes(queries: queries, keys: 13, width: 5, keyWidth: 5, inner: 5, valueWidth: 7)
        var problem = Case(kind, shape, .oneHead, sizes)
        problem.shaping.hideFromLastQueries(2)
        for poison in [Float.nan, .infinity] {
          var dirty = problem
          problem.forEachRow(1, queries) { _, row, t in
            guard t >= queries - 2 else { return }
            for i in 0..<sizes.width { dirty.queries[row * sizes.width + i] = poison }
            for i in 0..<sizes.valueWidth { dirty.dcontext[row * sizes.valueWidth + i] = poison }
            dirty.shaping.setCentre(row, to: poison)
          }
          let result = try under(set) { try dirty.run() }
          let clean = try under(set) { try problem.run() }
          let shown = zip(result, clean).map { $0.name.hasSuffix("scores") ? $1 : $0 }
          try problem.compare(shown, set)
        }
      }
    }

    /// The largest score comes in a later block than a NaN: it shows, unless the mask hides it.
    @Test(arguments: sets, [true, false])
    func nanBeforeALaterMaximum(_ set: String, _ isMasked: Bool) throws {
      let (tq, tk) = (6, 1100)
      let queries = try Tensor([Float](repeating: 1, count: tq), shape: [1, tq, 1])
      let keys = try Tensor((0..<tk).map { Float($0) / 100 }, shape: [1, tk, 1])
      var values = Tensor(zeros: [1, tk, 2])
      for i in 0..<tk { values[0, i, 1] = 1 }
      values[0, 700, 0] = .nan
      let allowed = try BooleanMask((0..<tk).map { !isMasked || $0 != 700 }, shape: [tk])
      try under(set) {
        let context = try DotAttention().forward(
          queries: queries, keys: keys, values: values, mask: .boolean(allowed)
        ).context
        for t in 0..<tq {
          #expect(isMasked ? context[0, t, 0] == 0 : context[0, t, 0].isNaN)
          // A sum of weights over another, of tk terms each.
          #expect(abs(context[0, t, 1] - 1) <= Float(2 * tk) * Float(Tolerance.u))
        }
      }
    }

    /// What stands in the bias where a boolean mask is false, and the gradients of contexts without keys, reach nothing.
    @Test(arguments: sets, [Float.nan, .infinity])
    func hiddenBiasesAndGradientsReachNothing(_ set: String, _ poison: Float) throws {
      var random = SeededRandom(71)
      let (queries, keys) = (
        try Tensor(random.floats(3 * 9), shape: [1, 3, 9]),
        try Tensor(random.floats(12 * 9), shape: [1, 12, 9])
      )
      var allowed = random.integers(36, in: 0...1).map { $0 == 1 }
      for i in 0..<12 { allowed[12 + i] = false }
      let clean = random.floats(36)
      let dirty = zip(clean, allowed).map { $1 ? $0 : poison }
      let gradient = try Tensor(random.floats(27), shape: [1, 3, 9])
      var dirtyGradient = gradient
      for i in 0..<9 { dirtyGradient[0, 1, i] = poison }
      func run(_ bias: [Float], _ gradient: Tensor) throws -> [[UInt32]] {
        let mask = Mask.boolean(try BooleanMask(allowed, shape: [3, 12])).and(
          .bias(try Tensor(bias, shape: [3, 12]), isLearned: true))
        let attended = try DotAttention().forward(queries: queries, keys: keys, values: keys, mask: mask)
        #expect(attended.context.elements[9..<18].allSatisfy { $0 == 0 })
        #expect(attended.logSumExp[0, 1] == -.infinity)
        let g = try DotAttention().backward(gradient, attended)
        return [attended.context, g.queries, g.keys, g.values, g.bias!].map { $0.elements.bits }
      }
      try under(set) {
        let expected = try run(clean, gradient)
        #expect(try run(dirty, gradient) == expected)
        #expect(try run(clean, dirtyGradient) == expected)
      }
    }

    @Test(arguments: Case.Kind.allCases, sets)
    func nothingToAttendTo(_ kind: Case.Kind, _ set: String) throws {
      var problem = Case(kind, .lengths, .sideBySide)
      problem.shaping.hideEverything()
      try under(set) {
        for part in try problem.run() where !part.name.hasSuffix("scores") {
          let expected: Float = part.name == "log-sum-exp" ? -.infinity : 0
          #expect(part.elements.allSatisfy { $0 == expected }, "\(part.name)")
        }
      }
    }

    /// A NaN in a real key shows in the rows that see it, and in no other; and in the gradients of what they see.
    @Test(arguments: Case.Kind.allCases.filter { $0 != .location }, sets)
    func nanInARealPlaceShows(_ kind: Case.Kind, _ set: String) throws {
      var problem = Case(kind, .causal)
      // The third key of the first source: queries 0 and 1 do not see it.
      problem.keys[2 * problem.keyWidth] = .nan
      let parts = try under(set) { try problem.run() }
      func rows(_ name: String, _ width: Int) -> [[Bool]] {
        parts.first { $0.name == name }!.elements.chunked(width).map { $0.map(\.isNaN) }
      }
      let (queries, keys) = (problem.sizes.queries, problem.sizes.keys)
      let isSeeing = (0..<problem.batch * queries).map { (2..<queries).contains($0) }
      for (name, width) in [("context", problem.sizes.valueWidth), ("dqueries", problem.sizes.width)] {
        #expect(rows(name, width) == isSeeing.map { [Bool](repeating: $0, count: width) }, "\(name)")
      }
      // Masked weights stay 0 in a row of NaN.
      let weights = rows("alignment", keys)
      for (row, weights) in weights.enumerated() {
        #expect(weights == (0..<keys).map { isSeeing[row] && $0 <= row }, "row \(row)")
      }
      for (name, width) in [("dkeys", problem.keyWidth), ("dvalues", problem.sizes.valueWidth)] {
        let isSeen = (0..<problem.batch * keys).map { $0 < queries }
        #expect(rows(name, width) == isSeen.map { [Bool](repeating: $0, count: width) }, "\(name)")
      }
    }

    // MARK: Masks together

    private func alignment(_ mask: Mask, _ window: Window = .global) throws -> [Bool] {
      let (queries, keys) = (Tensor(zeros: [2, 4, 1]), Tensor(zeros: [2, 6, 1]))
      return try DotAttention().forward(
        queries: queries, keys: keys, values: keys, mask: mask, window: window, alignment: true
      ).alignment!.elements.map { $0 != 0 }
    }

    private func expected(_ allows: (_ b: Int, _ t: Int, _ i: Int) -> Bool) -> [Bool] {
      (0..<48).map { allows($0 / 24, $0 / 6 % 4, $0 % 6) }
    }

    @Test func masksActTogether() throws {
      #expect(try alignment(.none.and(.all([]))) == expected { _, _, _ in true })
      #expect(
        try alignment(.lengths([6, 3]).and(.lengths([2, 5]))) == expected { b, _, i in i < [2, 3][b] })
      #expect(try alignment(.causal(offset: 1)) == expected { _, t, i in i <= t + 1 })
      #expect(
        try alignment(.causal().and(.window(left: 1, right: 5)))
          == expected { _, t, i in t - 1 <= i && i <= t })
      #expect(
        try alignment(.window(left: 2, right: nil).and(.window(left: nil, right: 1, offset: -1)))
          == expected { _, t, i in t - 2 <= i && i <= t })
      #expect(try alignment(.causal(), .monotonic(radius: 1)) == expected { _, t, i in t - 1 <= i && i <= t })
      #expect(
        try alignment(.windows(left: 0, right: 0, offsets: [0, 2]).and(.lengths([2, 5])))
          == expected { b, t, i in i == t + [0, 2][b] && i < [2, 5][b] })
      #expect(
        try alignment(.windows(left: nil, right: 0, offsets: [0, 2]).and(.causal(offset: 1)))
          == expected { b, t, i in i <= t + [0, 1][b] })
      #expect(try alignment(.window(left: .max, right: .max)) == expected { _, _, _ in true })
      let apart = Mask.causal(offset: -1).and(.window(left: 0, right: nil))
      #expect(try alignment(apart) == expected { _, _, _ in false })
      #expect(try alignment(apart, .monotonic(radius: 2)) == expected { _, _, _ in false })
    }

    @Test func booleansActTogether() throws {
      let (rows, columns) = ([true, false, true, true], [true, true, false, true, true, false])
      let queries = try BooleanMask((0..<24).map { rows[$0 / 6] }, shape: [4, 6])
      let keys = try BooleanMask((0..<12).map { $0 < 6 || columns[$0 % 6] }, shape: [2, 1, 1, 6])
      #expect(
        try alignment(.boolean(queries).and(.boolean(keys)))
          == expected { b, t, i in rows[t] && (b == 0 || columns[i]) })
    }

    @Test func aGlobalWindowAndWideLocalOnesAgree() throws {
      for shape in [Case.Shape.none, .lengths] {
        let input = try Case(.dot, shape).input()
        var wide = input
        wide.window = .monotonic(radius: 100)
        let (a, b) = (
          try DotAttention().forward(input, alignment: false),
          try DotAttention().forward(wide, alignment: false)
        )
        #expect(a.context == b.context)
      }
    }
  }
}

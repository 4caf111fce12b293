import Attention
import TestSupport
import Testing

extension KernelTests {
  /// Every attention function under every shaping in every layout, forward and backward, against the reference in double.
  @Suite struct AttentionTypesTests {
    typealias Case = AttentionCase

    private func check(_ problem: Case, _ set: String, alignment: Bool = true) throws {
      try problem.compare(try under(set) { try problem.run(alignment: alignment) }, set, alignment: alignment)
    }

    @Test(arguments: Case.Kind.allCases, sets)
    func everyShapingInEveryLayout(_ kind: Case.Kind, _ set: String) throws {
      for form in Case.Form.allCases {
        for shape in Case.Shape.allCases { try check(Case(kind, shape, form), set) }
      }
    }

    @Test(arguments: Case.Kind.allCases, sets)
    func widthsOfEverySize(_ kind: Case.Kind, _ set: String) throws {
      for w in widths(set) {
        // A cosine of one dimension is ±1, and has no gradient.
        let x = max(w, 2)
        let sizes = Case.Sizes(queries: 3, keys: w + 23, width: x, keyWidth: x, inner: x, valueWidth: w)
        try check(Case(kind, .lengths, .oneHead, sizes), set)
        try check(Case(kind, .everything, .sideBySide, sizes), set)
      }
    }

    /// More keys than a block holds: 512 of narrow ones, 256 up to a width of 128, 128 of wider ones.
    @Test(arguments: Case.Kind.allCases, [Case.Shape.lengths, .causal, .localM, .localP, .everything])
    func manyKeys(_ kind: Case.Kind, _ shape: Case.Shape) throws {
      let narrow = Case.Sizes(queries: 70, keys: 531, width: 8, keyWidth: 5, inner: 6, valueWidth: 7)
      let wide = Case.Sizes(queries: 70, keys: 331, width: 8, keyWidth: 5, inner: 6, valueWidth: 129)
      for set in KernelTests.sets {
        try check(Case(kind, shape, .oneHead, narrow), set)
        try check(Case(kind, shape, .oneHead, wide), set)
      }
    }

    /// More queries than a task has, 512; and few that take a long source in parts.
    @Test(arguments: [Case.Kind.dot, .additive], [Case.Shape.causal, .everything])
    func manyQueriesAndFew(_ kind: Case.Kind, _ shape: Case.Shape) throws {
      let many = Case.Sizes(queries: 530, keys: 40, width: 5, keyWidth: 5, inner: 5, valueWidth: 3)
      let few = Case.Sizes(queries: 3, keys: 1025, width: 5, keyWidth: 5, inner: 5, valueWidth: 3)
      let one = Case.Sizes(queries: 1, keys: 1025, width: 5, keyWidth: 5, inner: 5, valueWidth: 3)
      for set in KernelTests.sets {
        try check(Case(kind, shape, .sideBySide, many), set)
        try check(Case(kind, shape, .oneHead, few), set)
        try check(Case(kind, shape, .oneHead, one), set)
      }
    }

    /// Blocks of 256 keys, between those of the narrow and of the wide.
    @Test(arguments: [Case.Kind.dot, .additive], sets)
    func middlingWidths(_ kind: Case.Kind, _ set: String) throws {
      let sizes = Case.Sizes(queries: 9, keys: 300, width: 100, keyWidth: 100, inner: 100, valueWidth: 90)
      for shape in [Case.Shape.lengths, .everything] { try check(Case(kind, shape, .oneHead, sizes), set) }
    }

    /// Several blocks of keys for groups of heads, padded and packed.
    @Test(arguments: [Case.Kind.dot, .additive], [Case.Form.sideBySide, .packed])
    func manyKeysUnderSeveralHeads(_ kind: Case.Kind, _ form: Case.Form) throws {
      let sizes = Case.Sizes(queries: 20, keys: 331, width: 8, keyWidth: 8, inner: 6, valueWidth: 129)
      for set in KernelTests.sets {
        for shape in [Case.Shape.causal, .everything] { try check(Case(kind, shape, form, sizes), set) }
        try check(Case(kind, .lengths, form, sizes), set, alignment: false)
      }
    }

    /// The backward makes the alignment again where the forward did not keep it, and then errs no more.
    @Test(arguments: Case.Kind.allCases, sets)
    func withoutTheAlignment(_ kind: Case.Kind, _ set: String) throws {
      for shape in [Case.Shape.lengths, .everything, .localP] {
        try check(Case(kind, shape, .sideBySide), set, alignment: false)
      }
    }

    @Test(arguments: sets)
    func shapesOfResults(set: String) throws {
      try under(set) {
        let expected: [Case.Form: ([Int], [Int])] = [
          .oneHead: ([4, 5, 7], [4, 5, 13]), .sideBySide: ([4, 5, 28], [4, 4, 5, 13]),
          .headed: ([4, 4, 5, 7], [4, 4, 5, 13]), .packed: ([10, 28], [4, 4, 5, 13]),
        ]
        for (form, (context, alignment)) in expected {
          let attended = try DotAttention().forward(Case(.dot, .none, form).input(), alignment: true)
          #expect(attended.context.shape == context)
          #expect(attended.alignment?.shape == alignment)
          #expect(attended.logSumExp.shape == alignment.dropLast())
          #expect(attended.scores(at: .masked).shape == alignment)
          #expect(
            try DotAttention().forward(Case(.dot, .none, form).input(), alignment: false).alignment == nil)
        }
      }
    }

    /// W = [W_a U_a] is the same score as its two halves, and its gradient is theirs side by side.
    @Test func concatIsAdditive() throws {
      let problem = Case(.biasedAdditive, .lengths)
      let halves = try problem.additive()
      let rows = zip(
        problem.queryWeight.chunked(problem.sizes.width), problem.keyWeight.chunked(problem.keyWidth))
      let concat = try AdditiveAttention(
        v: halves.v,
        concat: Tensor(
          rows.flatMap { $0 + $1 }, shape: [problem.sizes.inner, problem.sizes.width + problem.keyWidth]),
        queryWidth: problem.sizes.width, bias: halves.bias)
      #expect(concat.query == halves.query && concat.key == halves.key)
      let attended = try concat.forward(problem.input(), alignment: false)
      let gradients = try concat.backward(attended.context, attended)
      let joined = zip(
        gradients.query.elements.chunked(problem.sizes.width),
        gradients.key.elements.chunked(problem.keyWidth))
      #expect(gradients.concat.elements == joined.flatMap { $0 + $1 })
    }

    @Test(arguments: sets)
    func emptySizes(set: String) throws {
      try under(set) {
        for empty in 0..<4 {
          let size = (0..<4).map { $0 == empty ? 0 : 3 }
          let queries = Tensor(zeros: [size[0], size[1], 5])
          let (keys, values) = (
            Tensor(zeros: [size[0], size[2], 6]), Tensor(zeros: [size[0], size[2], size[3]])
          )
          let general = try GeneralAttention(weight: Tensor(zeros: [5, 6]))
          let output = try general.forward(queries: queries, keys: keys, values: values, alignment: true)
          #expect(output.context == Tensor(zeros: [size[0], size[1], size[3]]))
          #expect(try general.backward(output.context, output).weight == Tensor(zeros: [5, 6]))
          let location = try LocationAttention(weight: Tensor(zeros: [3, 5]))
          let other = try location.forward(queries: queries, values: values)
          #expect(try location.backward(other.context, other).weight == Tensor(zeros: [3, 5]))
          let local = try general.forward(
            queries: queries, keys: keys, values: values,
            window: .predictive(centres: Tensor(zeros: [size[0], size[1]]), radius: 2))
          #expect(local.context == Tensor(zeros: [size[0], size[1], size[3]]))
          let gradients = try general.backward(local.context, local).inputs
          #expect(gradients.centres == Tensor(zeros: [size[0], size[1]]))
        }
      }
    }
  }
}

extension Array {
  func chunked(_ width: Int) -> [[Element]] {
    stride(from: 0, to: count, by: width).map { Array(self[$0..<$0 + width]) }
  }
}

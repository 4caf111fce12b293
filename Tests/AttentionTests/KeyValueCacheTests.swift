import Attention
import TestSupport
import Testing

extension KernelTests {
  /// Decoding step by step over a cache is the whole sentence at once.
  @Suite struct KeyValueCacheTests {
    static let steps = [3, 1, 1, 0, 4, 2]

    private struct Whole {
      let queries, keys, values: Tensor
      let b = 2
      let heads = 4
      let keyHeads = 2
      let width = 9
      let valueWidth = 5

      init() throws {
        let positions = KeyValueCacheTests.steps.reduce(0, +)
        var random = SeededRandom(81)
        queries = try Tensor(
          random.floats(b * heads * positions * width), shape: [b, heads, positions, width])
        keys = try Tensor(
          random.floats(b * keyHeads * positions * width), shape: [b, keyHeads, positions, width])
        values = try Tensor(
          random.floats(b * keyHeads * positions * valueWidth), shape: [b, keyHeads, positions, valueWidth])
      }

      /// The positions of a range, as rank 4 or with the heads side by side.
      func slice(_ tensor: Tensor, _ range: Range<Int>, headed: Bool) throws -> Tensor {
        let (heads, width) = (tensor.shape[1], tensor.shape[3])
        var elements: [Float] = []
        let places =
          headed
          ? (0..<heads).flatMap { head in range.map { (head, $0) } }
          : range.flatMap { t in (0..<heads).map { ($0, t) } }
        for source in 0..<b {
          for (head, t) in places {
            for i in 0..<width { elements.append(tensor[source, head, t, i]) }
          }
        }
        return try Tensor(
          elements, shape: headed ? [b, heads, range.count, width] : [b, range.count, heads * width])
      }
    }

    private func compare<F: AttentionFunction>(
      _ function: F, headed: Bool, mask: Mask = .none, capacity: Int = 0
    ) throws {
      let whole = try Whole()
      let options = headed ? AttentionOptions() : AttentionOptions(heads: whole.heads)
      let expected = try function.forward(
        queries: whole.queries, keys: whole.keys, values: whole.values, mask: mask.and(.causal()))
      var cache = try KeyValueCache(
        batch: whole.b, heads: whole.keyHeads, width: whole.width, valueWidth: whole.valueWidth,
        capacity: capacity)
      var position = 0
      for count in Self.steps {
        let range = position..<position + count
        try cache.append(
          keys: whole.slice(whole.keys, range, headed: headed),
          values: whole.slice(whole.values, range, headed: headed))
        let attended = try function.forward(
          queries: whole.slice(whole.queries, range, headed: headed), cache: cache, mask: mask,
          options: options)
        let truth = try whole.slice(expected.context, range, headed: headed)
        #expect(attended.context.shape == truth.shape)
        // Both may be off by the 8 u of the forward's floor.
        for (value, truth) in zip(attended.context.elements, truth.elements) {
          #expect(
            abs(value - truth) <= 16 * Float(Tolerance.u)
              * whole.values.elements.reduce(0) { max($0, abs($1)) })
        }
        position += count
        #expect(cache.count == position)
      }
      #expect(cache.keys == whole.keys && cache.values == whole.values)
    }

    @Test(arguments: [true, false], sets)
    func equalsTheWhole(_ headed: Bool, _ set: String) throws {
      var random = SeededRandom(82)
      let weight = try Tensor(random.floats(81), shape: [9, 9])
      let v = try Tensor(random.floats(9), shape: [9])
      try under(set) {
        try compare(DotAttention.scaled, headed: headed)
        try compare(CosineAttention(temperature: 0.5), headed: headed)
        try compare(GeneralAttention(weight: weight), headed: headed)
        try compare(AdditiveAttention(v: v, query: weight, key: weight), headed: headed)
        try compare(LocationAttention(weight: Tensor(random.floats(99), shape: [11, 9])), headed: headed)
        try compare(GeneralAttention(weight: weight), headed: headed, capacity: 40)
        try compare(DotAttention(), headed: headed, mask: .window(left: 2, right: nil))
        try compare(
          DotAttention(), headed: headed, mask: .none.and(.windows(left: 3, right: nil, offsets: [1, 1])))
      }
    }

    /// The gradients of a step are those of the same step over plain tensors, and have no room to spare either.
    @Test(arguments: sets)
    func gradientsOfAStep(set: String) throws {
      let whole = try Whole()
      var cache = try KeyValueCache(batch: 2, heads: 2, width: 9, valueWidth: 5, capacity: 32)
      try cache.append(keys: whole.keys, values: whole.values)
      let queries = try whole.slice(whole.queries, 9..<11, headed: true)
      var random = SeededRandom(83)
      let weight = try Tensor(random.floats(81), shape: [9, 9])
      try under(set) {
        let general = try GeneralAttention(weight: weight)
        let step = try general.forward(queries: queries, cache: cache)
        let plain = try general.forward(
          queries: queries, keys: whole.keys, values: whole.values, mask: .causal(offset: 9))
        #expect(step.context == plain.context)
        let (a, b) = (try general.backward(step.context, step), try general.backward(plain.context, plain))
        #expect(a.inputs.queries == b.inputs.queries && a.inputs.keys == b.inputs.keys)
        #expect(a.inputs.values == b.inputs.values)
        #expect(a.inputs.keys.shape == [2, 2, 11, 9])
        #expect(a.weight == b.weight)
      }
    }

    @Test func copiesGoTheirOwnWays() throws {
      var first = try KeyValueCache(batch: 1, width: 1, valueWidth: 1, capacity: 8)
      let (one, two) = (try Tensor([1], shape: [1, 1, 1]), try Tensor([2], shape: [1, 1, 1]))
      try first.append(keys: one, values: one)
      var second = first
      let before = try DotAttention().forward(queries: one, cache: first)
      try first.append(keys: one, values: one)
      try second.append(keys: two, values: two)
      #expect(first.values.elements == [1, 1] && second.values.elements == [1, 2])
      #expect(try DotAttention().backward(one, before).values.elements == [1])
    }

    @Test func withoutCausality() throws {
      let whole = try Whole()
      var cache = try KeyValueCache(batch: 2, heads: 2, width: 9, valueWidth: 5)
      try cache.append(keys: whole.keys, values: whole.values)
      let all = try DotAttention().forward(queries: whole.queries, cache: cache, causal: false)
      let plain = try DotAttention().forward(queries: whole.queries, keys: whole.keys, values: whole.values)
      #expect(all.context == plain.context)
    }
  }
}

import Attention
import Testing

/// The typed errors of the Swift functions, by the argument that they name.
@Suite struct ErrorTests {
  private func argument(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch AttentionError.shape(let argument, _, _) {
      return argument
    } catch AttentionError.value(let argument, _, _) {
      return argument
    } catch {
      return "another error: \(error)"
    }
  }

  private let q = Tensor(zeros: [2, 3, 4])
  private let k = Tensor(zeros: [2, 5, 4])
  private let v = Tensor(zeros: [2, 5, 6])

  @Test func dot() throws {
    let layer = DotAttention()
    #expect(
      argument { _ = try layer.forward(queries: Tensor(zeros: [3, 4]), keys: k, values: v) } == "queries")
    for keys in [[2, 4], [3, 5, 4], [2, 5, 3]] {
      #expect(argument { _ = try layer.forward(queries: q, keys: Tensor(zeros: keys), values: v) } == "keys")
    }
    for values in [[2, 6], [3, 5, 6], [2, 4, 6]] {
      #expect(
        argument { _ = try layer.forward(queries: q, keys: k, values: Tensor(zeros: values)) } == "values")
    }
    func masked(_ lengths: [Int]) -> String? {
      argument { _ = try layer.forward(queries: q, keys: k, values: v, mask: .lengths(lengths)) }
    }
    #expect(masked([5, 0]) == nil)
    #expect(masked([5]) == "lengths")
    #expect(masked([5, 6]) == "lengths[1]")
    #expect(masked([-1, 5]) == "lengths[0]")
    #expect(masked([5, Int.max]) == "lengths[1]")
    let attended = try layer.forward(queries: q, keys: k, values: v)
    #expect(argument { _ = try layer.backward(q, attended) } == "contextGradient")
  }

  @Test func general() throws {
    #expect(argument { _ = try GeneralAttention(weight: Tensor(zeros: [4])) } == "weight")
    let layer = try GeneralAttention(weight: Tensor(zeros: [4, 7]))
    let keys = Tensor(zeros: [2, 5, 7])
    #expect(argument { _ = try layer.forward(queries: q, keys: k, values: v) } == "keys")
    #expect(argument { _ = try layer.forward(queries: keys, keys: keys, values: v) } == "queries")
    let output = try layer.forward(queries: q, keys: keys, values: v)
    #expect(argument { _ = try layer.backward(q, output) } == "contextGradient")
  }

  @Test func additive() throws {
    let (v1, wq, wk) = (Tensor(zeros: [9]), Tensor(zeros: [9, 4]), Tensor(zeros: [9, 4]))
    #expect(argument { _ = try AdditiveAttention(v: wq, query: wq, key: wk) } == "v")
    #expect(argument { _ = try AdditiveAttention(v: v1, query: Tensor(zeros: [8, 4]), key: wk) } == "query")
    #expect(argument { _ = try AdditiveAttention(v: v1, query: wq, key: Tensor(zeros: [9])) } == "key")
    #expect(argument { _ = try AdditiveAttention(v: v1, query: wq, key: wk, gain: 1) } == "v")
    let nan = try Tensor([Float](repeating: .nan, count: 9), shape: [9])
    #expect(argument { _ = try AdditiveAttention(v: nan, query: wq, key: wk, gain: 1) } == "v")
    #expect(argument { _ = try AdditiveAttention(v: v1, query: wq, key: wk, gain: .nan) } == "gain")
    #expect(
      argument { _ = try AdditiveAttention(v: v1, concat: wq.reshaped([4, 9]), queryWidth: 2) } == "concat")
    let layer = try AdditiveAttention(v: v1, query: wq, key: wk)
    #expect(argument { _ = try layer.forward(queries: v, keys: k, values: v) } == "queries")
    #expect(argument { _ = try layer.forward(queries: q, keys: v, values: v) } == "keys")
    let output = try layer.forward(queries: q, keys: k, values: v)
    #expect(argument { _ = try layer.backward(q, output) } == "contextGradient")
  }

  @Test func location() throws {
    #expect(argument { _ = try LocationAttention(weight: Tensor(zeros: [4])) } == "weight")
    let layer = try LocationAttention(weight: Tensor(zeros: [4, 4]))
    #expect(argument { _ = try layer.forward(queries: q, values: v) } == "values")
    #expect(argument { _ = try layer.forward(queries: q, keys: v, values: v) } == "keys")
    #expect(argument { _ = try layer.forward(queries: v, values: v) } == "queries")
    let long = try LocationAttention(weight: Tensor(zeros: [9, 4])).forward(queries: q, values: v)
    #expect(argument { _ = try layer.backward(long.context, long) } == "attended")
  }

  @Test func scoreParameters() throws {
    for scale in [.nan, .infinity, -.infinity] as [Float] {
      #expect(
        argument { _ = try DotAttention(scale: scale).forward(queries: q, keys: k, values: v) } == "scale")
    }
    for temperature in [0, -1, .nan, .infinity, .leastNonzeroMagnitude] as [Float] {
      #expect(argument { _ = try CosineAttention(temperature: temperature) } == "temperature")
    }
    let (v1, w) = (Tensor(zeros: [9]), Tensor(zeros: [9, 4]))
    #expect(argument { _ = try AdditiveAttention(v: v1, query: w, key: w, bias: w) } == "bias")
    #expect(argument { _ = try AdditiveAttention(v: v1, query: w, key: w, gain: 1) } == "v")
    #expect(argument { _ = try AdditiveAttention(v: v1, concat: v1, queryWidth: 2) } == "concat")
    #expect(argument { _ = try AdditiveAttention(v: v1, concat: w, queryWidth: 5) } == "queryWidth")
    #expect(argument { _ = try AdditiveAttention(v: v1, concat: w, queryWidth: -1) } == "queryWidth")
  }

  /// What the options, masks and windows of a call can be wrong about.
  @Test func options() throws {
    func run(
      _ options: AttentionOptions = AttentionOptions(), _ mask: Mask = .none, _ window: Window = .global,
      queries: Tensor? = nil, keys: Tensor? = nil, values: Tensor? = nil
    ) -> String? {
      argument {
        _ = try DotAttention().forward(
          queries: queries ?? q, keys: keys ?? k, values: values ?? v, mask: mask, window: window,
          options: options)
      }
    }
    #expect(run() == nil)
    for softcap in [0, -1, .nan, .infinity, .leastNonzeroMagnitude] as [Float] {
      #expect(run(AttentionOptions(softcap: softcap)) == "softcap")
    }
    for rate in [1, -0.1, .nan] as [Float] { #expect(run(AttentionOptions(dropout: rate)) == "dropout") }
    #expect(run(AttentionOptions(heads: 2, keyHeads: 2)) == nil)
    #expect(run(AttentionOptions(heads: 3)) == "queries")
    #expect(run(AttentionOptions(heads: 0)) == "heads")
    #expect(run(AttentionOptions(heads: -2)) == "heads")
    #expect(run(AttentionOptions(heads: 2, keyHeads: 0)) == "keyHeads")
    #expect(run(AttentionOptions(heads: 1, keyHeads: 2)) == "keyHeads")
    #expect(run(AttentionOptions(heads: 4, keyHeads: 1)) == "keys")
    let (q4, k4) = (Tensor(zeros: [2, 4, 3, 5]), Tensor(zeros: [2, 2, 6, 5]))
    #expect(run(queries: q4, keys: k4, values: k4) == nil)
    #expect(run(AttentionOptions(heads: 3), queries: q4, keys: k4, values: k4) == "heads")
    #expect(run(queries: q4, keys: Tensor(zeros: [2, 3, 6, 5]), values: k4) == "keyHeads")
    #expect(run(queries: q4, keys: k4, values: Tensor(zeros: [2, 4, 6, 5])) == "values")
    #expect(run(queries: Tensor(zeros: [2, 0, 3, 5]), keys: k4, values: k4) == "heads")

    let packed = AttentionOptions(packed: PackedLengths(queries: [1, 2], keys: [2, 3]))
    let (rows, columns) = (Tensor(zeros: [3, 4]), Tensor(zeros: [5, 4]))
    #expect(run(packed, queries: rows, keys: columns, values: columns) == nil)
    #expect(run(packed) == "queries")
    #expect(run(packed, queries: rows, keys: rows, values: columns) == "keys")
    #expect(run(packed, queries: rows, keys: columns, values: rows) == "values")
    for (queries, keys, name) in [
      ([1, 2], [5], "packed.keys"), ([-1, 4], [2, 3], "packed.queries[0]"),
      ([1, 2], [6, -1], "packed.keys[1]"),
    ] {
      let options = AttentionOptions(packed: PackedLengths(queries: queries, keys: keys))
      #expect(run(options, queries: rows, keys: columns, values: columns) == name)
    }
    #expect(
      run(
        queries: Tensor(zeros: [1, 1 << 40, 0]), keys: Tensor(zeros: [1, 1 << 40, 0]),
        values: Tensor(zeros: [1, 1 << 40, 0]))
        == "queries")
  }

  /// Empty arrays whose other sizes, multiplied, are beyond what the kernels address.
  @Test func sizesOfEmptyArrays() throws {
    func run(_ queries: [Int], _ keys: [Int], _ values: [Int], _ mask: Mask = .none) -> String? {
      argument {
        let output = try DotAttention().forward(
          queries: Tensor(zeros: queries), keys: Tensor(zeros: keys), values: Tensor(zeros: values),
          mask: mask)
        _ = try DotAttention().backward(output.context, output)
      }
    }
    let many = 1 << 30
    #expect(run([0, many, 4], [0, 3, 4], [0, 3, 6]) == nil)
    #expect(run([0, many, 2048], [0, 3, 2048], [0, 3, 6]) == "queries")
    #expect(run([0, many, 4], [0, 3, 4], [0, 3, 2048]) == "queries")
    #expect(run([0, 3, 4], [0, many, 4], [0, many, 2048]) == "values")
    #expect(run([0, 3, many], [0, 4096, many], [0, 4096, 1]) == "keys")
    #expect(run([0, 3, .max], [0, 3, .max], [0, 3, 1]) == "queries")
    let bias = Tensor(zeros: [0, 1 << 20, 1 << 20, 3])
    #expect(run([0, 1 << 20, 1 << 20, 1], [0, 1 << 20, 3, 1], [0, 1 << 20, 3, 1], .bias(bias)) == "bias")
    let (rows, heads) = (
      try BooleanMask([], shape: [0, 1, many, 4]), try BooleanMask([], shape: [0, many, 1, 4])
    )
    #expect(run([0, 1, 4], [0, 4, 4], [0, 4, 4], .boolean(rows).and(.boolean(heads))) == "mask")
    let (empty, one) = (
      try BooleanMask([], shape: [many, 1, 1, 0]), try BooleanMask([], shape: [1, many, 1, 0])
    )
    #expect(run([0, 1, 4], [0, 4, 4], [0, 4, 4], .boolean(empty).and(.boolean(one))) == "mask")
  }

  /// The same where a score makes other widths of its queries and keys, and in the functions beside attention.
  @Test func sizesOfEmptyProjections() throws {
    func run(_ function: some AttentionFunction, _ queries: [Int], _ keys: [Int], _ values: [Int]) -> String?
    {
      argument {
        _ = try function.forward(
          queries: Tensor(zeros: queries), keys: Tensor(zeros: keys), values: Tensor(zeros: values))
      }
    }
    let many = 1 << 30
    let wide = Tensor(zeros: [2048, 4])
    let additive = try AdditiveAttention(v: Tensor(zeros: [2048]), query: wide, key: wide)
    #expect(run(additive, [0, many, 4], [0, 3, 4], [0, 3, 4]) == "queries")
    #expect(run(additive, [0, 3, 4], [0, many, 4], [0, many, 4]) == "keys")
    let general = try GeneralAttention(weight: Tensor(zeros: [2048, 1]))
    #expect(run(general, [0, 3, 2048], [0, many, 1], [0, many, 1]) == "keys")
    let empty = try GeneralAttention(weight: Tensor(zeros: [1 << 20, 0]))
    #expect(run(empty, [1, 3, 1 << 20], [1, many, 0], [1, many, 0]) == "keys")
    let location = try LocationAttention(weight: Tensor(zeros: [1 << 16, 4]))
    #expect(run(location, [0, many, 4], [0, 1 << 16, 4], [0, 1 << 16, 4]) == nil)
    #expect(argument { _ = try softmax(Tensor(zeros: [.max, 0])) } == "x")
    #expect(argument { _ = try logSoftmax(Tensor(zeros: [0, 1 << 41])) } == "x")
    let column = Tensor(zeros: [1 << 40, 0])
    #expect(argument { _ = try matrixProduct(column, Tensor(zeros: [0, 1 << 40])) } == "a")
    let predictor = try PositionPredictor(v: Tensor(zeros: [4]), weight: Tensor(zeros: [4, 0]))
    for queries in [[1, 1 << 39, 0], [1, .max, 0]] {
      #expect(
        argument { _ = try predictor.forward(queries: Tensor(zeros: queries), lengths: [1]) } == "queries")
    }
    #expect(argument { _ = try Tensor([], shape: [.max, -1, 0]) } == "elements")
  }

  @Test func masksAndWindows() throws {
    func run(_ mask: Mask, _ window: Window = .global) -> String? {
      argument { _ = try DotAttention().forward(queries: q, keys: k, values: v, mask: mask, window: window) }
    }
    #expect(run(.window(left: -1, right: 2)) == "left")
    #expect(run(.window(left: 1, right: -2)) == "right")
    #expect(run(.causal(offset: .max)) == "offset")
    #expect(run(.causal(offset: .min)) == "offset")
    #expect(run(.windows(left: nil, right: 0, offsets: [1])) == nil)
    #expect(run(.windows(left: nil, right: 0, offsets: [1, 2, 3])) == "offsets")
    #expect(run(.windows(left: nil, right: 0, offsets: [])) == "offsets")
    #expect(run(.window(left: 0, right: 0).and(.window(left: 0, right: 0, offset: 3))) == nil)
    #expect(
      run(.windows(left: 1, right: 1, offsets: [0, 2]).and(.window(left: 1, right: 1))) == "mask")
    #expect(
      run(.windows(left: 1, right: 1, offsets: [0, 2]).and(.windows(left: 1, right: 1, offsets: [0, 2, 3])))
        == "offsets")
    #expect(run(.lengths([5, 5]).and(.lengths([5]))) == "lengths")
    #expect(run(.lengths([5, 6]).and(.causal())) == "lengths[1]")
    for shape in [[3, 4], [1, 3, 5, 5], [2, 2, 3, 5], [3, 3, 5], [], [1, 1, 1, 3, 5]] {
      let count = shape.reduce(1, *)
      let boolean = try BooleanMask([Bool](repeating: true, count: count), shape: shape)
      #expect(run(.boolean(boolean)) == "mask", "\(shape)")
      #expect(run(.bias(Tensor(zeros: shape))) == "bias", "\(shape)")
    }
    for shape in [[5], [3, 5], [1, 5], [1, 3, 5], [2, 1, 1, 5], [2, 1, 3, 5]] {
      #expect(run(.bias(Tensor(zeros: shape))) == nil, "\(shape)")
    }
    #expect(run(.bias(Tensor(zeros: [5])).and(.bias(Tensor(zeros: [5])))) == "mask")
    #expect(argument { _ = try BooleanMask([true], shape: [2]) } == "elements")
    #expect(run(.none, .monotonic(radius: -1)) == "window.radius")
    let centres = Tensor(zeros: [2, 3])
    #expect(run(.none, .predictive(centres: centres, radius: 1)) == nil)
    #expect(run(.none, .predictive(centres: centres, radius: 0)) == "window.radius")
    #expect(run(.none, .predictive(centres: centres, radius: .max)) == "window.radius")
    #expect(run(.causal(), .predictive(centres: centres, radius: 1)) == "mask")
    for shape in [[3], [2, 4], [3, 3], [2, 2, 3], [1, 2, 1, 3]] {
      #expect(run(.none, .predictive(centres: Tensor(zeros: shape), radius: 1)) == "centres", "\(shape)")
    }
  }

  @Test func anotherFunctionsResult() throws {
    let dot = try DotAttention().forward(queries: q, keys: k, values: v)
    #expect(argument { _ = try CosineAttention().backward(dot.context, dot) } == "attended")
    let (narrow, wide) = (
      try GeneralAttention(weight: Tensor(zeros: [4, 4])),
      try GeneralAttention(weight: Tensor(zeros: [5, 4]))
    )
    let output = try narrow.forward(queries: q, keys: k, values: v)
    #expect(argument { _ = try wide.backward(output.context, output) } == "attended")
  }

  @Test func caches() throws {
    #expect(argument { _ = try KeyValueCache(batch: -1, width: 1, valueWidth: 1) } == "batch")
    #expect(argument { _ = try KeyValueCache(batch: 1, heads: 0, width: 1, valueWidth: 1) } == "heads")
    #expect(argument { _ = try KeyValueCache(batch: 1, width: -1, valueWidth: 1) } == "width")
    #expect(
      argument { _ = try KeyValueCache(batch: 1 << 20, width: 1 << 20, valueWidth: 1, capacity: 1 << 20) }
        == "capacity")
    #expect(
      argument { _ = try KeyValueCache(batch: 1 << 30, heads: 1 << 30, width: 0, valueWidth: 0, capacity: 9) }
        == "capacity")
    var endless = try KeyValueCache(batch: 0, width: 1, valueWidth: 1)
    let half = Tensor(zeros: [0, 1 << 30, 1])
    try endless.append(keys: half, values: half)
    #expect(argument { try endless.append(keys: half, values: half) } == "keys")
    #expect(endless.count == 1 << 30)
    var cache = try KeyValueCache(batch: 2, heads: 2, width: 3, valueWidth: 4)
    let (keys, values) = (Tensor(zeros: [2, 2, 5, 3]), Tensor(zeros: [2, 2, 5, 4]))
    #expect(argument { try cache.append(keys: values, values: values) } == "keys")
    #expect(argument { try cache.append(keys: keys, values: keys) } == "values")
    #expect(argument { try cache.append(keys: keys, values: Tensor(zeros: [2, 2, 4, 4])) } == "values")
    #expect(argument { try cache.append(keys: Tensor(zeros: [2, 1, 5, 3]), values: values) } == "keys")
    #expect(cache.count == 0)
    try cache.append(keys: keys, values: values)
    #expect(argument { _ = try DotAttention().forward(queries: keys, cache: cache) } == nil)
    #expect(argument { _ = try DotAttention().forward(queries: values, cache: cache) } == "cache.keys")
    let rows = Tensor(zeros: [2, 5, 6])
    #expect(argument { _ = try DotAttention().forward(queries: rows, cache: cache) } == nil)
    #expect(
      argument { _ = try DotAttention().forward(queries: Tensor(zeros: [2, 6, 6]), cache: cache) } == "cache")
    #expect(
      argument { _ = try DotAttention().forward(queries: Tensor(zeros: [3, 5, 6]), cache: cache) }
        == "cache.keys")
    let packed = AttentionOptions(packed: PackedLengths(queries: [1], keys: [1]))
    #expect(
      argument { _ = try DotAttention().forward(queries: q, cache: cache, options: packed) }
        == "options.packed")
  }

  @Test func predictors() throws {
    let (v1, w) = (Tensor(zeros: [9]), Tensor(zeros: [9, 4]))
    #expect(argument { _ = try PositionPredictor(v: w, weight: w) } == "v")
    #expect(argument { _ = try PositionPredictor(v: v1, weight: v1) } == "weight")
    let predictor = try PositionPredictor(v: v1, weight: w)
    #expect(argument { _ = try predictor.forward(queries: v, lengths: [1, 1]) } == "queries")
    #expect(argument { _ = try predictor.forward(queries: q, lengths: [1]) } == "lengths")
    #expect(argument { _ = try predictor.forward(queries: q, lengths: [1, -1]) } == "lengths[1]")
    let rows = Tensor(zeros: [5, 4])
    #expect(argument { _ = try predictor.forward(queries: rows, lengths: [1, 1]) } == "queries")
    #expect(
      argument { _ = try predictor.forward(queries: q, lengths: [1, 1], queryLengths: [3, 2]) } == "queries")
    for (queryLengths, name) in [
      ([3, 2], nil), ([3, 3], "queries"), ([5], "lengths"), ([6, -1], "packed.queries[1]"),
    ] as [([Int], String?)] {
      #expect(
        argument { _ = try predictor.forward(queries: rows, lengths: [1, 1], queryLengths: queryLengths) }
          == name)
    }
    let prediction = try predictor.forward(queries: q, lengths: [1, 1])
    #expect(argument { _ = try predictor.backward(q, prediction) } == "centresGradient")
  }

  @Test func softmaxes() {
    let (x, other) = (Tensor(zeros: [2, 3]), Tensor(zeros: [3, 2]))
    #expect(argument { _ = try softmax(x, lengths: [1]) } == "lengths")
    #expect(argument { _ = try softmax(x, lengths: [1, 4]) } == "lengths[1]")
    #expect(argument { _ = try softmaxBackward(x, other) } == "gradient")
    #expect(argument { _ = try logSoftmaxBackward(x, other) } == "gradient")
  }

  @Test func layerNorms() throws {
    let (three, four) = (Tensor(zeros: [3]), Tensor(zeros: [4]))
    #expect(argument { _ = try LayerNorm(gain: Tensor(zeros: [3, 1]), bias: three) } == "gain")
    #expect(argument { _ = try LayerNorm(gain: three, bias: four) } == "bias")
    for epsilon in [0, -1, .nan, .infinity] as [Float] {
      #expect(argument { _ = try LayerNorm(gain: three, bias: three, epsilon: epsilon) } == "epsilon")
    }
    let layer = try LayerNorm(gain: three, bias: three)
    let (x, other) = (Tensor(zeros: [2, 3]), Tensor(zeros: [3, 3]))
    for shape in [[], [4], [3, 2]] {
      #expect(argument { _ = try layer.forward(Tensor(zeros: shape)) } == "x")
    }
    #expect(argument { _ = try layer.forward(x, residual: other) } == "residual")
    let output = try layer.forward(x)
    #expect(argument { _ = try layer.backward(other, output) } == "gradient")
    #expect(argument { _ = try layer.backward(x, output, sumGradient: other) } == "sumGradient")
    let wide = try LayerNorm(gain: four, bias: four)
    #expect(argument { _ = try wide.backward(x, output) } == "output")
    let none = try LayerNorm(gain: Tensor(zeros: [0]), bias: Tensor(zeros: [0]))
    #expect(argument { _ = try none.forward(Tensor(zeros: [1 << 41, 0])) } == "x")
    for shape in [[1 << 40, 0], [1 << 20, 1 << 20, 0]] {
      let many = Tensor(zeros: shape)
      let output = try none.forward(many, residual: many)
      #expect(output.normalized.shape == shape && output.sum.shape == shape)
      #expect(try none.backward(many, output, sumGradient: many).x.shape == shape)
    }
  }

  @Test func products() {
    let a = Tensor(zeros: [2, 3])
    #expect(argument { _ = try matrixProduct(Tensor(zeros: [3]), a) } == "a")
    #expect(argument { _ = try matrixProduct(a, a) } == "b")
    #expect(argument { _ = try matrixProduct(a, Tensor(zeros: [3])) } == "b")
    #expect(argument { _ = try matrixProduct(a, Tensor(zeros: [3, 4]), transposingB: true) } == "b")
    #expect(argument { _ = try matrixProduct(a, a, transposingB: true, bias: Tensor(zeros: [3])) } == "bias")
    let batch = Tensor(zeros: [4, 5, 2, 3])
    for shape in [[3], [4, 2], [4, 3, 2], [5, 4, 3, 2], [4, 5, 2, 3], [1, 4, 5, 3, 2]] {
      #expect(argument { _ = try matrixProduct(batch, Tensor(zeros: shape)) } == "b", "\(shape)")
    }
    #expect(argument { _ = try matrixProduct(a, Tensor(zeros: [4, 3, 2])) } == "b")
    let empty = Tensor(zeros: [1 << 20, 1 << 10, 0])
    for (columns, name) in [(0, nil), (1 << 11, "a"), (1 << 41, "b")] as [(Int, String?)] {
      #expect(argument { _ = try matrixProduct(empty, Tensor(zeros: [0, columns])) } == name)
    }
    let expected = "an operand whose product, [1048576, 1024, 2048], has at most 2⁴⁰ elements"
    #expect(throws: AttentionError.shape(argument: "a", expected: expected, found: empty.shape)) {
      try matrixProduct(empty, Tensor(zeros: [0, 1 << 11]))
    }
  }

  @Test func messagesNameTheValueAndTheRemedy() {
    #expect(
      "\(AttentionError.shape(argument: "keys", expected: "[2, Tk, 4]", found: [2, 5, 3]))"
        == "'keys' has the shape [2, 5, 3]; expected [2, Tk, 4]")
    #expect(
      "\(AttentionError.value(argument: "lengths[1]", expected: "0 to 5", found: "6"))"
        == "'lengths[1]' is 6; expected 0 to 5")
  }
}

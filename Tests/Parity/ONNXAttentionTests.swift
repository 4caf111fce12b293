import Attention
import AttentionReference
import Testing

/// The operator Attention of ONNX, opsets 23 to 25: masks of every rank, causal and windowed over caches, grouped heads, softcap,
/// and the scores at every stage, by numbers that another project has made.
@Suite("What ONNX's Attention makes")
struct ONNXAttentionTests {
  static let all = Result { try ONNXAttentionCase.all() }

  @Test func nothingIsMissing() throws {
    let (cases, skipped) = try Self.all.get()
    #expect(cases.count == 82)
    #expect(skipped.count == 11)
    #expect(cases.filter(\.fitsAsItComes).count == 61)
  }

  @Test("the reference makes in Float and in Double", arguments: try all.get().cases)
  func reference(_ test: ONNXAttentionCase) throws {
    try check(test, Float.self)
    try check(test, Double.self)
  }

  @Test("the kernels make", arguments: try all.get().cases)
  func kernels(_ test: ONNXAttentionCase) throws {
    let pairs = [test.batch, test.heads, test.queryLength, test.keyLength]
    var masks = [Mask.windows(left: test.left, right: test.right, offsets: test.offsets)]
    if let lengths = test.lengths { masks.append(.lengths(lengths)) }
    if let allowed = test.allowed { masks.append(.boolean(try BooleanMask(allowed, shape: pairs))) }
    if let bias = test.bias { masks.append(.bias(try Tensor(bias, shape: pairs))) }
    let keyShape = [test.batch, test.keyHeads, test.keyLength]
    let attended = try DotAttention(scale: test.scale).forward(
      queries: try Tensor(test.queries, shape: [test.batch, test.heads, test.queryLength, test.hidden]),
      keys: try Tensor(test.keys, shape: keyShape + [test.hidden]),
      values: try Tensor(test.values, shape: keyShape + [test.valueWidth]),
      mask: .all(masks), options: AttentionOptions(softcap: test.softcap), alignment: true)
    test.expect(attended.context.elements, test.expected.context, "Y")
    guard let (stage, scores) = test.expected.scores else { return }
    let found =
      switch stage {
      case .raw: attended.scores(at: .raw)
      case .capped: attended.scores(at: .capped)
      case .masked: attended.scores(at: .masked)
      case .softmax: try #require(attended.alignment)
      }
    test.expect(found.elements, scores, "qk_matmul_output")
  }

  /// The operator's own arrays go in as they are: heads side by side in rank 3, masks that broadcast. Only a mask with fewer
  /// columns than keys must be padded first, and a past be in a cache.
  @Test(
    "the kernels make of tensors as they come", arguments: try all.get().cases.filter(\.fitsAsItComes))
  func tensorsAsTheyCome(_ test: ONNXAttentionCase) throws {
    let given = test.given
    var masks = [Mask.windows(left: test.left, right: test.right, offsets: test.offsets)]
    if let lengths = test.lengths { masks.append(.lengths(lengths)) }
    if let mask = given.mask {
      masks.append(
        given.maskIsBoolean
          ? .boolean(try BooleanMask(mask.elements.map { $0 != 0 }, shape: mask.shape)) : .bias(mask))
    }
    let attended = try DotAttention(scale: test.scale).forward(
      queries: given.queries, keys: given.keys, values: given.values, mask: .all(masks),
      options: AttentionOptions(heads: given.heads, keyHeads: given.keyHeads, softcap: test.softcap))
    #expect(attended.context.shape == test.expected.output.shape)
    test.expect(attended.context.elements, test.expected.output.elements, "Y")
  }

  /// The past and then the new positions appended to a cache are the operator's present ones.
  @Test("a cache holds", arguments: try all.get().cases.filter { $0.expected.presentKeys != nil })
  func cache(_ test: ONNXAttentionCase) throws {
    var cache = try KeyValueCache(
      batch: test.batch, heads: test.keyHeads, width: test.hidden, valueWidth: test.valueWidth)
    for positions in [0..<test.pastLength, test.pastLength..<test.keyLength] {
      try cache.append(
        keys: try test.part(of: test.keys, positions, width: test.hidden),
        values: try test.part(of: test.values, positions, width: test.valueWidth))
    }
    test.expect(cache.keys.elements, test.expected.presentKeys, "present_key")
    test.expect(cache.values.elements, test.expected.presentValues, "present_value")
  }

  private func check<T: Reference.Scalar>(_ test: ONNXAttentionCase, _: T.Type) throws {
    let input = Reference.AttentionInput<T>(test)
    let score = Reference.Score.dot(scale: T(test.scale))
    let result = try Reference.attention(input, score: score)
    test.expect(result.context, test.expected.context, "Y")
    test.expect(input.keys, test.expected.presentKeys, "present_key")
    test.expect(input.values, test.expected.presentValues, "present_value")
    guard let (stage, scores) = test.expected.scores else { return }
    let found =
      switch stage {
      case .raw: try Reference.attentionScores(input, score: score, at: .raw)
      case .capped: try Reference.attentionScores(input, score: score, at: .capped)
      case .masked: try Reference.attentionScores(input, score: score, at: .masked)
      case .softmax: result.alignment
      }
    test.expect(found, scores, "qk_matmul_output")
  }
}

extension Reference.AttentionInput {
  fileprivate init(_ test: ONNXAttentionCase) {
    func converted(_ array: [Float]) -> [T] { array.map { T($0) } }
    self.init(
      queries: converted(test.queries), keys: converted(test.keys), values: converted(test.values),
      lengths: test.lengths, batch: test.batch, heads: test.heads, keyHeads: test.keyHeads,
      queryLength: test.queryLength, keyLength: test.keyLength, hidden: test.hidden,
      valueWidth: test.valueWidth,
      shaping: Reference.AttentionShaping(
        softcap: test.softcap.map { T($0) }, bias: test.bias.map(converted), allowed: test.allowed,
        window: .init(left: test.left, right: test.right, offsets: test.offsets)))
  }
}

extension ONNXAttentionCase {
  fileprivate var fitsAsItComes: Bool {
    pastLength == 0 && (given.mask?.shape.last ?? keyLength) == keyLength
  }

  /// These positions of keys or values, [batch, keyHeads, positions, width].
  fileprivate func part(of elements: [Float], _ positions: Range<Int>, width: Int) throws -> Tensor {
    let heads = (0..<batch * keyHeads).flatMap { head in
      elements[
        (head * keyLength + positions.lowerBound) * width..<(head * keyLength + positions.upperBound) * width]
    }
    return try Tensor(heads, shape: [batch, keyHeads, positions.count, width])
  }

  /// Expects |found − expected| ≤ absolute + relative · |expected|, and infinities where they belong; nothing of an output that
  /// the case does not have.
  func expect<T: BinaryFloatingPoint>(
    _ found: [T], _ output: [Float]?, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    guard let output else { return }
    #expect(found.count == output.count, "\(name): \(what)", sourceLocation: sourceLocation)
    let (relative, absolute) = (Double(expected.relative), Double(expected.absolute))
    let wrong = zip(found, output).map { (Double($0), Double($1)) }.enumerated().filter { _, pair in
      let (found, wanted) = pair
      return found != wanted && !(abs(found - wanted) <= absolute + relative * abs(wanted))
    }
    #expect(
      wrong.isEmpty, "\(name): \(what), element (found, expected): \(wrong.prefix(3))",
      sourceLocation: sourceLocation)
  }
}

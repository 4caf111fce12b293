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
  }

  @Test("the reference makes in Float and in Double", arguments: try all.get().cases)
  func reference(_ test: ONNXAttentionCase) throws {
    try check(test, Float.self)
    try check(test, Double.self)
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

import Attention
import Seq2Seq
import Testing

/// One test case of ONNX's operator Attention (make_onnx_fixtures.py), as plain arrays in the layout that both this package's
/// reference and its kernels read: what the operator says by ranks, defaults and broadcasts is said here by sizes.
struct ONNXAttentionCase: Sendable {
  let name: String
  let batch, heads, keyHeads, queryLength, keyLength, hidden, valueWidth: Int
  /// How many of the keys are from the past.
  let pastLength: Int
  /// [batch, heads, queryLength, hidden].
  let queries: [Float]
  /// [batch, keyHeads, keyLength, hidden] and [batch, keyHeads, keyLength, valueWidth], the past's first.
  let keys, values: [Float]
  let scale: Float
  let softcap: Float?
  /// [batch, heads, queryLength, keyLength].
  let allowed: [Bool]?
  let bias: [Float]?
  /// [batch], the first keys of a cache that are in use.
  let lengths: [Int]?
  /// A query t sees keys from t + offset − left to t + offset + right; nil: no such bound. [batch].
  let left, right: Int?
  let offsets: [Int]
  let expected: Expected
  /// The same as the operator has it, by its own ranks, for what reads them.
  let given: Given

  struct Given: Sendable {
    /// Of rank 3 or 4; keys and values without the past.
    let queries, keys, values: Tensor
    /// q_num_heads and kv_num_heads, with rank 3.
    let heads, keyHeads: Int?
    /// 1 and 0 where it is boolean.
    let mask: Tensor?
    let maskIsBoolean: Bool
  }

  /// What the operator returns.
  struct Expected: Sendable {
    /// [batch, heads, queryLength, valueWidth], and as the operator has it.
    let context: [Float]
    let output: Tensor
    /// Past and new keys and values together.
    let presentKeys, presentValues: [Float]?
    /// [batch, heads, queryLength, keyLength], at this stage.
    let scores: (stage: Stage, values: [Float])?
    let relative, absolute: Float
  }

  /// The operator's qk_matmul_output_mode.
  enum Stage: Int, Sendable {
    case raw, capped, masked, softmax
  }

  /// All cases of the fixture, and the names of those left out for their number type.
  static func all() throws -> (cases: [ONNXAttentionCase], skipped: [String]) {
    let fixture = try Fixture<ONNXAttentionFixture>("onnx-attention")
    let cases = try fixture.description.cases.map { try ONNXAttentionCase($0, fixture.tensors) }
    return (cases, fixture.description.skipped)
  }
}

extension ONNXAttentionCase: CustomTestStringConvertible {
  var testDescription: String { name }
}

/// onnx-attention.json.
private struct ONNXAttentionFixture: Decodable {
  struct Node: Decodable {
    let name: String
    let rtol, atol: Float
    let attributes: [String: Double]
    let inputs, outputs: [String: String]
    let booleanMask: Bool
    let keysInUse: [Int]?

    func attribute(_ name: String) -> Int? { attributes[name].map { Int($0) } }
  }
  let skipped: [String]
  let cases: [Node]
}

// MARK: - Decoding

extension ONNXAttentionCase {
  fileprivate init(_ node: ONNXAttentionFixture.Node, _ tensors: [String: Tensor]) throws {
    func input(_ name: String) -> Tensor? { node.inputs[name].flatMap { tensors[$0] } }
    func output(_ name: String) -> Tensor? { node.outputs[name].flatMap { tensors[$0] } }
    let q = try Heads(try #require(input("Q")), heads: node.attribute("q_num_heads"))
    let k = try Heads(try #require(input("K")), heads: node.attribute("kv_num_heads"))
    let v = try Heads(try #require(input("V")), heads: node.attribute("kv_num_heads"))
    let keys = try input("past_key").map { try Heads($0, heads: nil).followed(by: k) } ?? k
    let values = try input("past_value").map { try Heads($0, heads: nil).followed(by: v) } ?? v

    name = node.name
    (batch, heads, keyHeads) = (q.batch, q.heads, k.heads)
    (queryLength, keyLength, hidden, valueWidth) = (q.length, keys.length, q.width, v.width)
    pastLength = keys.length - k.length
    (queries, self.keys, self.values) = (q.elements, keys.elements, values.elements)
    scale = Float(node.attributes["scale"] ?? 1 / Double(q.width).squareRoot())
    softcap = node.attributes["softcap"].flatMap { $0 > 0 ? Float($0) : nil }

    lengths = node.keysInUse
    // The last query stands at the last key in use.
    offsets =
      lengths.map { $0.map { $0 - q.length } } ?? Array(repeating: keys.length - k.length, count: q.batch)
    func bound(_ name: String) -> Int? { node.attribute(name).flatMap { $0 >= 0 ? $0 : nil } }
    let isCausal = node.attribute("is_causal") == 1
    left = bound("left_window_size")
    right = isCausal ? 0 : bound("right_window_size")

    let pairs = [q.batch, q.heads, q.length, keys.length]
    let mask = input("attn_mask").map {
      Self.spread($0, over: pairs, beyond: node.booleanMask ? 0 : -.infinity)
    }
    allowed = node.booleanMask ? mask?.map { $0 != 0 } : nil
    bias = node.booleanMask ? nil : mask

    given = Given(
      queries: try #require(input("Q")), keys: try #require(input("K")), values: try #require(input("V")),
      heads: node.attribute("q_num_heads"), keyHeads: node.attribute("kv_num_heads"),
      mask: input("attn_mask"), maskIsBoolean: node.booleanMask)

    let stage = try #require(Stage(rawValue: node.attribute("qk_matmul_output_mode") ?? 0))
    expected = Expected(
      context: try Heads(try #require(output("Y")), heads: q.heads).elements,
      output: try #require(output("Y")),
      presentKeys: output("present_key")?.elements, presentValues: output("present_value")?.elements,
      scores: output("qk_matmul_output").map { (stage, $0.elements) }, relative: node.rtol,
      absolute: node.atol)
  }

  /// A mask of rank 1 to 4 for every pair: aligned at the right, sizes of 1 repeated. A last dimension that is short ends in
  /// `fill` instead.
  private static func spread(_ mask: Tensor, over pairs: [Int], beyond fill: Float) -> [Float] {
    let elements = mask.elements
    let columns = (pairs[3], mask.shape.last ?? 1)
    let rows = Array(repeating: 1, count: pairs.count - mask.shape.count) + mask.shape.dropLast()
    return (0..<pairs.reduce(1, *)).map { index in
      let column = index % columns.0
      guard column < columns.1 else { return fill }
      var (rest, stride, place) = (index / columns.0, columns.1, column)
      for (size, extent) in zip(pairs.dropLast(), rows).reversed() {
        if extent > 1 { place += rest % size * stride }
        rest /= size
        stride *= extent
      }
      return elements[place]
    }
  }
}

/// [batch, heads, length, width], from that or from [batch, length, heads · width].
private struct Heads {
  var batch, heads, length, width: Int
  var elements: [Float]

  init(_ tensor: Tensor, heads count: Int?) throws {
    let shape = tensor.shape
    elements = tensor.elements
    if shape.count == 4 {
      (batch, heads, length, width) = (shape[0], shape[1], shape[2], shape[3])
      return
    }
    try #require(shape.count == 3)
    heads = try #require(count)
    (batch, length, width) = (shape[0], shape[1], shape[2] / heads)
    var split: [Float] = []
    for b in 0..<batch {
      for h in 0..<heads {
        for t in 0..<length {
          let row = ((b * length + t) * heads + h) * width
          split += elements[row..<row + width]
        }
      }
    }
    elements = split
  }

  /// Each head's rows, and then the other's.
  func followed(by other: Heads) -> Heads {
    var joined = self
    joined.length += other.length
    joined.elements = (0..<batch * heads).flatMap { head in
      [self, other].flatMap { $0.elements[head * $0.length * width..<(head + 1) * $0.length * width] }
    }
    return joined
  }
}

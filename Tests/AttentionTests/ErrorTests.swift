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
    let layer = try AdditiveAttention(v: v1, query: wq, key: wk)
    #expect(argument { _ = try layer.forward(queries: v, keys: k, values: v) } == "queries")
    #expect(argument { _ = try layer.forward(queries: q, keys: v, values: v) } == "keys")
    let output = try layer.forward(queries: q, keys: k, values: v)
    #expect(argument { _ = try layer.backward(q, output) } == "contextGradient")
  }

  @Test func softmaxes() {
    let (x, other) = (Tensor(zeros: [2, 3]), Tensor(zeros: [3, 2]))
    #expect(argument { _ = try softmax(x, lengths: [1]) } == "lengths")
    #expect(argument { _ = try softmax(x, lengths: [1, 4]) } == "lengths[1]")
    #expect(argument { _ = try softmaxBackward(x, other) } == "gradient")
    #expect(argument { _ = try logSoftmaxBackward(x, other) } == "gradient")
  }

  @Test func products() {
    let a = Tensor(zeros: [2, 3])
    #expect(argument { _ = try matrixProduct(Tensor(zeros: [3]), a) } == "a")
    #expect(argument { _ = try matrixProduct(a, a) } == "b")
    #expect(argument { _ = try matrixProduct(a, Tensor(zeros: [3])) } == "b")
    #expect(argument { _ = try matrixProduct(a, Tensor(zeros: [3, 4]), transposingB: true) } == "b")
    #expect(argument { _ = try matrixProduct(a, a, transposingB: true, bias: Tensor(zeros: [3])) } == "bias")
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

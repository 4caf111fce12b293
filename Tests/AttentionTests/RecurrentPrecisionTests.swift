import Attention
import AttentionReference
import CKernels
import TestSupport
import Testing

/// A layer by its parts, each sentence and step alone: its products by themselves, in the precisions of their matrices, and
/// its cells, which are those of a step whose matrices are zero.
private struct RecurrentSteps {
  let layer: RecurrentProblem
  private let transposed, straight: [[Float]]

  init(_ layer: RecurrentProblem) {
    self.layer = layer
    (transposed, straight) = (layer.packedForward(), layer.precision == .int8 ? [] : layer.packedBackward())
  }

  private typealias Result = RecurrentProblem.Result<Float>
  private var hidden: Int { layer.hidden }
  private func zeros(_ count: Int) -> [Float] { Array(repeating: 0, count: count) }

  /// sums + row · matrix + bias.
  private func product(
    _ row: some Collection<Float>, _ matrix: [Float], onto sums: [Float], bias: [Float]? = nil
  ) -> [Float] {
    var result = Output(sums)
    let (k, n) = (Int64(row.count), Int64(sums.count))
    Array(row).withUnsafeBufferPointer {
      let left = ck_matrix(data: $0.baseAddress, row_stride: k, column_stride: 1)
      expectOK(
        ck_matmul_packed_f32(&result.memory, n, left, matrix, bias, Int32(CK_ACCUMULATE), 1, n, k))
    }
    return result.elements
  }

  /// One step without products from the states before it.
  private func cells(_ h: [Float], _ c: [Float]) -> RecurrentProblem {
    var step = RecurrentProblem(layer.cell, lengths: [1], hidden: h.count)
    (step.recurrent, step.recurrentBias) = (zeros(step.recurrent.count), zeros(step.recurrentBias.count))
    (step.h0, step.c0) = (h, c)
    return step
  }

  private func forward(_ inputs: [Float], _ h: [Float], _ c: [Float]) -> Result {
    var step = cells(h, c)
    let (first, new) = (Array(inputs.prefix(2 * hidden)), Array(inputs.suffix(hidden)))
    switch layer.cell {
    case .lstm, .rnn: step.gates = product(h, transposed[0], onto: inputs)
    case .gru:
      // The new gate's part is not added to its input: it takes the place of its bias.
      let bias = layer.recurrentBias
      step.gates = product(h, transposed[0], onto: inputs, bias: bias).prefix(2 * hidden) + new
      step.recurrentBias.replaceSubrange(
        (2 * hidden)...,
        with: product(h, transposed[0], onto: zeros(3 * hidden), bias: bias).suffix(hidden))
    case .gruResetBefore:
      step.gates = product(h, transposed[0], onto: first) + new
      step.gates.replaceSubrange(
        (2 * hidden)..., with: product(step.forward().inner, transposed[1], onto: new))
    }
    return step.forward()
  }

  /// The gradients of a step, from those of its states.
  private func backward(
    _ kept: Result, _ h: [Float], _ c: [Float], dh: [Float], dstate: (h: [Float], c: [Float])
  ) -> Result {
    var step = cells(h, c)
    (step.dh, step.dfinalH, step.dfinalC) = (dh, dstate.h, dstate.c)
    var result = step.backward(kept)
    switch layer.cell {
    case .lstm, .rnn: result.dh0 = product(result.dgates, straight[0], onto: result.dh0)
    case .gru: result.dh0 = product(result.drecurrent, straight[0], onto: result.dh0)
    case .gruResetBefore:
      let dreset = product(result.dgates.suffix(hidden), straight[1], onto: zeros(hidden))
      result = resetting(step, kept, dreset)
      result.dh0 = product(result.dgates.prefix(2 * hidden), straight[0], onto: result.dh0)
    }
    return result
  }

  /// A step of the GRU that resets before its product whose r ∘ h′ has a given gradient. It comes from one unit more, with
  /// the gradient 1 of its n: its row of the new gate's matrix is what that product makes.
  private func resetting(_ step: RecurrentProblem, _ kept: Result, _ dreset: [Float]) -> Result {
    func wide(_ blocks: [Float]) -> [Float] {
      stride(from: 0, to: blocks.count, by: hidden).flatMap { blocks[$0..<$0 + hidden] + [0] }
    }
    var more = cells(wide(step.h0), [])
    more.recurrent.replaceSubrange((more.recurrent.count - hidden - 1)..., with: wide(dreset))
    (more.dh, more.dfinalH) = (step.dh + [1], wide(step.dfinalH))
    var (widened, result) = (kept, kept)
    (widened.h, widened.gates) = (wide(kept.h), wide(kept.gates))
    widened = more.backward(widened)
    result.dgates = widened.dgates.enumerated().filter { $0.offset % (hidden + 1) < hidden }.map(\.element)
    result.dh0 = widened.dh0.dropLast()
    return result
  }

  /// What the layer makes, backward too where its matrices have one.
  func run() -> RecurrentProblem.Result<Float> {
    func part(_ array: [Float], _ index: Int, of width: Int) -> [Float] {
      array.isEmpty ? [] : Array(array[index * width..<(index + 1) * width])
    }
    let (places, width) = (layer.counts.flatMap { 0..<$0 }, layer.width)
    let (inputs, dh) = (layer.packed(layer.gates, width), layer.packed(layer.dh, hidden))
    var states = places.prefix(layer.running).map {
      (h: part(layer.h0, $0, of: hidden), c: part(layer.c0, $0, of: hidden))
    }
    var before: [(h: [Float], c: [Float])] = []
    var steps: [Result] = []
    for (row, sentence) in places.enumerated() {
      before.append(states[sentence])
      let step = forward(part(inputs, row, of: width), states[sentence].h, states[sentence].c)
      states[sentence] = (step.h, layer.cell == .lstm ? step.inner : [])
      steps.append(step)
    }
    var dstates = places.prefix(layer.running).map {
      (h: part(layer.dfinalH, $0, of: hidden), c: part(layer.dfinalC, $0, of: hidden))
    }
    if !straight.isEmpty {
      for (row, sentence) in places.enumerated().reversed() {
        steps[row] = backward(
          steps[row], before[row].h, before[row].c, dh: part(dh, row, of: hidden), dstate: dstates[sentence])
        dstates[sentence] = (steps[row].dh0, steps[row].dc0)
      }
    }
    return Result(
      h: steps.flatMap(\.h), inner: steps.flatMap(\.inner), gates: steps.flatMap(\.gates),
      dgates: steps.flatMap(\.dgates), drecurrent: steps.flatMap(\.drecurrent),
      dh0: straight.isEmpty ? [] : dstates.flatMap(\.h), dc0: straight.isEmpty ? [] : dstates.flatMap(\.c))
  }
}

extension KernelTests {
  /// That a product in a precision is what it should be is the matter of `LowPrecisionTests`.
  @Suite struct RecurrentPrecisionTests {
    private func expectSteps(_ layer: RecurrentProblem) {
      let (result, expected) = (
        layer.precision == .int8 ? layer.forward() : layer.run(), RecurrentSteps(layer).run()
      )
      let names = ["h", "c or reset", "gates", "dgates", "drecurrent", "dh0", "dc0"]
      for (name, (result, expected)) in zip(names, zip(result.all, expected.all)) {
        #expect(
          result.bits == expected.bits,
          "\(name) of \(layer.shape) in \(layer.precision), \(layer.newPrecision ?? layer.precision)")
      }
    }

    @Test(arguments: Reference.Cell.allCases, sets)
    func aLayerIsItsSteps(_ cell: Reference.Cell, _ set: String) throws {
      for (lengths, hidden) in [([4, 2, 2, 1], 37), ([9], 65), (Array((1...13).reversed()), 7)] {
        for precision in Precision.allCases {
          var layer = RecurrentProblem(cell, lengths: lengths, hidden: hidden, seed: 4)
          layer.precision = precision
          try under(set) { expectSteps(layer) }
        }
      }
    }

    /// The GRU with two matrices, which may be in precisions of their own.
    @Test(arguments: sets)
    func matricesInPrecisionsOfTheirOwn(set: String) throws {
      var layer = RecurrentProblem(.gruResetBefore, lengths: [3, 3, 1], hidden: 37, seed: 10)
      try under(set) {
        let results = [(Precision.bfloat16, Precision.float32), (.float32, .bfloat16)].map {
          (layer.precision, layer.newPrecision) = $0
          expectSteps(layer)
          return layer.run().all.map(\.bits)
        }
        #expect(results[0] != results[1])
      }
    }
  }
}

import AttentionReference

/// What the reference says of some sentences of a recurrent layer.
///
/// The gradient of the states is zero for all other sentences during the check, so that the parameters' gradients come
/// from these alone and are compared whole.
final class RecurrentTruth {
  private let data: RecurrentData
  let sentences: [Int]
  let stateGradient: Floats

  init(_ data: RecurrentData, sentences: [Int]) {
    self.data = data
    self.sentences = sentences
    stateGradient = Floats(zeros: data.stateGradient.count)
    guard data.backward else { return }
    for place in sentences.flatMap(data.places) {
      for i in place { stateGradient.pointer[i] = data.stateGradient.pointer[i] }
    }
  }

  /// The chosen sentences' part of all steps.
  var share: Double { Double(sentences.reduce(0) { $0 + data.lengths[$1] }) / Double(data.rows) }

  private func chosen(_ floats: Floats) -> [Float] {
    sentences.flatMap { data.places($0).flatMap(floats.slice) }
  }

  /// What the kernels made of the chosen sentences.
  func chosenResults() -> [String: [Float]] {
    var result = ["h": chosen(data.h)]
    guard data.backward else { return result }
    result["dx"] = chosen(data.dx)
    result["dW"] = data.dinput.array
    result["dR"] = data.drecurrent.array
    result["db"] = data.dbias.array
    if data.cell == .gru { result["dc"] = data.drecurrentBias.array }
    return result
  }

  /// The same, from the reference.
  @inline(__always)
  func results<T: Reference.Scalar>(_: T.Type) throws -> [String: [T]] {
    func values(_ floats: Floats) -> [T] { floats.array.map { T($0) } }
    let weights = Reference.RecurrentWeights(
      cell: data.cell, input: values(data.input), recurrent: values(data.recurrent), bias: values(data.bias),
      recurrentBias: data.cell == .gru ? values(data.recurrentBias) : [])
    // A batch with padding, as the reference takes it: each sentence's own steps first.
    let (lengths, width) = (sentences.map { data.lengths[$0] }, data.width)
    let time = lengths.max()!
    func padded(_ floats: Floats) -> [T] {
      sentences.flatMap { sentence in
        let steps = data.places(sentence).flatMap { floats.slice($0).map { T($0) } }
        return steps + [T](repeating: 0, count: time * width - steps.count)
      }
    }
    func unpadded(_ array: [T]) -> [T] {
      lengths.enumerated().flatMap { array[$0 * time * width..<($0 * time + $1) * width] }
    }
    let input = Reference.RecurrentInput(
      x: padded(data.x), lengths: lengths, batch: sentences.count, time: time, inputWidth: width,
      hidden: width)
    let run = try Reference.recurrent(input, weights)
    var result = ["h": unpadded(run.outputs)]
    guard data.backward else { return result }
    let gradient = try Reference.recurrentBackward(padded(data.stateGradient), run, input, weights)
    result["dx"] = unpadded(gradient.x)
    result["dW"] = gradient.weights.input
    result["dR"] = gradient.weights.recurrent
    result["db"] = gradient.weights.bias
    if data.cell == .gru { result["dc"] = gradient.weights.recurrentBias }
    return result
  }
}

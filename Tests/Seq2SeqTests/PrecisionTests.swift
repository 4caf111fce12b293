import Attention
import Foundation
import Seq2Seq
import Testing

extension Tensor {
  /// Every element rounded to the nearest bfloat16, of two the even one; none is near the largest number.
  func roundedToBFloat16() throws -> Tensor {
    try Tensor(
      elements.map { value in
        let bits = value.bitPattern
        return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
      }, shape: shape)
  }
}

@Suite("Translating with rounded weights") struct PrecisionTests {
  private static let configurations: [ModelConfiguration] = [
    .luong(score: .concat, layers: 2, embedding: 12, hidden: 20),
    .luong(score: .general, cell: .gru, embedding: 12, hidden: 20), .plain(embedding: 12, hidden: 20),
    .luong(layers: 3, residual: true, embedding: 12, hidden: 20),
    .bahdanau(embedding: 12, hidden: 20), .bahdanau(cell: .gruResetBefore, embedding: 12, hidden: 20),
    .bahdanau(readout: .maxout, embedding: 12, hidden: 20),
  ]

  private func model(_ configuration: ModelConfiguration) throws -> TranslationModel {
    let corpus = ParallelCorpus(pairs: [.init(source: ["a", "b", "c"], target: ["x", "y", "z"])])
    return try TranslationModel(
      configuration, corpus: corpus, source: .characters, target: .whitespace, seed: 7)
  }

  /// Every parameter that a product multiplies by, rounded to bfloat16; embeddings, biases and v are as they were.
  private func rounded(_ model: TranslationModel) throws -> TranslationModel {
    try withTemporaryFolder { folder in
      try model.write(to: folder)
      let file = folder.appending(path: "model.safetensors")
      var tensors = try Safetensors(contentsOf: file).tensors
      for (name, tensor) in tensors where tensor.shape.count == 2 && !name.hasSuffix("embedding") {
        tensors[name] = try tensor.roundedToBFloat16()
      }
      try Safetensors(tensors: tensors).write(to: file)
      return try TranslationModel(contentsOf: folder)
    }
  }

  /// Encoder, decoder, attention and output round every weight: with weights that are rounded already the scores agree to
  /// the bit.
  @Test(arguments: configurations)
  func bfloat16IsAModelWithRoundedWeights(_ configuration: ModelConfiguration) throws {
    var model = try model(configuration)
    let plain = try model.translate("abcab", beam: 3)
    model.precision = .bfloat16
    var rounded = try rounded(model)
    rounded.precision = .bfloat16
    let (found, expected) = (try model.translate("abcab", beam: 3), try rounded.translate("abcab", beam: 3))
    #expect(found.map(\.tokens) == expected.map(\.tokens) && found.map(\.score) == expected.map(\.score))
    #expect(found.map(\.alignment) == expected.map(\.alignment))
    #expect(found.map(\.score) != plain.map(\.score))
  }

  /// Weights and activations below 1 in magnitude, off by 1/254 of their largest in int8 and by 1/512 of themselves in
  /// bfloat16, over sums of 20 and a few layers: the scores of what was written move by hundredths of a nat a token.
  @Test(arguments: configurations, [Precision.bfloat16, .int8])
  func scoresAreNearTheModels(_ configuration: ModelConfiguration, _ precision: Precision) throws {
    var model = try model(configuration)
    model.precision = precision
    for hypothesis in try model.translate("abcab", beam: 3) {
      let score = try model.score([(["a", "b", "c", "a", "b"], hypothesis.tokens)])[0]
      let difference = abs(hypothesis.score - score.total)
      #expect(difference > 0 && difference < 0.02 * Float(score.logProbabilities.count))
    }
  }
}

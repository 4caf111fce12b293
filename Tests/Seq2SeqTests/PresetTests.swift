import Foundation
import Seq2Seq
import Testing

@Suite struct PresetTests {
  private static let names = Recipe.presets.keys.sorted()

  @Test(arguments: names)
  func modelsExistWithThePapersVocabularies(name: String) throws {
    let sizes = ["luong-2015": (50_000, 50_000), "sutskever-2014": (160_000, 80_000)]
    let (source, target) = sizes[name] ?? (30_000, 30_000)
    let sized = try Recipe.presets[name]!.model.sized(source: source, target: target)
    let saved = try JSONEncoder().encode(sized)
    #expect(try JSONDecoder().decode(ModelConfiguration.self, from: saved) == sized)
  }

  @Test func papersSettings() throws {
    let (luong, bahdanau) = (Recipe.presets["luong-2015"]!, Recipe.presets["bahdanau-2015"]!)
    #expect(luong.model.window == .predictive(radius: 10) && luong.model.initialRange == 0.1)
    #expect(luong.training.optimizer.rule == .sgd && luong.training.rate == 1)
    #expect(luong.vocabulary.maximumSize == 50_003)
    #expect(bahdanau.model.orthogonal && bahdanau.model.initialRange == nil)
    #expect(bahdanau.training.optimizer == OptimizerOptions(.adadelta) && bahdanau.training.rate == 1)
    #expect(bahdanau.vocabulary.maximumSize == 30_003)
    for recipe in Recipe.presets.values { try recipe.validate() }
  }

  /// Of the equations of appendix A, with V words a side: the encoder's gates either way, the decoder's, the alignment, the deep
  /// output, s_0, the output and both embeddings.
  @Test func bahdanausSizes() throws {
    let (v, n, m, l) = (3, 1000, 620, 500)
    let encoder = 2 * (3 * n * (m + n) + 3 * n)
    let decoder = 3 * n * (m + 2 * n + n) + 3 * n
    let alignment = n * 2 * n + n * n + 2 * n
    let readout = 2 * l * (n + 2 * n + m) + 2 * l
    let rest = n * n + n + v * l + v + 2 * v * m
    let model = try EncoderDecoder(ModelConfiguration.bahdanau2015.sized(source: v, target: v), seed: 1)
    #expect(model.parameterCount == encoder + decoder + alignment + readout + rest)
  }
}

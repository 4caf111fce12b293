import Foundation
import Seq2Seq
import Testing

@Suite struct PresetTests {
  private static let names = Recipe.presets.keys.sorted()

  @Test(arguments: names)
  func modelsExistWithThePapersVocabularies(name: String) throws {
    let recipe = Recipe.presets[name]!
    let (source, target) = (recipe.vocabulary.source.maximumSize, recipe.vocabulary.target.maximumSize)
    let sized = try recipe.model.sized(source: source ?? 30_003, target: target ?? 30_003)
    let saved = try JSONEncoder().encode(sized)
    #expect(try JSONDecoder().decode(ModelConfiguration.self, from: saved) == sized)
  }

  @Test func papersSettings() throws {
    let (luong, bahdanau) = (Recipe.presets["luong-2015"]!, Recipe.presets["bahdanau-2015"]!)
    #expect(luong.model.window == .predictive(radius: 10) && luong.model.initialRange == 0.1)
    #expect(luong.training.optimizer.rule == .sgd && luong.training.rate == 1)
    #expect(bahdanau.model.orthogonal && bahdanau.model.initialRange == nil)
    #expect(bahdanau.training.optimizer == OptimizerOptions(.adadelta) && bahdanau.training.rate == 1)
    let words = [
      "luong-2015": (50_000, 50_000), "bahdanau-2015": (30_000, 30_000), "sutskever-2014": (160_000, 80_000),
    ]
    for (name, (source, target)) in words {
      let limits = Recipe.presets[name]!.vocabulary
      #expect(limits.source == .init(maximumSize: source + 3), "\(name)")
      #expect(limits.target == .init(maximumSize: target + 3), "\(name)")
    }
    // Longer sentences than these were learnt from are translated: figure 2 of Bahdanau's paper.
    for recipe in [luong, bahdanau] {
      #expect(recipe.learntLength == 50 && recipe.model.maximumLength == 250)
    }
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

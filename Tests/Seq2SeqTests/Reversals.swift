import Attention
import Seq2Seq

/// Words and their reverses: small enough to learn in a second, and not learnt without looking at the source.
func reversals(_ count: Int, seed: UInt64) -> ParallelCorpus {
  var generator = SeededGenerator(seed: seed)
  return ParallelCorpus(
    pairs: (0..<count).map { _ in
      let word = (0..<2 + generator.integer(below: 4)).map { _ in
        "abcde".map(String.init)[generator.integer(below: 5)]
      }
      return ParallelCorpus.Pair(source: word, target: word.reversed())
    })
}

func trainer(
  _ configuration: ModelConfiguration = .luong(cell: .gru, embedding: 16, hidden: 32), pairs: Int = 600,
  options: TrainingOptions = TrainingOptions(batchSize: 16, rate: 5e-3)
) throws -> Trainer {
  let corpus = reversals(pairs, seed: 1)
  let model = try TranslationModel(
    configuration, corpus: corpus, source: .characters, target: .characters, seed: options.seed)
  return try Trainer(model, corpus: corpus, development: reversals(60, seed: 2), options: options)
}

func weights(_ model: TranslationModel) -> [[UInt32]] {
  model.network.parameters.map { $0.tensor.elements.map(\.bitPattern) }
}

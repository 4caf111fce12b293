import Attention
import Seq2Seq

/// What a program that links the package does: attention as a function, and a model that it trains, asks and looks into.
@main
struct Translate {
  static func main() throws {
    try attend()
    try learn()
  }

  /// One query over three keys, of which the last is masked.
  static func attend() throws {
    let queries = try Tensor([0, 200], shape: [1, 1, 2])
    let keys = try Tensor([1, 0, 0, 1, 1, 1], shape: [1, 3, 2])
    let values = try Tensor([10, 20, 30], shape: [1, 3, 1])
    let attended = try DotAttention().forward(
      queries: queries, keys: keys, values: values, mask: .lengths([2]), alignment: true)
    print("context \(attended.context.elements), alignment \(attended.alignment!.elements)")
  }

  /// Numbers and how they are read, digit by digit: "307" → "three zero seven".
  static func learn() throws {
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    var generator = SeededGenerator(seed: 1)
    let pairs = (0..<400).map { _ in
      let digits = (0..<1 + generator.integer(below: 5)).map { _ in generator.integer(below: 10) }
      return ParallelCorpus.Pair(source: digits.map(String.init), target: digits.map { names[$0] })
    }
    let corpus = ParallelCorpus(pairs: Array(pairs.dropFirst(50)))
    let development = ParallelCorpus(pairs: Array(pairs.prefix(50)))
    let model = try TranslationModel(
      .luong(cell: .gru, embedding: 16, hidden: 32), corpus: corpus, source: .characters, target: .whitespace,
      seed: 1)
    var trainer = try Trainer(
      model, corpus: corpus, development: development, options: TrainingOptions(batchSize: 16, rate: 5e-3))
    while trainer.reports.last?.development?.exactMatch ?? 0 < 1, trainer.reports.count < 40 {
      _ = try trainer.trainEpoch()
    }
    let best = try trainer.best.translate("307", beam: 3)[0]
    print(best.text)
    for (token, weights) in zip(best.tokens, best.alignment!) {
      print("\(token) looked at digit \(weights.firstIndex(of: weights.max()!)! + 1)")
    }
  }
}

import ArgumentParser
import Seq2Seq

/// How outputs are drawn.
struct SamplingArguments: ParsableArguments {
  @Flag(help: "Draw outputs at random instead of searching for the likeliest; with --n-best n of them.")
  var sample = false
  @Option(
    help: ArgumentHelp(
      "With --sample: below 1 favours the likelier tokens, above 1 the unlikelier. (default: 1)",
      valueName: "t"))
  var temperature: Float?
  @Option(help: ArgumentHelp("With --sample: draw among the k likeliest tokens.", valueName: "k"))
  var topK: Int?
  @Option(
    help: ArgumentHelp(
      "With --sample: draw among the fewest tokens that together have the probability p.", valueName: "p"))
  var topP: Float?
  @Option(help: ArgumentHelp("With --sample: decides what is drawn. (default: 1)", valueName: "n"))
  var seed: UInt64?

  /// Nil without --sample.
  func sampling(count: Int) -> Sampling? {
    guard sample else { return nil }
    return Sampling(
      count: count, temperature: temperature ?? 1, topK: topK, topP: topP, seed: seed ?? 1)
  }

  func validate() throws {
    let given = [
      ("--temperature", temperature != nil), ("--top-k", topK != nil), ("--top-p", topP != nil),
      ("--seed", seed != nil),
    ]
    for (option, isGiven) in given where isGiven && !sample {
      throw ValidationError("\(option) needs --sample")
    }
  }
}

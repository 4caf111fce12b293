import Foundation

/// Outputs that are drawn, token by token, from what the models say may follow.
///
/// The tokens that are left compete with weights p^(1/temperature). An output's score is its log-probability under the models,
/// whatever was left to draw from.
public struct Sampling: Sendable, Equatable {
  /// The outputs of each source, 1 to 1000.
  public var count: Int
  /// Below 1 the likelier tokens are favoured, above 1 the unlikelier.
  public var temperature: Float
  /// Leaves the k likeliest tokens (Fan, Lewis, Dauphin 2018, "Hierarchical Neural Story Generation"); nil leaves all.
  public var topK: Int?
  /// Of those leaves the fewest likeliest whose weights are at least p of all (Holtzman et al. 2020, "The Curious Case of Neural Text
  /// Degeneration"); nil leaves all.
  public var topP: Float?
  /// The same seed draws the same outputs: each by its source's number and its own.
  public var seed: UInt64
  /// The number of the first source, where the sources are part of a longer text.
  public var firstSource: Int

  public init(
    count: Int = 1, temperature: Float = 1, topK: Int? = nil, topP: Float? = nil, seed: UInt64 = 1,
    firstSource: Int = 0
  ) {
    self.count = count
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.seed = seed
    self.firstSource = firstSource
  }

  func validate() throws(ModelError) {
    let rows: [(String, Bool, String, String)] = [
      ("samples", (1...1000).contains(count), "1 to 1000", "\(count)"),
      ("temperature", temperature > 0 && temperature.isFinite, "a positive number", "\(temperature)"),
      ("topK", topK ?? 1 >= 1, "at least 1", "\(topK ?? 1)"),
      ("topP", topP.map { $0 > 0 && $0 <= 1 } ?? true, "more than 0 and at most 1", "\(topP ?? 1)"),
    ]
    for (option, isValid, expected, found) in rows where !isValid {
      throw .configuration(option: option, expected: expected, found: found)
    }
  }

  /// A generator for every output of the source of this number.
  func generators(source: Int) -> [SeededGenerator] {
    var own = SeededGenerator(seed: seed, stream: source)
    return (0..<count).map { _ in SeededGenerator(seed: own.next()) }
  }

  /// The tokens to draw from, with their weights: with a cut likeliest first, without one in their order. `start` follows nothing.
  package func candidates(_ logProbabilities: [Float]) -> [(token: Int, weight: Double)] {
    let tokens = logProbabilities.indices.filter { $0 != Vocabulary.start }
    let largest = tokens.lazy.map { logProbabilities[$0] }.max() ?? 0
    // A weight of none is no candidate, and no number is none either.
    var all = tokens.map { token in
      (token: token, weight: exp(Double(logProbabilities[token] - largest) / Double(temperature)))
    }
    .filter { $0.weight > 0 }
    if let topK, topK < all.count { all = Array(Self.likeliestFirst(all).prefix(topK)) }
    guard let topP else { return all }
    let total = all.reduce(0) { $0 + $1.weight }
    // Tokens so light that all of them together weigh less than what is cut need no sorting.
    let least = total * (1 - Double(topP)) / Double(max(all.count, 1))
    all = Self.likeliestFirst(all.filter { $0.weight >= least })
    var sum = 0.0
    let last = all.firstIndex {
      sum += $0.weight
      return sum >= total * Double(topP)
    }
    return last.map { Array(all[...$0]) } ?? all
  }

  private static func likeliestFirst(_ candidates: [(token: Int, weight: Double)])
    -> [(token: Int, weight: Double)]
  {
    candidates.sorted { ($1.weight, $0.token) < ($0.weight, $1.token) }
  }
}

extension SeededGenerator {
  /// One of the candidates, each with the probability of its share of the weight; nil for none.
  mutating func draw(_ candidates: [(token: Int, weight: Double)]) -> Int? {
    var rest = uniform() * candidates.reduce(0) { $0 + $1.weight }
    for (token, weight) in candidates {
      rest -= weight
      if rest < 0 { return token }
    }
    return candidates.last?.token
  }
}

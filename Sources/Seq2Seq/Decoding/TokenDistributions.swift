import Attention
import Foundation

/// The log-probabilities of every token after every row. Of several models: the logarithm of the mean of their probabilities.
struct TokenDistributions {
  /// Of each model, [rows, V].
  private let models: [Matrix]

  init(_ models: [Matrix]) { self.models = models }

  subscript(row: Int, token: Int) -> Float {
    .logMeanExp(models.lazy.map { $0.pointer[row * $0.rowStride + token] })
  }

  /// Of all tokens, [V].
  func row(_ row: Int) -> [Float] {
    guard models.count > 1 else { return models[0].elements(row: row, count: models[0].columns) }
    return (0..<models[0].columns).map { self[row, $0] }
  }

  /// The `count` likeliest tokens of a row but `start`, likeliest first, of equals the lower one first.
  func likeliest(_ count: Int, row: Int) -> [(token: Int, logProbability: Float)] {
    var best: [(token: Int, logProbability: Float)] = []
    let rows = models.map { $0.pointer + row * $0.rowStride }
    for token in 0..<models[0].columns where token != Vocabulary.start {
      // The mean is at most the largest: few tokens need more than a comparison.
      let least = best.count == count ? best[count - 1].logProbability : -.infinity
      guard rows.contains(where: { $0[token] > least }) else { continue }
      let value = self[row, token]
      guard value > least else { continue }
      if best.count == count { best.removeLast() }
      let place = best.firstIndex { value > $0.logProbability } ?? best.endIndex
      best.insert((token, value), at: place)
    }
    return best
  }
}

extension Float {
  /// log((1/n) Σ exp(x)), stable; one x is its own.
  static func logMeanExp(_ terms: some Collection<Float>) -> Float {
    guard terms.count > 1, let largest = terms.max(), largest > -.infinity else { return terms.first! }
    return largest + log(terms.reduce(0) { $0 + exp($1 - largest) } / Float(terms.count))
  }
}

import Foundation

/// How well a model does on a corpus. Rates are fractions, `0...1` (a token error rate may exceed 1: a
/// hypothesis may be much longer than its target). They and BLEU count whole words where tokens are subwords.
public struct Evaluation: Codable, Sendable, Equatable {
  /// The number of sentences.
  public var examples: Int
  /// The share of hypotheses that equal an accepted target.
  public var exactMatch: Double
  /// 1 − `exactMatch` (for phonemes: the word error rate).
  public var sequenceErrorRate: Double
  /// Edits over target tokens (for phonemes: the phoneme error rate).
  public var tokenErrorRate: Double
  /// ``BLEU``, `0...100`.
  public var bleu: Double
  /// Nats a token of the model, the end token included.
  public var crossEntropy: Double
  /// exp(`crossEntropy`).
  public var perplexity: Double
  /// ``AlignmentStatistics/entropy`` of the outputs, in nats; nil without attention, or where it was saved before that was measured.
  public var alignmentEntropy: Double?
  /// ``AlignmentStatistics/largestWeight`` of the outputs; nil as ``alignmentEntropy``.
  public var alignmentSharpness: Double?
  /// How long decoding took.
  public var seconds: Double
  /// The model's tokens in the hypotheses, end tokens not counted, a second.
  public var tokensPerSecond: Double

  /// The evaluation as JSON, its keys sorted.
  ///
  /// JSON has no number for the cross entropy of a model that has diverged: it is written as the string
  /// "NaN", "Infinity" or "-Infinity".
  public func json() throws -> Data {
    try JSONEncoder.measurements(.prettyPrinted).encode(self)
  }
}

extension Evaluation {
  /// Counts hypotheses against their accepted targets.
  ///
  /// Where a sentence has several accepted targets, the one at the least edit distance counts; of those at the same distance the
  /// shortest, of those the first. BLEU takes all of them as references.
  public struct Accumulator: Sendable {
    private var examples = 0
    private var exact = 0
    private var distance = 0
    private var targetTokens = 0
    private var hypothesisTokens = 0
    private var bleu = BLEU()
    private var alignments = AlignmentStatistics()

    public init() {}

    /// Counts one sentence. Returns the place of the target that counted.
    ///
    /// - Parameters:
    ///   - targets: at least one
    ///   - length: the model's tokens in the hypothesis, where those are parts of what is compared
    ///   - alignment: the attention's weights, a row for each of the model's tokens and for the end; nil without attention
    @discardableResult
    public mutating func add(
      hypothesis: [String], targets: [[String]], length: Int? = nil, alignment: [[Float]]? = nil
    ) -> Int {
      precondition(!targets.isEmpty, "a sentence without an accepted target")
      let scored = targets.enumerated().map { place, target in
        (place: place, target: target, distance: editDistance(hypothesis, target))
      }
      // `min` keeps the first of equals.
      let best = scored.min { ($0.distance, $0.target.count) < ($1.distance, $1.target.count) }!
      examples += 1
      exact += best.distance == 0 ? 1 : 0
      distance += best.distance
      targetTokens += best.target.count
      hypothesisTokens += length ?? hypothesis.count
      bleu.add(hypothesis: hypothesis, references: targets)
      alignments.add(alignment ?? [])
      return best.place
    }

    /// The evaluation of the sentences so far; before the first one every rate is 0.
    ///
    /// - Parameters:
    ///   - crossEntropy: The mean over the tokens of the targets that counted, end tokens included, in nats.
    ///   - seconds: How long decoding took.
    public func evaluation(crossEntropy: Double, seconds: Double) -> Evaluation {
      let match = examples == 0 ? 0 : Double(exact) / Double(examples)
      return Evaluation(
        examples: examples,
        exactMatch: match,
        sequenceErrorRate: examples == 0 ? 0 : 1 - match,
        tokenErrorRate: Double(distance) / Double(max(targetTokens, 1)),
        bleu: bleu.score,
        crossEntropy: crossEntropy,
        perplexity: exp(crossEntropy),
        alignmentEntropy: alignments.entropy,
        alignmentSharpness: alignments.largestWeight,
        seconds: seconds,
        tokensPerSecond: seconds > 0 ? Double(hypothesisTokens) / seconds : 0)
    }
  }
}

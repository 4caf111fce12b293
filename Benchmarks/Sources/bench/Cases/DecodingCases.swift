import Attention
import AttentionReference
import Seq2Seq

/// Greedy decoding of one sentence through the public API, as a server answers it: 25 tokens in, 25 out. The model is
/// Bahdanau's with random weights, which ends no sentence by itself within that.
func decodeBahdanau(_ precision: Precision) -> Case {
  let (hidden, vocabulary, length) = (512, 10_000, 25)
  let (h, v) = (Double(hidden), Double(vocabulary))
  // A token reads every weight of the decoder once: three gates that read 4 H, the query, the readout of 4 H, the output.
  let weights = Double(length) * precision.bytes * ((12 + 1 + 4) * h * h + v * h)
  let shape = "B 1, S \(length), T \(length), H \(hidden), V \(vocabulary)"
  return Case(name: "decode-bahdanau" + precision.suffix, shape: shape, work: .bytes(weights)) {
    let words = (0..<vocabulary - Vocabulary.reserved.count).map { "w\($0)" }
    let corpus = ParallelCorpus(pairs: [.init(source: words, target: words)])
    func model() throws -> TranslationModel {
      var model = try TranslationModel(
        .bahdanau(embedding: hidden, hidden: hidden, maximumLength: length), corpus: corpus,
        source: Tokenization(.whitespace), target: Tokenization(.whitespace), seed: 1)
      model.precision = precision
      return model
    }
    var translator = try model()
    let source = try translator.read((0..<length).map { words[$0 * 97 % words.count] })
    func decode() throws -> TranslationModel.Hypothesis {
      let hypothesis = try translator.translate([source])[0][0]
      guard hypothesis.tokens.count == length else { throw BenchError("the model ended its output early") }
      return hypothesis
    }
    let check = Check(
      result: { ["log-probability of the output": [try decode().score]] },
      truth: {
        // The reference predicts targets and an end: here the last token is the end.
        let ids = translator.targetVocabulary.encode(try decode().tokens)
        let mean = try referenceCrossEntropy(
          translator.network, .bahdanau(cell: .gru, hidden: hidden, embedding: hidden),
          sources: [translator.sourceVocabulary.encode(source.tokens)], targets: [Array(ids.dropLast())],
          end: ids.last!)
        return ["log-probability of the output": [-mean * Double(length)]]
      }, limit: precision.limit ?? Double(hidden + 16) * 0x1p-24)
    return Body(
      // The weights are packed when they are first used: here for each set.
      prepare: { translator = try model() },
      run: { _ = try decode() },
      check: check, naive: .skipped("the reference does not decode"))
  }
}

extension Precision {
  fileprivate var suffix: String {
    switch self {
    case .float32: ""
    case .bfloat16: "-bf16"
    case .int8: "-int8"
    }
  }

  fileprivate var bytes: Double {
    switch self {
    case .float32: 4
    case .bfloat16: 2
    case .int8: 1
    }
  }

  /// One rounding of a weight, or of what it meets: those of the many behind a number mostly cancel.
  fileprivate var limit: Double? {
    switch self {
    case .float32: nil
    case .bfloat16: 0x1p-9
    case .int8: 1 / 254
    }
  }
}

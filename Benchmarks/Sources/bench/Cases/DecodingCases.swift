import Attention
import Seq2Seq

/// Greedy decoding of one sentence through the public API, as a server answers it: as many tokens in as out. The weights are
/// random, and with this seed the model ends no sentence by itself within that: the last token is the end, at the limit.
func decoding(_ size: ModelSize, _ precision: Precision = .float32) -> Case {
  let (length, vocabulary) = (size.length, size.vocabulary)
  let weights = Double(length) * precision.bytes * size.weightsForToken
  let shape = "B 1, S \(length), T \(length), H \(size.hidden), V \(vocabulary)"
  return Case(name: "decode" + size.suffix(precision), shape: shape, work: .bytes(weights)) {
    let words = (0..<vocabulary - Vocabulary.reserved.count).map { "w\($0)" }
    let corpus = ParallelCorpus(pairs: [.init(source: words, target: words)])
    func model() throws -> TranslationModel {
      var configuration = try size.configuration
      configuration.maximumLength = length
      var model = try TranslationModel(
        configuration, corpus: corpus, source: Tokenization(.whitespace), target: Tokenization(.whitespace),
        seed: 1)
      model.precision = precision
      return model
    }
    var translator = try model()
    let source = try translator.read((0..<length).map { words[$0 * 97 % words.count] })
    func decode() throws -> TranslationModel.Hypothesis {
      let hypothesis = try translator.translate(
        [source], options: DecodingOptions(maximumLength: length - 1))[0][0]
      guard hypothesis.tokens.count == length - 1 else {
        throw BenchError("the model ended its output early")
      }
      return hypothesis
    }
    let check = Check(
      result: { ["log-probability of the output": [try decode().score]] },
      truth: {
        let ids = translator.targetVocabulary.encode(try decode().tokens)
        let mean = try referenceCrossEntropy(
          translator.network, size.reference, sources: [translator.sourceVocabulary.encode(source.tokens)],
          targets: [ids], end: Vocabulary.end)
        return ["log-probability of the output": [-mean * Double(length)]]
      }, limit: precision.limit(terms: size.hidden))
    return Body(
      // The weights are packed when they are first used: here for each set.
      prepare: { translator = try model() },
      run: { _ = try decode() },
      check: check, naive: .skipped("the reference does not decode"))
  }
}

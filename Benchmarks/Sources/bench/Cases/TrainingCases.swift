import Attention
import Seq2Seq

/// One training step through the public API: loss, gradient, clipping and Adam.
func trainingStep(_ size: ModelSize, _ precision: Precision = .float32) -> Case {
  let shape =
    "B \(size.batch), S \(size.length / 2)…\(size.length), T \(size.length), H \(size.hidden), V \(size.vocabulary)"
  return Case(name: "train" + size.suffix(precision), shape: shape, work: .operations(size.operations)) {
    let start = try EncoderDecoder(try size.configuration, seed: 1)
    let few = Array(size.pairs.prefix(2))
    let (batch, smallBatch) = (Batch(size.pairs), Batch(few))
    var (model, optimizer) = (start, Optimizer())
    let check = Check(
      result: {
        ["loss of two sentences": [try start.lossAndGradient(smallBatch, precision: precision).loss]]
      },
      truth: {
        let loss = try referenceCrossEntropy(
          start, size.reference, sources: few.map { $0.source.map(Int.init) },
          targets: few.map { $0.target.map(Int.init) })
        return ["loss of two sentences": [loss]]
      }, limit: precision.limit(terms: size.hidden))
    return Body(
      prepare: { (model, optimizer) = (start, Optimizer()) },
      run: {
        let (loss, gradient) = try model.lossAndGradient(batch, precision: precision)
        guard loss.isFinite else { throw BenchError("the loss became \(loss)") }
        optimizer.update(&model, gradient: gradient, rate: 1e-3)
      },
      check: check, naive: .skipped("the reference has no backward of a whole model"))
  }
}

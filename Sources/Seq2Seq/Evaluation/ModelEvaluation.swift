extension TranslationModel {
  /// Decodes every example's source and compares with its accepted targets.
  ///
  /// - Parameters:
  ///   - beam: 1 decodes greedily
  ///   - progress: called with the number of examples done; returning false stops early, with what was done so far
  /// - Throws: ``ModelError`` for a sentence that is too long, or a beam that cannot be.
  public func evaluate(
    _ examples: [ParallelCorpus.Example], beam: Int = 1, progress: (Int) -> Bool = { _ in true }
  ) throws(ModelError) -> Evaluation {
    // Sources of like length decode together; about the same number of rows whatever the beam.
    let order = examples.indices.sorted {
      (examples[$0].source.count, $0) < (examples[$1].source.count, $1)
    }
    let size = max(1, 128 / max(1, beam))
    var accumulator = Evaluation.Accumulator()
    var (crossEntropy, tokens, seconds) = (0.0, 0, 0.0)
    let clock = ContinuousClock()
    for start in stride(from: 0, to: order.count, by: size) {
      let batch = order[start..<min(start + size, order.count)].map { examples[$0] }
      let begin = clock.now
      var sources: [Source] = []
      for example in batch { sources.append(try read(example.source)) }
      let outputs = try translate(sources, beam: beam)
      seconds += (clock.now - begin).inSeconds
      var counted: [(source: [String], target: [String])] = []
      for (example, hypotheses) in zip(batch, outputs) {
        let target = accumulator.add(hypothesis: hypotheses.first?.tokens ?? [], targets: example.targets)
        counted.append((example.source, target))
        tokens += target.count + 1
      }
      crossEntropy -= try score(counted).reduce(0) { $0 + Double($1.total) }
      if !progress(start + batch.count) { break }
    }
    return accumulator.evaluation(crossEntropy: crossEntropy / Double(max(tokens, 1)), seconds: seconds)
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

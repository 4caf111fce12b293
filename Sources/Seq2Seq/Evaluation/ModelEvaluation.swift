extension TranslationModel {
  /// Decodes every example's source and compares the best output with its accepted targets.
  ///
  /// - Parameters:
  ///   - beam: 1 decodes greedily
  ///   - progress: called with the number of examples done; returning false stops early, with what was done so far
  /// - Throws: ``ModelError`` for a sentence that is too long, or a beam that cannot be.
  public func evaluate(
    _ examples: [ParallelCorpus.Example], beam: Int = 1, progress: (Int) -> Bool = { _ in true }
  ) throws(ModelError) -> Evaluation {
    try Ensemble(self).evaluate(examples, options: DecodingOptions(beam: beam), progress: progress)
  }
}

extension Ensemble {
  /// As ``TranslationModel/evaluate(_:beam:progress:)``, with the models together and outputs found as the options say.
  public func evaluate(
    _ examples: [ParallelCorpus.Example], options: DecodingOptions = DecodingOptions(),
    progress: (Int) -> Bool = { _ in true }
  ) throws(ModelError) -> Evaluation {
    try options.validate()
    // Sources of like length decode together.
    let order = examples.indices.sorted {
      (examples[$0].source.count, $0) < (examples[$1].source.count, $1)
    }
    let size = options.batchSize
    var accumulator = Evaluation.Accumulator()
    var (crossEntropy, tokens, seconds) = (0.0, 0, 0.0)
    let clock = ContinuousClock()
    for start in stride(from: 0, to: order.count, by: size) {
      let batch = order[start..<min(start + size, order.count)].map { examples[$0] }
      let begin = clock.now
      let sources = try batch.map { example throws(ModelError) in try models[0].read(example.source) }
      var part = options
      part.outputs = 1
      part.sampling?.firstSource += start
      let outputs = try translate(sources, options: part)
      seconds += (clock.now - begin).inSeconds
      var counted: [(source: [String], target: [String])] = []
      for (example, hypotheses) in zip(batch, outputs) {
        let output = hypotheses.first
        let place = accumulator.add(
          hypothesis: output?.units ?? [], targets: example.references, length: output?.tokens.count,
          alignment: output?.alignment)
        let target = example.targets[place]
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

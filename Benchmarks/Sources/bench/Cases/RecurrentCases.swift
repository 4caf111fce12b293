import AttentionReference

/// A layer of 512 cells over a ragged batch, 64 sentences of 12 to 25 steps: the input product and all steps; with the
/// backward, all gradients of inputs and parameters.
func recurrent(_ cell: Reference.Cell, backward: Bool) -> Case {
  let (batch, width) = (64, 512)
  let lengths = raggedLengths(batch, 12, 25).sorted(by: >)
  let rows = lengths.reduce(0, +)
  // Two products forward, of the inputs and of the states; two backward for each.
  let products = backward ? 6 : 2
  let work = Work.operations(Double(products * 2 * rows * cell.gates * width * width))
  let name = "\(cell.rawValue)-forward" + (backward ? "-backward" : "")
  return Case(name: name, shape: "B 64, T 12…25, 512 → 512", work: work) {
    let layer = RecurrentData(cell, lengths: lengths, width: width, backward: backward)
    let truth = RecurrentTruth(layer, sentences: [0, 21, 42, 63])
    let check = Check(
      result: {
        try layer.pack()
        try layer.run(gradient: truth.stateGradient)
        return truth.chosenResults()
      },
      truth: { try truth.results(Double.self) }, terms: (backward ? cell.gates : 2) * width)
    let naive = Naive.run(share: truth.share, note: "\(truth.sentences.count) of 64 sentences") {
      _ = try truth.results(Float.self)
    }
    return Body(
      prepare: layer.pack,
      run: {
        // Whoever asks for gradients changes the weights between runs.
        if backward { try layer.pack() }
        try layer.run(gradient: layer.stateGradient)
      }, check: check, naive: naive)
  }
}

import Attention

/// The backward of an attention over the steps of a decoder, from the last to the first: the sums of its gradients.
struct AttentionGradients {
  private let layer: AttentionLayer
  private let score: AttentionTerms.Score
  private let pass: DecoderPass
  private let keys: Matrix
  private let values: Matrix
  private let v: Matrix?
  /// The gradients of queries that are made from states, all steps.
  private let dqueries: Matrix?
  private let query: PackedMatrix?
  private let position: PositionGradients?

  init(_ layer: AttentionLayer, _ pass: DecoderPass) {
    self.layer = layer
    score = layer.kernelScore
    self.pass = pass
    let (padded, rows) = (pass.memory!.padded, pass.plan.rows)
    keys = Matrix(rows: padded.keys.rows, columns: padded.keys.columns, zeros: true)
    values = Matrix(rows: padded.values.rows, columns: padded.values.columns, zeros: true)
    v = layer.v.map { Matrix(rows: 1, columns: $0.count, zeros: true) }
    dqueries = layer.makesQueries ? Matrix(rows: rows, columns: padded.keys.columns) : nil
    query = layer.query.map { PackedMatrix(Matrix($0), precision: pass.precision) }
    position = layer.position.map { PositionGradients($0, rows: rows, pass.precision) }
  }

  /// Inverts ``PackedAttention/attend(_:from:step:memory:sources:dropout:)``: overwrites the gradient `dtop` of the states that asked, or with
  /// a score that projects them adds to it.
  func invert(_ step: Int, from top: Matrix, dcontext: Matrix, dtop: Matrix, accumulating: Bool = false) {
    precondition(query != nil || !accumulating, "the gradient of queries that are states is not added to")
    let range = pass.plan.range(step: step)
    let (tape, memory) = (pass.tape.attention!.rows(range), pass.memory!.padded)
    let dqueries = dqueries?.rows(range) ?? dtop
    let dcentres = position?.dcentres.rows(range)
    attendBackward(
      AttentionRowGradients(queries: dqueries, centres: dcentres, keys: keys, values: values, v: v),
      dcontext: dcontext, tape.kernelRows(top),
      layer.terms(score, step: step, centres: tape.position?.centres, dropout: pass.dropout), memory: memory,
      sources: range.count)
    if let query {
      dtop.setProduct(dqueries, query, accumulating: accumulating)
    } else if layer.score == .cosine {
      dtop.setNormalizationGradient(dqueries, of: top)
    }
    position?.invert(range, tape.position!, lengths: memory.lengths.prefix(range.count), addingTo: dtop)
  }

  /// The gradients of the parameters, and of the states that were keys and values. `top` are the states that asked, of all steps.
  func finished(from top: Matrix) -> (layer: AttentionLayer, states: Matrix) {
    let (memory, precision) = (pass.memory!, pass.precision)
    var gradient = AttentionLayer(gradientOf: layer)
    if let dv = v?.tensor(layer.v!.shape) { setDirection(of: &gradient, dv) }
    if layer.query != nil { gradient.query = dqueries?.weightGradient([LayerInput(top)], precision) }
    gradient.position = position?.finished(pass.tape.attention!.position!, from: top, precision)
    let dstates = memory.packed(values)
    addKeys(to: dstates, &gradient)
    return (gradient, dstates)
  }

  /// The additive scores' v, and the normed one's gain, from the gradient of what the kernels take for v.
  private func setDirection(of gradient: inout AttentionLayer, _ dv: Tensor) {
    gradient.v = dv
    guard let gain = layer.gain else { return }
    let normed = layer.v!.normedGradient(dv, gain: gain[0])
    gradient.v = normed.v
    var dgain = Tensor(zeros: [1])
    dgain.withUnsafeMutablePointer { $0[0] = normed.gain }
    gradient.gain = dgain
  }

  /// What the keys were made from: their gradient's way to the states, and to parameters. With k = W h + b: dW = dkᵀ h, db = Σ dk,
  /// dh = dk W.
  private func addKeys(to dstates: Matrix, _ gradient: inout AttentionLayer) {
    let (memory, precision) = (pass.memory!, pass.precision)
    if let location = layer.location {
      let sums = Matrix(rows: location.shape[0], columns: location.shape[1], zeros: true)
      sums.addRows(keys, at: memory.plan.paddedPositions)
      gradient.location = sums.tensor(location.shape)
      return
    }
    let dkeys = memory.packed(keys)
    if let key = layer.key {
      gradient.key = dkeys.weightGradient([LayerInput(memory.states)], precision)
      if layer.bias != nil { gradient.bias = dkeys.sumOfRows() }
      dstates.setProduct(dkeys, Matrix(key), accumulating: true, precision: precision)
    } else if layer.score == .cosine {
      let dnormalized = Matrix(rows: dkeys.rows, columns: dkeys.columns)
      dnormalized.setNormalizationGradient(dkeys, of: memory.states)
      dstates.add(dnormalized)
    } else {
      dstates.add(dkeys)
    }
  }
}

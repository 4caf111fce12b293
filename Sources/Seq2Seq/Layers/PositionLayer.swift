import Attention

/// Where in a source of S tokens a state looks: "local-p" of Luong, Pham, Manning 2015 (equation 9).
///
///     p = S · σ(v_pᵀ u)      u = tanh(W_p s)
///
/// Like v_a of the concat score, v_p takes part in Float whatever the precision of products.
struct PositionLayer: Parameterized {
  /// W_p [H, H].
  var weight: Tensor
  /// v_p [H].
  var v: Tensor

  init(hidden: Int, generator: inout SeededGenerator) {
    weight = generator.weight(hidden, hidden)
    v = generator.uniform([hidden], bound: 1 / Float(hidden).squareRoot())
  }

  fileprivate init(weight: Tensor, v: Tensor) { (self.weight, self.v) = (weight, v) }

  mutating func forEachParameter(prefix: String, _ body: (_ name: String, _ parameter: inout Tensor) -> Void)
  {
    body(prefix + "weight", &weight)
    body(prefix + "v", &v)
  }
}

/// What a prediction makes of some rows of a decoder.
struct PositionTape {
  /// u, [rows, H].
  let hidden: Matrix
  /// p, [rows, 1].
  let centres: Matrix

  init(_ layer: PositionLayer, rows: Int) {
    self.init(
      hidden: Matrix(rows: rows, columns: layer.v.count), centres: Matrix(rows: rows, columns: 1))
  }

  private init(hidden: Matrix, centres: Matrix) { (self.hidden, self.centres) = (hidden, centres) }

  func rows(_ range: Range<Int>) -> PositionTape {
    PositionTape(hidden: hidden.rows(range), centres: centres.rows(range))
  }
}

/// A position layer with its weight packed for many steps.
struct PackedPosition: Sendable {
  private let weight: PackedMatrix
  private let v: Tensor

  init(_ layer: PositionLayer, _ precision: Precision) {
    weight = PackedMatrix(Matrix(layer.weight).transposed, precision: precision)
    v = layer.v
  }

  /// Predicts from states s [rows, H], as many consecutive ones for each source.
  func predict(_ tape: PositionTape, from s: Matrix, lengths: ArraySlice<Int32>) {
    tape.hidden.setProduct(s, weight, activation: .tanh)
    tape.centres.setProduct(tape.hidden, Matrix(v).transposed)
    tape.centres.becomePositions(lengths: lengths)
  }
}

/// The backward of predictions over the steps of a decoder, one row a source in each.
struct PositionGradients {
  /// In: the gradient of p, all steps [N, 1]. A step turns its rows into the gradient of z = v_pᵀ u.
  let dcentres: Matrix
  private let layer: PositionLayer
  /// The gradient of W_p s, all steps.
  private let dhidden: Matrix
  private let weight: PackedMatrix

  init(_ layer: PositionLayer, rows: Int, _ precision: Precision) {
    self.layer = layer
    dcentres = Matrix(rows: rows, columns: 1)
    dhidden = Matrix(rows: rows, columns: layer.v.count)
    weight = PackedMatrix(Matrix(layer.weight), precision: precision)
  }

  /// Inverts ``PackedPosition/predict(_:from:lengths:)`` of a step: du = dz v_p, ds += W_pᵀ (du ∘ (1 − u²)).
  func invert(_ range: Range<Int>, _ tape: PositionTape, lengths: ArraySlice<Int32>, addingTo ds: Matrix) {
    let (dz, dhidden) = (dcentres.rows(range), dhidden.rows(range))
    dz.backThroughPositions(tape.centres, lengths: lengths)
    dhidden.setProduct(dz, Matrix(layer.v))
    dhidden.backThroughTanh(tape.hidden)
    ds.setProduct(dhidden, weight, accumulating: true)
  }

  /// The gradients of the parameters, once all steps are inverted: dv_p = Σ dz u. `s` are the states of all steps.
  func finished(_ tape: PositionTape, from s: Matrix, _ precision: Precision) -> PositionLayer {
    let dv = Matrix(rows: 1, columns: layer.v.count)
    dv.setProduct(dcentres.transposed, tape.hidden)
    return PositionLayer(
      weight: dhidden.weightGradient([LayerInput(s)], precision), v: dv.tensor(layer.v.shape))
  }
}

import Attention

/// What a layer's weights meet: rows x [N, ·], or the embeddings of N tokens.
///
/// Where there are fewer tokens in the vocabulary than rows, as with characters, and no dropout tells the rows of a token apart, a
/// product of embeddings is made once a token and gathered: x Wᵀ = (T Wᵀ)[ids]. Its gradients come from the sums of each token's
/// rows. Where whole tokens fall, those that do have a row of zeros below T.
struct LayerInput {
  /// The left factor of products: x, or the embeddings' table T [V, ·].
  let factor: Matrix
  /// Whose rows of products belong to the rows; nil if they are the rows themselves.
  private let tokens: [Int32]?

  init(_ rows: Matrix) { self.init(factor: rows, tokens: nil) }

  /// The embeddings of tokens; of −1, which dropout left of a token that fell, zeros.
  init(embedding table: Tensor, _ ids: [Int32], dropout: Dropout?, at site: Dropout.Site) {
    let table = Matrix(table)
    let isByToken = table.rows < ids.count
    switch dropout {
    case nil where isByToken: self.init(factor: table, tokens: ids)
    case let whole? where whole.isVariational && isByToken:
      let fallen = table.rows
      let scaled = Matrix(rows: fallen + 1, columns: table.columns, zeros: true)
      scaled.rows(0..<fallen).copy(from: table)
      scaled.scale(by: whole.scale)
      self.init(factor: scaled, tokens: ids.map { $0 < 0 ? Int32(fallen) : $0 })
    default:
      let rows = Matrix(rows: ids.count, columns: table.columns)
      rows.setRows(of: table, at: ids)
      dropout?.apply(embeddings: rows, at: site)
      self.init(rows)
    }
  }

  private init(factor: Matrix, tokens: [Int32]?) {
    self.factor = factor
    self.tokens = tokens
  }

  /// The same rows in another order.
  func permuted(_ index: [Int32]) -> LayerInput {
    if let tokens { return LayerInput(factor: factor, tokens: index.map { tokens[Int($0)] }) }
    let rows = Matrix(rows: index.count, columns: factor.columns)
    rows.setRows(of: factor, at: index)
    return LayerInput(rows)
  }

  /// y = x Wᵀ + b, from Wᵀ.
  func multiply(into y: Matrix, _ weight: PackedMatrix, bias: Tensor? = nil) {
    guard let tokens else {
      y.setProduct(factor, weight, bias: bias)
      return
    }
    let products = Matrix(rows: factor.rows, columns: y.columns)
    products.setProduct(factor, weight, bias: bias)
    y.setRows(of: products, at: tokens)
  }

  /// From the gradient dy [N, ·] of y = x Wᵀ that of the product with ``factor``.
  func gradient(_ dy: Matrix) -> Matrix {
    guard let tokens else { return dy }
    let sums = Matrix(rows: factor.rows, columns: dy.columns, zeros: true)
    sums.addRows(dy, at: tokens)
    return sums
  }

  /// Adds to `dfactor` that of the same rows in another order.
  func add(_ permuted: Matrix, _ index: [Int32], to dfactor: Matrix) {
    if tokens == nil { dfactor.addRows(permuted, at: index) } else { dfactor.add(permuted) }
  }

  /// The gradient of an embedding's table from that of ``factor``, which it may overwrite.
  func tableGradient(
    _ dfactor: Matrix, of table: Tensor, _ ids: [Int32], dropout: Dropout?, at site: Dropout.Site
  ) -> Tensor {
    dropout?.apply(embeddings: dfactor, at: site)
    if tokens != nil, dfactor.rows == table.shape[0] { return dfactor.tensor(table.shape) }
    let result = Matrix(rows: table.shape[0], columns: table.shape[1], zeros: true)
    if tokens == nil {
      result.addRows(dfactor, at: ids)
    } else {
      result.copy(from: dfactor.rows(0..<result.rows))
    }
    return result.tensor(table.shape)
  }
}

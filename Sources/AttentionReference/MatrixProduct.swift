extension Reference {
  /// What a product's finished sums pass through.
  public enum Activation: Sendable {
    case none, tanh
  }

  /// Which product: op(a) [m, k] · op(b) [k, n], where op transposes or leaves alone.
  public struct ProductShape: Sendable {
    public var m, n, k: Int
    /// a is stored as [k, m].
    public var transposeA: Bool
    /// b is stored as [n, k], as the weight of y = x Wᵀ is.
    public var transposeB: Bool

    @inlinable
    public init(m: Int, n: Int, k: Int, transposeA: Bool = false, transposeB: Bool = false) {
      self.m = m
      self.n = n
      self.k = k
      self.transposeA = transposeA
      self.transposeB = transposeB
    }

    @inlinable func indexA(_ i: Int, _ p: Int) -> Int { transposeA ? p * m + i : i * k + p }
    @inlinable func indexB(_ p: Int, _ j: Int) -> Int { transposeB ? j * k + p : p * n + j }

    @inlinable
    func validate<T>(_ a: [T], _ b: [T]) throws {
      try transposeA ? require(a, "a", k, m) : require(a, "a", m, k)
      try transposeB ? require(b, "b", n, k) : require(b, "b", k, n)
    }
  }

  /// c[i, j] = act(Σₚ op(a)[i, p] · op(b)[p, j] + bias[j]), of the shape [m, n].
  ///
  /// - Parameters:
  ///   - bias: [n], or nil for zero.
  ///   - activation: act.
  /// - Throws: ``ReferenceError/shape(argument:expected:count:)``.
  /// - Complexity: O(m · n · k).
  @inlinable
  public static func matrixProduct<T: Scalar>(
    _ a: [T], _ b: [T], _ shape: ProductShape, bias: [T]? = nil, activation: Activation = .none
  ) throws -> [T] {
    try shape.validate(a, b)
    if let bias { try require(bias, "bias", shape.n) }
    var c: [T] = []
    for i in 0..<shape.m {
      for j in 0..<shape.n {
        var sum: T = 0
        for p in 0..<shape.k { sum += a[shape.indexA(i, p)] * b[shape.indexB(p, j)] }
        if let bias { sum += bias[j] }
        c.append(activation == .tanh ? T.tanh(sum) : sum)
      }
    }
    return c
  }

  /// The gradients of ``matrixProduct(_:_:_:bias:activation:)``, each in the shape of what it belongs to.
  public struct MatrixProductGradient<T: Scalar>: Sendable {
    public var a, b, bias: [T]

    @inlinable
    init(_ shape: ProductShape) {
      a = Array(repeating: 0, count: shape.m * shape.k)
      b = Array(repeating: 0, count: shape.k * shape.n)
      bias = Array(repeating: 0, count: shape.n)
    }
  }

  /// Inverts c = act(z), z = op(a) · op(b) + bias:
  ///
  ///     dz = dc ∘ act′    (tanh: 1 − c²)      dbias[j] = Σᵢ dz[i, j]
  ///     d op(a) = dz · op(b)ᵀ                 d op(b) = op(a)ᵀ · dz
  ///
  /// - Parameters:
  ///   - outputGradient: dc [m, n].
  ///   - output: c [m, n], the forward's result.
  /// - Throws: ``ReferenceError/shape(argument:expected:count:)``.
  @inlinable
  public static func matrixProductBackward<T: Scalar>(
    _ outputGradient: [T], output: [T], _ a: [T], _ b: [T], _ shape: ProductShape,
    activation: Activation = .none
  ) throws -> MatrixProductGradient<T> {
    try shape.validate(a, b)
    try require(outputGradient, "outputGradient", shape.m, shape.n)
    try require(output, "output", shape.m, shape.n)
    var gradient = MatrixProductGradient<T>(shape)
    for i in 0..<shape.m {
      for j in 0..<shape.n {
        let c = output[i * shape.n + j]
        let dc = outputGradient[i * shape.n + j]
        let dz = activation == .tanh ? dc * (1 - c * c) : dc
        gradient.bias[j] += dz
        for p in 0..<shape.k {
          gradient.a[shape.indexA(i, p)] += dz * b[shape.indexB(p, j)]
          gradient.b[shape.indexB(p, j)] += dz * a[shape.indexA(i, p)]
        }
      }
    }
    return gradient
  }
}

extension Reference {
  /// A recurrent cell ("Encoder").
  public enum Cell: String, Sendable, CaseIterable {
    /// Long short-term memory, gates in the order input, forget, cell, output.
    case lstm
    /// Gated recurrent unit, reset after the product, gates in the order reset, update, new.
    case gru
    /// Gated recurrent unit, reset before the product, gates in the same order.
    case gruResetBefore
    /// The plain cell, h′ = tanh(W x + b + U h).
    case rnn

    /// How many gates the weights stack: 4, 3 or 1.
    public var gates: Int {
      switch self {
      case .lstm: 4
      case .gru, .gruResetBefore: 3
      case .rnn: 1
      }
    }
  }

  /// A cell's parameters, or their gradients.
  public struct RecurrentWeights<T: Scalar>: Sendable {
    public var cell: Cell
    /// W [gates · hidden, inputWidth].
    public var input: [T]
    /// U [gates · hidden, hidden].
    public var recurrent: [T]
    /// b [gates · hidden].
    public var bias: [T]
    /// c [gates · hidden], beside the recurrent product; the GRU that resets after it alone has it, others' is empty.
    public var recurrentBias: [T]

    @inlinable
    public init(cell: Cell, input: [T], recurrent: [T], bias: [T], recurrentBias: [T] = []) {
      self.cell = cell
      self.input = input
      self.recurrent = recurrent
      self.bias = bias
      self.recurrentBias = recurrentBias
    }
  }

  /// What a recurrent layer reads, with its sizes.
  public struct RecurrentInput<T: Scalar>: Sendable {
    /// [batch, time, inputWidth].
    public var x: [T]
    /// [batch], each 0 ... time; nil for time everywhere.
    public var lengths: [Int]?
    /// Runs from position length − 1 to 0 instead of from 0 to length − 1.
    public var reversed: Bool
    /// h₀ [batch, hidden], or nil for zero.
    public var initialHidden: [T]?
    /// c₀ [batch, hidden] of the LSTM, or nil for zero.
    public var initialCell: [T]?
    public var batch, time, inputWidth, hidden: Int

    @inlinable
    public init(
      x: [T], lengths: [Int]? = nil, reversed: Bool = false,
      initialHidden: [T]? = nil, initialCell: [T]? = nil,
      batch: Int, time: Int, inputWidth: Int, hidden: Int
    ) {
      self.x = x
      self.lengths = lengths
      self.reversed = reversed
      self.initialHidden = initialHidden
      self.initialCell = initialCell
      self.batch = batch
      self.time = time
      self.inputWidth = inputWidth
      self.hidden = hidden
    }

    @inlinable
    func validate(_ weights: RecurrentWeights<T>) throws {
      let gates = weights.cell.gates
      try require(x, "x", batch, time, inputWidth)
      try requireLengths(lengths, rows: batch, maximum: time)
      try require(weights.input, "input", gates, hidden, inputWidth)
      try require(weights.recurrent, "recurrent", gates, hidden, hidden)
      try require(weights.bias, "bias", gates, hidden)
      try require(weights.recurrentBias, "recurrentBias", weights.cell == .gru ? gates : 0, hidden)
      if let initialHidden { try require(initialHidden, "initialHidden", batch, hidden) }
      if let initialCell {
        try require(initialCell, "initialCell", weights.cell == .lstm ? batch : 0, hidden)
      }
    }

    /// The rows of x that sentence b visits, in the order of the visits.
    @inlinable
    func steps(_ b: Int) -> [Int] {
      let rows = b * time..<b * time + (lengths?[b] ?? time)
      return reversed ? rows.reversed() : Array(rows)
    }

    @inlinable
    func initialState(_ b: Int) -> State<T> {
      let zeros = [T](repeating: 0, count: hidden)
      return State(
        hidden: initialHidden.map { Array(row($0, b, hidden)) } ?? zeros,
        cell: initialCell.map { Array(row($0, b, hidden)) } ?? zeros)
    }
  }

  /// h [hidden] and the LSTM's c [hidden] (zeros for the others) of one sentence; or their gradients.
  @usableFromInline
  struct State<T: Scalar> {
    @usableFromInline var hidden, cell: [T]

    @inlinable
    init(hidden: [T], cell: [T]) {
      self.hidden = hidden
      self.cell = cell
    }
  }

  /// What a recurrent layer returns.
  public struct RecurrentResult<T: Scalar>: Sendable {
    /// h of every step, [batch, time, hidden]; 0 beyond a length.
    public var outputs: [T]
    /// c of every step, [batch, time, hidden]; 0 beyond a length, and all 0 but for the LSTM.
    public var cells: [T]
    /// The state after each sentence's last step, [batch, hidden]; h₀ where the length is 0.
    public var finalHidden: [T]
    /// c after each sentence's last step, [batch, hidden]; c₀ where the length is 0, and all 0 but for the LSTM.
    public var finalCell: [T]
    /// What the backward needs of every step, [batch, time, 4 · hidden]: (i, f, g, o) of the LSTM;
    /// (r, z, n, Uₙ h + cₙ) of the GRU; (r, z, n, r ∘ h) of the one that resets before; (h′, 0, 0, 0) of the plain cell.
    public var activations: [T]

    @inlinable
    init(zeroFor input: RecurrentInput<T>) {
      let count = input.batch * input.time * input.hidden
      outputs = Array(repeating: 0, count: count)
      cells = outputs
      activations = Array(repeating: 0, count: 4 * count)
      finalHidden = []
      finalCell = []
    }
  }

  /// Runs a cell over each sentence of a ragged batch, h[t] = cell(x[t], h[t−1]), from `initialHidden`.
  ///
  /// Steps beyond a length leave the state untouched and are not read.
  ///
  /// - Throws: ``ReferenceError``.
  /// - Complexity: O(Σ lengths · gates · hidden · (inputWidth + hidden)).
  @inlinable
  public static func recurrent<T: Scalar>(
    _ input: RecurrentInput<T>, _ weights: RecurrentWeights<T>
  ) throws -> RecurrentResult<T> {
    try input.validate(weights)
    var result = RecurrentResult(zeroFor: input)
    for b in 0..<input.batch {
      var state = input.initialState(b)
      for t in input.steps(b) {
        let x = row(input.x, t, input.inputWidth)
        let activations: [T]
        (state, activations) =
          switch weights.cell {
          case .lstm: lstmStep(x, state, weights)
          case .gru: gruStep(x, state, weights)
          case .gruResetBefore: gruResetBeforeStep(x, state, weights)
          case .rnn: rnnStep(x, state, weights)
          }
        add(1, state.hidden[...], to: &result.outputs, row: t)
        add(1, state.cell[...], to: &result.cells, row: t)
        add(1, activations[...], to: &result.activations, row: t)
      }
      result.finalHidden += state.hidden
      result.finalCell += state.cell
    }
    return result
  }

  /// The gradients of ``recurrent(_:_:)``.
  public struct RecurrentGradient<T: Scalar>: Sendable {
    /// [batch, time, inputWidth]; 0 beyond a length.
    public var x: [T]
    /// [batch, hidden]; that of c₀ is all 0 but for the LSTM.
    public var initialHidden, initialCell: [T]
    public var weights: RecurrentWeights<T>

    @inlinable
    init(zeroFor input: RecurrentInput<T>, _ weights: RecurrentWeights<T>) {
      x = Array(repeating: 0, count: input.x.count)
      initialHidden = []
      initialCell = []
      self.weights = RecurrentWeights(
        cell: weights.cell, input: weights.input.map { _ in 0 }, recurrent: weights.recurrent.map { _ in 0 },
        bias: weights.bias.map { _ in 0 }, recurrentBias: weights.recurrentBias.map { _ in 0 })
    }
  }

  /// Inverts h[t] = cell(x[t], h[t−1]), visiting each sentence's steps in the opposite order.
  ///
  /// The gradient that reaches h[t] is that of its output plus what the step after it hands back. With da and du the
  /// gradients of the sums a = W x + b and u = U h[t−1] + c:
  ///
  ///     dx[t] = Wᵀ da    dW = Σₜ da x[t]ᵀ       db = Σₜ da
  ///     dh[t−1] = Uᵀ du + what passes by the product    dU = Σₜ du h[t−1]ᵀ    dc = Σₜ du
  ///
  /// - Parameters:
  ///   - outputGradient: [batch, time, hidden]; not read beyond a length.
  ///   - finalHiddenGradient: [batch, hidden], or nil for zero.
  ///   - finalCellGradient: [batch, hidden] of the LSTM, or nil for zero.
  ///   - result: The forward's.
  /// - Throws: ``ReferenceError``.
  @inlinable
  public static func recurrentBackward<T: Scalar>(
    _ outputGradient: [T], finalHiddenGradient: [T]? = nil, finalCellGradient: [T]? = nil,
    _ result: RecurrentResult<T>, _ input: RecurrentInput<T>, _ weights: RecurrentWeights<T>
  ) throws -> RecurrentGradient<T> {
    try input.validate(weights)
    try require(outputGradient, "outputGradient", input.batch, input.time, input.hidden)
    try require(result.outputs, "outputs", input.batch, input.time, input.hidden)
    try require(result.cells, "cells", input.batch, input.time, input.hidden)
    try require(result.activations, "activations", input.batch, input.time, 4, input.hidden)
    // The gradients of the last state enter where the opposite order starts.
    var last = input
    last.initialHidden = finalHiddenGradient
    last.initialCell = finalCellGradient
    try last.validate(weights)

    var gradient = RecurrentGradient(zeroFor: input, weights)
    for b in 0..<input.batch {
      var dstate = last.initialState(b)
      let steps = input.steps(b)
      for (index, t) in steps.enumerated().reversed() {
        let previous =
          index == 0 ? input.initialState(b) : storedState(result, steps[index - 1], input.hidden)
        add(1, row(outputGradient, t, input.hidden), to: &dstate.hidden, row: 0)
        let activations = row(result.activations, t, 4 * input.hidden)
        let step =
          switch weights.cell {
          case .lstm:
            lstmStepBackward(dstate, activations, previous, cell: row(result.cells, t, input.hidden))
          case .gru: gruStepBackward(dstate, activations, previous)
          case .gruResetBefore: gruResetBeforeStepBackward(dstate, activations, previous, weights)
          case .rnn: rnnStepBackward(dstate, activations)
          }
        accumulate(step, x: row(input.x, t, input.inputWidth), previous, weights, t, &gradient)
        dstate = step.previous
        let sum = step.recurrentSum
        let met = Array(weights.recurrent.prefix(sum.count * input.hidden))
        dstate.hidden = zip(dstate.hidden, transposedProduct(met, sum)).map(+)
      }
      gradient.initialHidden += dstate.hidden
      gradient.initialCell += dstate.cell
    }
    return gradient
  }
}

// MARK: - What the cells share

extension Reference {
  /// One step's gradients.
  @usableFromInline
  struct StepGradient<T: Scalar> {
    /// da and du of the sums a = W x + b and u = U h + c, [gates · hidden] each. Where U's last rows met `reset` instead of
    /// h, du lacks them.
    @usableFromInline var inputSum, recurrentSum: [T]
    /// What reaches h[t−1] and c[t−1] other than through the product U h.
    @usableFromInline var previous: State<T>
    /// r ∘ h, of the GRU that resets before the product; else empty.
    @usableFromInline var reset: [T]

    @inlinable
    init(inputSum: [T], recurrentSum: [T], previous: State<T>, reset: [T] = []) {
      self.inputSum = inputSum
      self.recurrentSum = recurrentSum
      self.previous = previous
      self.reset = reset
    }
  }

  /// W x, with W [rows, x.count].
  @inlinable
  static func product<T: Scalar>(_ weight: [T], _ x: ArraySlice<T>, rows: Int) -> [T] {
    (0..<rows).map { dot(row(weight, $0, x.count), x) }
  }

  /// Wᵀ y, with W [y.count, columns].
  @inlinable
  static func transposedProduct<T: Scalar>(_ weight: [T], _ y: [T]) -> [T] {
    let columns = y.isEmpty ? 0 : weight.count / y.count
    var x = [T](repeating: 0, count: columns)
    for (i, value) in y.enumerated() { add(value, row(weight, i, columns), to: &x, row: 0) }
    return x
  }

  @inlinable
  static func storedState<T: Scalar>(_ result: RecurrentResult<T>, _ t: Int, _ hidden: Int) -> State<T> {
    State(hidden: Array(row(result.outputs, t, hidden)), cell: Array(row(result.cells, t, hidden)))
  }

  /// Adds one step's share to dx and to the gradients of the weights.
  @inlinable
  static func accumulate<T: Scalar>(
    _ step: StepGradient<T>, x: ArraySlice<T>, _ previous: State<T>, _ weights: RecurrentWeights<T>, _ t: Int,
    _ gradient: inout RecurrentGradient<T>
  ) {
    add(1, transposedProduct(weights.input, step.inputSum)[...], to: &gradient.x, row: t)
    for (i, da) in step.inputSum.enumerated() {
      add(da, x, to: &gradient.weights.input, row: i)
      gradient.weights.bias[i] += da
      guard i < step.recurrentSum.count else {
        add(da, step.reset[...], to: &gradient.weights.recurrent, row: i)
        continue
      }
      let du = step.recurrentSum[i]
      add(du, previous.hidden[...], to: &gradient.weights.recurrent, row: i)
      if weights.cell == .gru { gradient.weights.recurrentBias[i] += du }
    }
  }
}

/// Which part of a sentence a query looks at: Luong, Pham, Manning 2015, §3.1 and §3.2.
///
/// A window acts together with the ``Mask``, and only what lies in it is computed.
public enum Window: Sendable, Equatable {
  /// All positions.
  case global
  /// "local-m", monotonic alignment: the positions `t − radius ≤ i ≤ t + radius`.
  case monotonic(radius: Int)
  /// "local-p", predictive alignment: the positions `|i − p_t| ≤ radius`, whose weights are then multiplied by
  /// `exp(−(i − p_t)² / 2σ²)` with `σ = radius / 2` (equation 10) and not normalised again.
  ///
  /// The centres p are real numbers, [B, heads, Tq], or [B, Tq] for all heads, where Tq is the longest sentence's in a packed
  /// batch; ``PositionPredictor`` makes them, and the backward returns their gradient. It cannot be combined with a mask that
  /// is a window.
  case predictive(centres: Tensor, radius: Int)
}

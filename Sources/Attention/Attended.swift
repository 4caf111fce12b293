import Foundation

/// What attention returns, with all that its backward needs.
public struct Attended: Sendable {
  /// The weighted sums of the values, laid out as the queries: [B, Tq, heads · D], [B, heads, Tq, D] or [Σ lengths, heads · D].
  public let context: Tensor
  /// The weights when they were asked for, the window's Gaussian included and dropout not: [B, Tq, Tk] for one head,
  /// [B, heads, Tq, Tk] for several or for queries of rank 4. Masked ones are exactly 0.
  public let alignment: Tensor?

  /// What the kernels ran on: queries and keys as the score projected them.
  let call: AttentionCall
  /// The largest score and Σ exp(score − largest), [B, heads, Tq, 2].
  let statistics: Tensor
  /// As they were given.
  let queries, keys: AttentionOperand
  let maker: any AttentionFunction.Type

  init(
    _ call: AttentionCall, queries: AttentionOperand, keys: AttentionOperand, alignment: Bool,
    maker: any AttentionFunction.Type
  ) {
    self.call = call
    self.queries = queries
    self.keys = keys
    self.maker = maker
    (context, self.alignment, statistics) = call.forward(alignment: alignment)
  }

  /// log Σ_i exp(e_ti) over the keys that a query attends to, [B, Tq] or [B, heads, Tq]; −∞ where there are none.
  public var logSumExp: Tensor {
    let result = Tensor(uninitialized: call.alignmentShape.dropLast())
    let pairs = statistics.storage.pointer
    for row in 0..<result.count {
      result.storage.pointer[row] = pairs[2 * row] + log(pairs[2 * row + 1])
    }
    return result
  }

  /// How far the scores have come.
  public enum ScoreStage: Sendable, CaseIterable {
    /// As the score's formula gives them, its scale included.
    case raw
    /// After the softcap.
    case capped
    /// After bias and masks, as the softmax takes them: −∞ where masked.
    case masked
  }

  /// The scores themselves, computed anew, shaped as ``alignment``. In a packed batch queries beyond a sentence have 0, keys
  /// beyond it 0, or −∞ once they are masked.
  public func scores(at stage: ScoreStage) -> Tensor { call.scores(at: stage) }
}

/// The gradients of attention's input.
public struct AttentionGradients: Sendable {
  /// Shaped as the queries, keys and values.
  public let queries, keys, values: Tensor
  /// Of the mask's bias, in its shape, when it is learned.
  public let bias: Tensor?
  /// Of the window's centres, in their shape, when they are predicted.
  public let centres: Tensor?
}

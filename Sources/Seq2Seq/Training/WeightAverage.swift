import Attention

extension Parameterized {
  /// Moves every parameter by a share, 0 to 1, of its distance to another's: self += share · (other − self).
  mutating func move(toward other: Self, share: Float) {
    let targets = other.parameters.map(\.tensor)
    var index = 0
    forEachParameter(prefix: "") { _, parameter in
      parameter.move(toward: targets[index], share: share)
      index += 1
    }
  }
}

/// The exponential moving average of a model's weights over its updates (Polyak & Juditsky 1992), which wanders less than the
/// weights themselves:
///
///     a_u = d_u a_{u−1} + (1 − d_u) w_u      d_u = min(decay, (1 + u) / (10 + u))
///
/// The growing d_u forgets the first, random weights.
struct WeightAverage {
  let decay: Float
  var network: EncoderDecoder

  /// - Parameter update: counts from 1
  mutating func add(_ weights: EncoderDecoder, update: Int) {
    let young = Float(1 + update) / Float(10 + update)
    network.move(toward: weights, share: 1 - min(decay, young))
  }
}

// Vectors of length 1, and the way of gradients through them.

/// Norms below this count as this: a vector of zeros has no direction rather than NaN.
private let leastNorm = 1e-8

extension Matrix {
  /// Every row of x over its norm: x̂ = x / max(‖x‖, 10⁻⁸).
  package func setNormalized(_ x: Matrix) {
    precondition(columnStride == 1 && x.columnStride == 1 && x.rows == rows && x.columns == columns)
    for row in 0..<rows {
      let (from, to) = (x.pointer + row * x.rowStride, pointer + row * rowStride)
      let norm = max(innerProduct(from, from, count: columns).squareRoot(), leastNorm)
      setScaled(to, from, by: Float(1 / norm), count: columns)
    }
  }

  /// Inverts ``setNormalized(_:)``: dx = (dx̂ − x̂ x̂ᵀdx̂) / ‖x‖. A row whose gradient is zero, as that of a masked key is, stays zero,
  /// whatever x holds there.
  package func setNormalizationGradient(_ dnormalized: Matrix, of x: Matrix) {
    precondition(columnStride == 1 && dnormalized.columnStride == 1 && x.columnStride == 1)
    precondition(x.rows == rows && x.columns == columns)
    precondition(dnormalized.rows == rows && dnormalized.columns == columns)
    for row in 0..<rows {
      let (dy, from) = (dnormalized.pointer + row * dnormalized.rowStride, x.pointer + row * x.rowStride)
      let dx = pointer + row * rowStride
      if (0..<columns).allSatisfy({ dy[$0] == 0 }) {
        dx.update(repeating: 0, count: columns)
        continue
      }
      let square = innerProduct(from, from, count: columns)
      let norm = max(square.squareRoot(), leastNorm)
      // A norm that counts as the least one does not depend on the row.
      let along = norm > leastNorm ? innerProduct(from, dy, count: columns) / square : 0
      setScaled(dx, dy, by: Float(1 / norm), adding: from, times: Float(-along / norm), count: columns)
    }
  }
}

extension Tensor {
  /// g v̂ = g v / max(‖v‖, 10⁻⁸) of a vector v: the weight normalisation of Salimans, Kingma 2016 (equation 2).
  package func normed(gain: Float) -> Tensor {
    let result = Tensor(uninitialized: shape)
    setScaled(result.storage.pointer, storage.pointer, by: Float(Double(gain) / norm), count: count)
    return result
  }

  /// Inverts w = g v̂: dg = v̂ᵀ dw, dv = g / ‖v‖ · (dw − v̂ v̂ᵀ dw).
  package func normedGradient(_ dw: Tensor, gain: Float) -> (v: Tensor, gain: Float) {
    let (norm, v) = (norm, storage.pointer)
    let along = innerProduct(v, dw.storage.pointer, count: count) / norm
    let scale = Double(gain) / norm
    let result = Tensor(uninitialized: shape)
    setScaled(
      result.storage.pointer, dw.storage.pointer, by: Float(scale), adding: v,
      times: norm > leastNorm ? Float(-scale * along / norm) : 0, count: count)
    return (result, Float(along))
  }

  private var norm: Double {
    max(innerProduct(storage.pointer, storage.pointer, count: count).squareRoot(), leastNorm)
  }
}

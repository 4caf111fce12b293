/// How far layer normalisation may be off: the rows of the table of tolerances for it, whose bounds need the data.
///
/// To first order in u = 2⁻²⁴, n columns, z = x + residual, a = mean |z|, s = √(σ² + ε), N_j = (z_j − μ) / s:
///
/// - z rounds once, its mean in n − 1 sums and a quotient, so that the mean is off by at most (n + 1) u a, and a
///   deviation, which rounds once more, by e_j = u ((n + 1) a + |z_j| + |z_j − μ|).
/// - With E the root of the mean of e², σ² is off by at most 2 σ E (Cauchy–Schwarz) and (n + 2) u σ² (squares, n − 1 sums, a
///   quotient), s² by a sum's u more, and 1 / s, whose root and quotient round too, by the part
///   ρ = E / s + (n + 7) / 2 u.
/// - y passes a product with 1 / s, one with the gain and a sum: |gain| (e_j / s + |N_j| ρ) + 2 u |gain N_j| + u |y|.
///
/// The backward meets N_j, off by ν_j = e_j / s + |N_j| ρ + u |N_j|, and g = gain dy, off by u |g|:
///
/// - mean(g) is off by p = (n + 1) u mean |g|, mean(g N) by q = mean(|g| ν) + (n + 3) u mean |g N|;
/// - dx = dz + (g − mean(g) − N mean(g N)) / s by what the three terms are off by and four roundings:
///
///       (u |g| + p + u |g − mean(g)| + |N| q + |mean(g N)| (ν + u |N|) + u |dx s|) / s + (ρ + u) |dx| + u |dz + dx|
/// - dbias sums its R rows and what was there before, each in R + 2 sums at most: (R + 4) u Σ |dy|; so does
///   dgain, of dy N: (R + 4) u Σ |dy N| + Σ |dy| ν.
public struct LayerNormTolerance {
  public let y, dx, gain, bias: Tolerance

  /// - Parameters:
  ///   - z: x + residual, [rows, columns], exactly.
  ///   - dz: The gradient of the sum from elsewhere; zeros where there is none.
  ///   - gainBefore: What dgain and dbias held before, [columns].
  public init(
    z: [Double], columns: Int, gain: [Double], bias: [Double], epsilon: Double, dy: [Double],
    dz: [Double], gainBefore: [Double], biasBefore: [Double]
  ) {
    let rows = columns == 0 ? 0 : z.count / columns
    let (n, u, sums) = (Double(columns), Tolerance.u, Double(rows + 4) * Tolerance.u)
    var (y, dx): ([Double], [Double]) = ([], [])
    var (dgain, dbias) = (gainBefore.map { sums * abs($0) }, biasBefore.map { sums * abs($0) })
    for row in 0..<rows {
      let at = row * columns..<(row + 1) * columns
      let line = Array(z[at])
      func mean(_ value: (Int) -> Double) -> Double { line.indices.reduce(0) { $0 + value($1) } / n }
      let (centre, magnitude) = (mean { line[$0] }, mean { abs(line[$0]) })
      let deviation = line.map { $0 - centre }
      let s = (mean { deviation[$0] * deviation[$0] } + epsilon).squareRoot()
      let e = line.indices.map { u * ((n + 1) * magnitude + abs(line[$0]) + abs(deviation[$0])) }
      let part = mean { e[$0] * e[$0] }.squareRoot() / s + (n + 7) / 2 * u
      let normal = deviation.map { $0 / s }
      let off = line.indices.map { e[$0] / s + abs(normal[$0]) * (part + u) }
      let g = line.indices.map { gain[$0] * dy[at.lowerBound + $0] }
      let (plain, along) = (mean { g[$0] }, mean { g[$0] * normal[$0] })
      let p = (n + 1) * u * mean { abs(g[$0]) }
      let q = mean { abs(g[$0]) * off[$0] } + (n + 3) * u * mean { abs(g[$0] * normal[$0]) }
      for j in 0..<columns {
        let (dy, dz) = (abs(dy[at.lowerBound + j]), dz[at.lowerBound + j])
        let value = gain[j] * normal[j]
        y.append(abs(gain[j]) * off[j] + u * (abs(value) + abs(value + bias[j])))
        let three = g[j] - plain - normal[j] * along
        let terms = u * (abs(g[j]) + abs(g[j] - plain) + abs(normal[j] * along) + abs(three)) + p
        let means = abs(normal[j]) * q + abs(along) * off[j]
        dx.append(
          (terms + means) / s + (part + u) * abs(three / s) + u * abs(dz + three / s))
        dgain[j] += sums * dy * abs(normal[j]) + dy * off[j]
        dbias[j] += sums * dy
      }
    }
    func tolerance(_ bounds: [Double]) -> Tolerance {
      // What is left out is smaller by n u mean |z| / s.
      Tolerance(name: "layer normalisation's bound") { index, _ in 1.01 * bounds[index] + Tolerance.underflow
      }
    }
    self.y = tolerance(y)
    self.dx = tolerance(dx)
    self.gain = tolerance(dgain)
    self.bias = tolerance(dbias)
  }
}

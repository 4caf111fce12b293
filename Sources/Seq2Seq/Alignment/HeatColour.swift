import Foundation

/// The colours of a heat map: white for 0 to dark blue for 1.
enum HeatColour {
  /// The colour of a weight in `0...1` as `#rrggbb`.
  ///
  /// Equal steps of the weight are equal steps of lightness to the eye: the ramp is drawn in OKLab (Ottosson 2020) and only
  /// then made sRGB.
  static func hex(_ weight: Double) -> String {
    let lightness = 1 - 0.72 * weight
    let chroma = 0.12 * sin(.pi * pow(weight, 0.8)) + 0.05 * weight
    let (a, b) = (chroma * cos(255 * .pi / 180), chroma * sin(255 * .pi / 180))
    let l = pow(lightness + 0.3963377774 * a + 0.2158037573 * b, 3)
    let m = pow(lightness - 0.1055613458 * a - 0.0638541728 * b, 3)
    let s = pow(lightness - 0.0894841775 * a - 1.2914855480 * b, 3)
    let linear = [
      4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
      -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
      -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    ]
    let bytes = linear.map { channel in
      let curved = channel <= 0.0031308 ? 12.92 * channel : 1.055 * pow(channel, 1 / 2.4) - 0.055
      return Int((min(max(curved, 0), 1) * 255).rounded())
    }
    return "#" + bytes.map { String(format: "%02x", $0) }.joined()
  }

  /// Whether text on the colour of a weight must be light to be read.
  static func isDark(_ weight: Double) -> Bool { weight > 0.45 }
}

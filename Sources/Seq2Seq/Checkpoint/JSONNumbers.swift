import Foundation

extension JSONEncoder {
  /// Writes measurements, keys sorted. JSON has no number for what a model that has diverged gives: that is written as the string "NaN",
  /// "Infinity" or "-Infinity".
  static func measurements(_ formatting: OutputFormatting = []) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union(.sortedKeys)
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    return encoder
  }
}

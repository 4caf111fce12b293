import Foundation

/// Numbers as people read them, the same in every locale.
enum Format {
  /// 12345 as 12,345.
  static func count(_ number: Int) -> String {
    var digits = String(number.magnitude)
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.append(digits.suffix(3))
      digits = String(digits.dropLast(3))
    }
    groups.append(digits[...])
    return (number < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
  }

  /// "1 line", "2 lines".
  static func count(_ number: Int, _ noun: String) -> String {
    "\(count(number)) \(noun)\(number == 1 ? "" : "s")"
  }

  /// 0.98765 as 98.77 %.
  static func percent(_ share: Double) -> String { decimals(100 * share, 2) + " %" }

  static func decimals(_ number: Double, _ digits: Int) -> String {
    String(format: "%.\(digits)f", number)
  }

  /// A log-probability, in nats.
  static func score(_ score: Float) -> String { decimals(Double(score), 6) }

  /// A number of tokens a second, rounded.
  static func speed(_ tokensPerSecond: Double) -> String {
    tokensPerSecond.isFinite ? "\(count(Int(min(tokensPerSecond, 1e15)))) tokens/s" : "– tokens/s"
  }

  /// 75 as 1:15, 3675 as 1:01:15.
  static func time(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "–" }
    let whole = Int(seconds.rounded(.up))
    let rest = String(format: "%02d", whole % 60)
    guard whole >= 3600 else { return "\(whole / 60):\(rest)" }
    return "\(whole / 3600):\(String(format: "%02d", whole / 60 % 60)):\(rest)"
  }

  /// An argument as a shell reads it back.
  static func shell(_ argument: String) -> String {
    let plain = argument.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./:=+,@%".utf8.contains(byte)
      }
    }
    if plain && !argument.isEmpty { return argument }
    return "'" + argument.replacingOccurrences(of: "'", with: "'\\''") + "'"
  }

  /// A command line as a shell reads it back, with this program as the user called it.
  static func command(_ arguments: [String]) -> String {
    ([CommandLine.arguments.first ?? "attend"] + arguments).map(shell).joined(separator: " ")
  }
}

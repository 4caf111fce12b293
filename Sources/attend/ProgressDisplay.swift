/// Progress on standard error: on a terminal one line that is rewritten in place, otherwise a plain line now and then.
struct ProgressDisplay {
  /// Rewriting more often is only flicker.
  private static let redraw = Duration.milliseconds(100)
  private static let line = Duration.seconds(10)
  private static let widestBar = 30

  private let isSilent: Bool
  private let rewrites = Console.canRewrite
  private let clock = ContinuousClock()
  private var last: ContinuousClock.Instant
  private var isShown = false

  init(quiet: Bool) {
    isSilent = quiet
    last = clock.now
  }

  /// Shows how far things are, unless that was shown a moment ago.
  ///
  /// - Parameters:
  ///   - label: stands before the bar, `details` behind it
  ///   - fraction: `0...1`
  mutating func show(_ label: String, fraction: Double, details: String) {
    let pause = rewrites ? Self.redraw : Self.line
    guard !isSilent, clock.now - last >= pause || fraction == 1 && rewrites else { return }
    last = clock.now
    if rewrites {
      Console.transient("\r" + Self.bar(label, fraction, details, columns: Console.columns) + "\u{1B}[K")
      isShown = true
    } else {
      Console.note("\(label) \(Self.percent(fraction))  \(details)")
    }
  }

  /// Takes the bar away, so that a line can stand in its place.
  mutating func clear() {
    if isShown { Console.transient("\r\u{1B}[K") }
    isShown = false
  }

  private static func percent(_ fraction: Double) -> String { "\(Int(100 * fraction)) %" }

  /// A line that leaves the last columns free, so that a ^C that the terminal shows does not wrap: on a narrow terminal
  /// first the bar gives way, then the end of the text.
  private static func bar(_ label: String, _ fraction: Double, _ details: String, columns: Int) -> String {
    let text = "\(percent(fraction))  \(details)"
    let width = columns - 3
    let room = min(width - label.count - text.count - 2, widestBar)
    guard room >= 5 else { return String("\(label) \(text)".prefix(max(width, 0))) }
    let full = Int(Double(room) * fraction)
    let bar = String(repeating: "█", count: full) + String(repeating: "░", count: room - full)
    return "\(label) \(bar) \(text)"
  }
}

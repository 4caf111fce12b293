import Foundation

/// What the measurements of one case come to: how many times as fast the best instruction set is as all else.
struct Ratios {
  private let measurements: [Measurement]
  /// The best set: sets are measured slowest first.
  let best: String
  let threads: [Int]

  init(_ measurements: [Measurement]) {
    self.measurements = measurements
    best = measurements.last { $0.isSet }?.path ?? ""
    threads = Set(measurements.map(\.threads)).sorted()
  }

  private func measurement(_ path: String, threads: Int) -> Measurement? {
    measurements.first { $0.path == path && $0.threads == threads }
  }

  func seconds(_ path: String, threads: Int) -> Double? { measurement(path, threads: threads)?.wholeSeconds }

  func seconds(threads: Int) -> Double? { seconds(best, threads: threads) }

  /// The best set's share of the machine's measured peak.
  func ofPeak(threads: Int) -> Double? { measurement(best, threads: threads)?.ofPeak }

  /// The other sets, slowest first.
  var lesserSets: [String] {
    measurements.filter { $0.isSet && $0.path != best && $0.threads == threads[0] }.map(\.path)
  }

  /// Each peer's fastest form, the fastest peer first.
  func rivals(threads: Int) -> [Measurement] {
    let theirs = measurements.filter { $0.peer != nil && $0.threads == threads }
      .sorted { $0.wholeSeconds < $1.wholeSeconds }
    var seen: Set<Peer> = []
    return theirs.filter { measurement in measurement.peer.map { seen.insert($0).inserted } ?? false }
  }

  /// How many times as fast ours is as each peer's fastest form: "1.31 × PyTorch (packed)".
  func overRivals(threads: Int) -> [String] {
    rivals(threads: threads).compactMap { rival in
      guard let ratio = over(rival.path, threads: threads), let peer = rival.peer else { return nil }
      let form = rival.path.dropFirst(peer.rawValue.count + 1)
      return "\(ratio.ratio) × \(peer.name)" + (form.isEmpty ? "" : " (\(form))")
    }
  }

  func over(_ path: String, threads: Int = 1) -> Double? {
    guard let theirs = seconds(path, threads: threads), let ours = seconds(threads: threads) else {
      return nil
    }
    return theirs / ours
  }

  /// How many times as fast the best set is on so many threads as on one.
  func scaling(to threads: Int) -> Double? {
    guard threads != 1, let one = seconds(threads: 1), let many = seconds(threads: threads) else {
      return nil
    }
    return one / many
  }

  var sentences: [String] {
    let others = ([Measurement.naive] + lesserSets).compactMap { path in
      over(path).map { "\($0.ratio) × \(path)" }
    }
    var result = others.isEmpty ? [] : ["on 1 thread, \(best) is \(others.joined(separator: ", "))"]
    result += threads.compactMap { count in
      scaling(to: count).map { "\(threadCount(count)) are \($0.ratio) × as fast as one" }
    }
    result += threads.compactMap { count in
      let ratios = overRivals(threads: count)
      return ratios.isEmpty ? nil : "on \(threadCount(count)), ours is \(ratios.joined(separator: ", "))"
    }
    return result
  }
}

/// All cases' ratios as a table in Markdown.
struct RatioTable {
  let text: String

  init(_ report: Report) {
    let threads = Set(report.measurements.map(\.threads)).sorted()
    let sets = report.names.first.map { report.ratios($0).lesserSets } ?? []
    var header = ["case"] + threads.map { "ms, \(threadCount($0))" }
    header += (["naive"] + sets).map { "× \($0)" }
    header += threads.filter { $0 != 1 }.map { "× 1 thread, on \($0)" }
    header += threads.map { "% of peak, \(threadCount($0))" }
    if report.peer != nil { header += threads.map { "peers, \(threadCount($0))" } }
    header += ["extra MiB"] + (report.peer == nil ? [] : ["the fastest peer's"])

    let rows = report.names.map { name in
      let ratios = report.ratios(name)
      var row =
        [name]
        + threads.map { count in ratios.seconds(threads: count).map { (1000 * $0).formatted(3) } ?? "" }
      row += (["naive"] + sets).map { ratios.over($0)?.ratio ?? "" }
      row += threads.filter { $0 != 1 }.map { ratios.scaling(to: $0)?.ratio ?? "" }
      row += threads.map { ratios.ofPeak(threads: $0).map { (100 * $0).formatted(0) } ?? "" }
      if report.peer != nil {
        row += threads.map { ratios.overRivals(threads: $0).joined(separator: ", ") }
      }
      let memory = report.memory[name] ?? [:]
      row.append(memory[Measurement.ours].map(mebibytes) ?? "")
      if report.peer != nil {
        let fastest = ratios.rivals(threads: threads.last!).first?.path ?? ""
        row.append(memory[fastest].map(mebibytes) ?? "")
      }
      return row
    }
    let widths = header.indices.map { i in (rows + [header]).map { $0[i].count }.max()! }
    func line(_ cells: [String]) -> String {
      let padded = cells.enumerated().map {
        $0.offset == 0 ? $0.element.padded(widths[0]) : $0.element.aligned(widths[$0.offset])
      }
      return "| " + padded.joined(separator: " | ") + " |"
    }
    let rule = widths.enumerated().map {
      String(repeating: "-", count: $0.element - 1) + ($0.offset == 0 ? "-" : ":")
    }
    text = ([line(header), line(rule)] + rows.map(line)).joined(separator: "\n")
  }
}

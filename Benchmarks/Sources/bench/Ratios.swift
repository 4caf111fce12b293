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

  func seconds(_ path: String, threads: Int) -> Double? {
    measurements.first { $0.path == path && $0.threads == threads }?.wholeSeconds
  }

  func seconds(threads: Int) -> Double? { seconds(best, threads: threads) }

  /// The other sets, slowest first.
  var lesserSets: [String] {
    measurements.filter { $0.isSet && $0.path != best && $0.threads == threads[0] }.map(\.path)
  }

  /// PyTorch's fastest form.
  func torch(threads: Int) -> Measurement? {
    measurements.filter { $0.isTorch && $0.threads == threads }.min { $0.wholeSeconds < $1.wholeSeconds }
  }

  /// Its name in brackets, where it has one.
  func form(threads: Int) -> String {
    let name = torch(threads: threads)?.path.dropFirst(Measurement.torch("").count + 1) ?? ""
    return name.isEmpty ? "" : " (\(name))"
  }

  /// How many times as fast ours is as PyTorch's fastest form.
  func overTorch(threads: Int) -> Double? {
    guard let theirs = torch(threads: threads), let ours = seconds(threads: threads) else { return nil }
    return theirs.wholeSeconds / ours
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
      overTorch(threads: count).map { ratio in
        "on \(threadCount(count)), ours is \(ratio.ratio) × as fast as PyTorch\(form(threads: count))"
      }
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
    if report.peer != nil { header += threads.map { "× PyTorch, \(threadCount($0))" } }
    header += ["extra MiB"] + (report.peer == nil ? [] : ["PyTorch's"])

    let rows = report.names.map { name in
      let ratios = report.ratios(name)
      var row =
        [name]
        + threads.map { count in ratios.seconds(threads: count).map { (1000 * $0).formatted(3) } ?? "" }
      row += (["naive"] + sets).map { ratios.over($0)?.ratio ?? "" }
      row += threads.filter { $0 != 1 }.map { ratios.scaling(to: $0)?.ratio ?? "" }
      if report.peer != nil {
        row += threads.map { count in
          ratios.overTorch(threads: count).map { $0.ratio + ratios.form(threads: count) } ?? ""
        }
      }
      let memory = report.memory[name] ?? [:]
      row.append(memory[Measurement.ours].map(mebibytes) ?? "")
      if report.peer != nil {
        let fastest = ratios.torch(threads: threads.last!)?.path ?? ""
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

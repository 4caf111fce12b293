import Foundation
import Seq2Seq
import Testing

@Suite struct DateCorpusTests {
  @Test func trainingAndHeldShareNothing() throws {
    let corpus = try DateCorpus.make(seed: 7)
    #expect(corpus.training.count == 10_000 && corpus.held.count == 1_000)
    #expect(Set(corpus.training.map(\.source)).isDisjoint(with: corpus.held.map(\.source)))
    #expect(Set(corpus.training.map(\.target)).isDisjoint(with: corpus.held.map(\.target)))
    #expect(Set((corpus.training + corpus.held).map(\.target)).count == 11_000)
  }

  @Test func theSeedDecides() throws {
    let (a, b) = (
      try DateCorpus.make(training: 50, held: 5, seed: 1), try DateCorpus.make(training: 50, held: 5, seed: 1)
    )
    #expect(
      a.training.map(\.source) == b.training.map(\.source) && a.held.map(\.source) == b.held.map(\.source))
    #expect(
      try DateCorpus.make(training: 50, held: 5, seed: 2).training.map(\.source) != a.training.map(\.source))
  }

  /// All days of a hundred years, each in one of its spellings: no spelling stands for two days, and an
  /// independent reader of the documented conventions finds the same day.
  @Test func everySpellingNamesOneDay() throws {
    var days: [String: String] = [:]
    for seed: UInt64 in 1...2 {
      let pairs = try DateCorpus.make(training: 36_525, held: 0, seed: seed).training
      #expect(Set(pairs.map(\.target)).count == 36_525)
      for pair in pairs {
        #expect(days.updateValue(pair.target, forKey: pair.source) ?? pair.target == pair.target)
        if iso(pair.source) != pair.target { Issue.record("\(pair) reads as \(iso(pair.source))") }
      }
    }
    #expect(days.values.min() == "1950-01-01" && days.values.max() == "2049-12-31")
  }

  /// Day, month and year of a spelling, by the documented conventions.
  private func iso(_ text: String) -> String {
    let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
    let weekdays: Set = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    var parts = text.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    parts.removeAll { weekdays.contains(String($0.prefix(3))) || $0 == "the" || $0 == "of" }
    if parts.count == 1 {
      parts = [parts[0].prefix(4), parts[0].dropFirst(4).prefix(2), parts[0].suffix(2)].map { String($0) }
    }
    var month: Int?
    if let place = parts.firstIndex(where: { months.contains(String($0.prefix(3))) }) {
      month = months.firstIndex(of: String(parts.remove(at: place).prefix(3)))! + 1
    }
    var numbers = parts.compactMap { part in Int(part.prefix { $0.isNumber }) }
    if numbers[0] > 31 { numbers.reverse() }
    let year = numbers.last!
    let century = year >= 100 ? 0 : year >= 50 ? 1900 : 2000
    return String(format: "%04d-%02d-%02d", century + year, month ?? numbers[1], numbers[0])
  }

  /// Weekdays against Foundation's calendar.
  @Test func weekdaysAreRight() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = TimeZone(identifier: "UTC")!
    let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    var checked = 0
    for pair in try DateCorpus.make(training: 5_000, held: 0, seed: 3).training {
      guard let place = names.firstIndex(of: String(pair.source.lowercased().prefix(3))) else { continue }
      let numbers = pair.target.split(separator: "-").map { Int($0)! }
      let date = calendar.date(from: DateComponents(year: numbers[0], month: numbers[1], day: numbers[2]))!
      #expect(calendar.component(.weekday, from: date) == place + 1, "\(pair)")
      checked += 1
    }
    #expect(checked > 500)
  }

  @Test func usesManySpellings() throws {
    let shapes = try DateCorpus.make(seed: 1).training.map { pair in
      String(pair.source.map { $0.isNumber ? "0" : $0.isUppercase ? "A" : $0.isLetter ? "a" : $0 })
    }
    #expect(Set(shapes).count > 200)
    #expect(shapes.contains("0000-00-00") && shapes.contains("00000000") && shapes.contains("0.0.00"))
  }

  @Test(arguments: [(-1, 1), (1, -1), (36_000, 1_000), (Int.max, 1), (1, Int.max), (36_526, 0)])
  func refusesImpossibleNumbers(training: Int, held: Int) throws {
    let error = #expect(throws: DateCorpusError.self) { try DateCorpus.make(training: training, held: held) }
    let text = try #require(error).description
    #expect(text.contains("36525"), "\(text)")
  }

  @Test func writesCorpusFiles() throws {
    try withTemporaryFolder { folder in
      let (training, held) = (
        folder.appendingPathComponent("train.tsv"), folder.appendingPathComponent("held.tsv")
      )
      let corpus = try DateCorpus.make(training: 30, held: 10)
      try corpus.write(training: training, held: held)
      for (file, pairs) in [(training, corpus.training), (held, corpus.held)] {
        let read = try ParallelCorpus(
          contentsOf: file, source: .characters, target: .characters, maximumLength: 60)
        #expect(read.pairs.map { $0.source.joined() } == pairs.map(\.source))
        #expect(read.pairs.map { $0.target.joined() } == pairs.map(\.target))
      }
    }
  }
}

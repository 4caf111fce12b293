import Foundation
import Seq2Seq
import Testing

/// The HTML page of alignments.
@Suite struct AlignmentPageTests {
  private static func pictures() throws -> [AlignmentPicture] {
    [
      try AlignmentPicture(
        source: ["the", "black", "cat"], target: ["le", "chat", "noir"],
        weights: [[0.9, 0.06, 0.04], [0.1, 0.2, 0.7], [0, 0.75, 0.25]]),
      try AlignmentPicture(
        source: ["<script>alert(1)</script>", "\"'&amp;"], target: ["\u{1B}]]>", "&"],
        weights: [[.nan, 1], [0.5, 0.5]]),
    ]
  }

  @Test func holdsTokensAndPercentages() throws {
    let page = try PageReader(Self.pictures().html(title: "a < b & c"))
    #expect(page.texts["title"] == ["a < b & c"] && page.texts["h1"] == ["a < b & c"])
    let tokens = [
      "the", "black", "cat", "le", "chat", "noir", "<script>alert(1)</script>", "\"'&amp;", "␛]]>", "&",
    ]
    #expect(page.texts["span"] == tokens)
    #expect(page.texts["th"] == tokens)
    let cells = page.texts["td"]?.filter { !$0.isEmpty }
    #expect(cells == "90 6 4 10 20 70 0 75 25 0 100 50 50".split(separator: " ").map(String.init))
    #expect(page.texts["script"]?.count == 1)
  }

  @Test func anEmptyPageIsAPageToo() throws {
    let empty = try AlignmentPicture(source: [], target: [], weights: [])
    #expect(try PageReader([AlignmentPicture]().html()).texts["span"] == nil)
    #expect(try PageReader([empty].html()).texts["td"] == [""])
  }

  private static let noBrowser: Comment = "no Chromium on the path; install it with apt-get install chromium"

  private func open(script: Bool = true, _ body: (Browser) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let page = folder.appending(path: "page.html")
      try Data(Self.pictures().html().utf8).write(to: page)
      let browser = try Browser(page, in: folder, script: script)
      defer { browser.close() }
      try body(browser)
    }
  }

  /// The backgrounds of the tokens of a line, of the whole page.
  private func colours(_ line: String, _ browser: Browser) throws -> [String] {
    try browser.texts(
      "[...document.querySelectorAll('.\(line) span')].map(e => getComputedStyle(e).backgroundColor)")
  }

  /// As `colours`, of one row of the first table.
  private func cells(row: Int, _ browser: Browser) throws -> [String] {
    try browser.texts(
      "[...document.querySelectorAll('tbody tr')[\(row)].querySelectorAll('td')].map(e => getComputedStyle(e).backgroundColor)"
    )
  }

  private let dim = "rgba(0, 0, 0, 0)"

  @Test(.enabled(if: Browser.executable != nil, noBrowser))
  func pointingAtATargetLightsItsSources() throws {
    try open { browser in
      #expect(try colours("source", browser) == Array(repeating: dim, count: 5))
      try browser.point(at: ".target span:nth-child(2)")
      let chat = try cells(row: 1, browser)
      #expect(Set(chat).count == 3)
      #expect(try colours("source", browser) == chat + [dim, dim])
      #expect(
        try browser.value("document.querySelector('.said').textContent") as? String
          == "chat: cat 70 %, black 20 %, the 10 %")
      // A row of the table says the same as its token.
      try browser.point(at: "tbody tr:nth-child(3) th")
      #expect(try colours("source", browser) == cells(row: 2, browser) + [dim, dim])
      // And a source token lights the targets that looked at it: a column.
      try browser.point(at: ".source span:nth-child(1)")
      let column = try (0..<3).map { try cells(row: $0, browser)[0] }
      #expect(try colours("target", browser) == column + [dim, dim])
      #expect(try colours("source", browser) == Array(repeating: dim, count: 5))
      try browser.moveMouse(x: 1, y: 1)
      #expect(try colours("target", browser) == Array(repeating: dim, count: 5))
      #expect(try browser.value("document.querySelector('.said').textContent") as? String == "")
    }
  }

  @Test(.enabled(if: Browser.executable != nil, noBrowser))
  func theKeyboardReachesEveryTarget() throws {
    try open { browser in
      for row in 0..<5 {
        try browser.pressTab()
        let lit = try cells(row: row, browser)
        let expected = row < 3 ? lit + [dim, dim] : [dim, dim, dim] + lit
        #expect(try colours("source", browser) == expected, "row \(row)")
      }
      // Pointing elsewhere goes before, and when it ends the focus shows again.
      let focused = try colours("source", browser)
      try browser.point(at: "section:nth-of-type(2) .target span:nth-child(1)")
      #expect(try colours("source", browser) != focused)
      try browser.moveMouse(x: 1, y: 1)
      #expect(try colours("source", browser) == focused)
    }
  }

  @Test(.enabled(if: Browser.executable != nil, noBrowser))
  func asksForNothingAndBreaksNothing() throws {
    try open { browser in
      try browser.point(at: ".target span:nth-child(2)")
      let asked = browser.events.filter { $0.method == "Network.requestWillBeSent" }
      #expect(asked.count == 1, "\(asked)")
      #expect(
        !browser.events.contains {
          $0.method == "Runtime.exceptionThrown" || $0.method == "Page.javascriptDialogOpening"
        })
      let tokens = try browser.texts("[...document.querySelectorAll('span')].map(e => e.textContent)")
      #expect(tokens.suffix(4) == ["<script>alert(1)</script>", "\"'&amp;", "␛]]>", "&"])
    }
  }

  @Test(.enabled(if: Browser.executable != nil, noBrowser))
  func isReadWithoutScripts() throws {
    try open(script: false) { browser in
      #expect(try browser.value("document.querySelector('.help').hidden") as? Bool == true)
      let text = try browser.value("document.body.innerText") as? String ?? ""
      for part in ["the black cat", "le chat noir", "chat\t10\t20\t70"] {
        #expect(text.contains(part), "'\(part)' is not in: \(text)")
      }
      // The numbers of a row show when it is pointed at.
      let colour = "getComputedStyle(document.querySelectorAll('tbody tr')[1].querySelector('td')).color"
      #expect(try browser.value(colour) as? String == dim)
      try browser.point(at: "tbody tr:nth-child(2) th")
      #expect(try browser.value(colour) as? String != dim)
    }
  }
}

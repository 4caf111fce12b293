import Foundation
import Seq2Seq
import Testing

/// Subwords as part of a tokenization and of a model; that they are cut as subword-nmt cuts them is in the parity tests.
@Suite struct SubwordsTests {
  private let codes = BytePairEncoding(
    learning: [["lower", "lower", "newer", "newer", "wider"], ["low", "low"]], merges: 6)
  private let others = BytePairEncoding(learning: [["slow", "slow", "new"]], merges: 2)
  private var subwords: Tokenization { Tokenization(.whitespace, subwords: .bytePairs(codes)) }

  @Test func textComesBack() {
    let tokenization = Tokenization(.whitespace, lowercase: true, subwords: .bytePairs(codes))
    let texts = [
      "", "lower", "slow é e\u{301} wide-ranging 👩‍👩‍👧!", "x", "東京 low", "@ @x x@",
      // Characters that take in what follows or what stands before them.
      "a\u{600}b \u{600}", "a\u{200D}b x\u{301}\u{301}",
    ]
    for text in texts {
      let tokens = tokenization.tokens(of: text.uppercased())
      #expect(tokens.allSatisfy { !$0.isEmpty })
      #expect(tokenization.text(of: tokens) == text)
      #expect(tokenization.units(of: tokens) == Tokenization.whitespace.tokens(of: text))
      #expect(tokenization.units(of: text.uppercased()) == Tokenization.whitespace.tokens(of: text))
    }
    #expect(tokenization.tokens(of: "Slower") == ["s@@", "lower"])
  }

  /// What a model makes may stop within a word.
  @Test func aWordThatIsNotEnded() {
    #expect(subwords.text(of: ["lo@@", "w", "sl@@", "o@@"]) == "low slo")
    #expect(subwords.text(of: []) == "")
  }

  @Test func withoutAnyMerge() {
    let none = BytePairEncoding(learning: [["ab"]], merges: 10)
    #expect(none.count == 0 && none.subwords(of: "abc") == ["a", "b", "c"])
    #expect(none.subwords(of: "") == [])
    #expect(BytePairEncoding(learning: [[String]](), merges: 5) == none)
  }

  @Test(arguments: [
    ("#version: 0.2\nt h\ne r\nlonely\n", "line 4 is no merge"), ("t h\na b c\n", "line 2 is no merge"),
    ("#version: 0.2\nt h\n\na b\n", "line 3 is no merge"), ("#version: 0.3\nt h\n", "version '0.3'"),
    ("", "it is empty"), (" \n\r\n", "it is empty"),
  ])
  func refusesWhatIsNoCodesFile(content: String, problem: String) throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "codes")
      try Data(content.utf8).write(to: file)
      let error = #expect(throws: CheckpointError.self) { try Subwords(contentsOf: file) }
      let text = try #require(error).description
      #expect(text.contains(file.path) && text.contains(problem), "\(text)")
      try Data([0xFF, 0x20, 0x61]).write(to: file)
      #expect(throws: CheckpointError.malformed(file: file.path, problem: "not UTF-8")) {
        try Subwords(contentsOf: file)
      }
    }
  }

  /// White space around lines and blank lines at the end are no merges.
  @Test func readsWhatSubwordNMTReads() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "codes")
      try Data("#version: 0.2\r\na b \r\n ab c</w>\r\n\r\n\n".utf8).write(to: file)
      let codes = try BytePairEncoding(contentsOf: file)
      #expect(codes.count == 2 && codes.subwords(of: "xabc") == ["x", "abc"])
      let copy = folder.appending(path: "copy")
      try codes.write(to: copy)
      #expect(try Data(contentsOf: copy) == Data(contentsOf: file))
    }
  }

  /// U+06DD and the space after it are one character, which no white space cuts.
  @Test func learnsFromWordsThatHoldSpaces() {
    let text = "\u{06DD} x\u{06DD} x"
    for unit in [Tokenization.whitespace, .words] {
      let words = unit.tokens(of: text)
      #expect(words.contains { $0.unicodeScalars.contains(" ") })
      let codes = BytePairEncoding(learning: [words, words], merges: 9)
      for word in words { #expect(codes.subwords(of: word).joined() == word) }
    }
  }

  @Test func survivesJSON() throws {
    let data = try JSONEncoder().encode(subwords)
    #expect(try JSONDecoder().decode(Tokenization.self, from: data) == subwords)
    let older = Data(#"{"unit": "words", "lowercase": true}"#.utf8)
    #expect(try JSONDecoder().decode(Tokenization.self, from: older) == Tokenization(.words, lowercase: true))
    let damaged = Data(#"{"unit": "words", "lowercase": true, "subwords": {"file": "YSBiIGM="}}"#.utf8)
    #expect(throws: DecodingError.self) { try JSONDecoder().decode(Tokenization.self, from: damaged) }
  }

  /// Tokens to learn and to judge the model by, and beside them the words as they stand in the file.
  @Test func aCorpusKeepsTheWordsOfItsTargets() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "corpus.tsv")
      try Data("lower\tslower  x@@ y\tlow\nlower\tlow\n".utf8).write(to: file)
      func corpus(_ target: Tokenization) throws -> ParallelCorpus {
        try ParallelCorpus(contentsOf: file, source: subwords, target: target, maximumLength: 9)
      }
      let example = try #require(try corpus(subwords).examples.first)
      #expect(example.source == ["lower"])
      #expect(example.targets == [["s@@", "lower", "x@@", "@@@", "@", "y"], ["lo@@", "w"]])
      #expect(example.references == [["slower", "x@@", "y"], ["low"]])
      #expect(try corpus(.whitespace).examples.first?.references == example.references)
    }
  }

  private func model(source: Tokenization, target: Tokenization) throws -> TranslationModel {
    let corpus = ParallelCorpus(pairs: [
      .init(source: source.tokens(of: "lower"), target: target.tokens(of: "slow newer")),
      .init(source: source.tokens(of: "low"), target: target.tokens(of: "slower")),
    ])
    return try TranslationModel(
      .luong(embedding: 4, hidden: 6, maximumLength: 50), corpus: corpus, source: source, target: target,
      seed: 3)
  }

  @Test func staysWithItsModel() throws {
    for (source, target) in [(subwords, subwords), (.characters, subwords), (subwords, .words)] {
      let model = try model(source: source, target: target)
      try withTemporaryFolder { folder in
        try model.write(to: folder)
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files.contains("source.subwords") == (source.subwords != nil))
        #expect(files.contains("target.subwords") == (target.subwords != nil))
        let read = try TranslationModel(contentsOf: folder)
        #expect(read.source == source && read.target == target)
        for name in files where name.hasSuffix(".subwords") {
          let file = folder.appending(path: name)
          // The file is subword-nmt's.
          #expect(try Data(contentsOf: file) == Data(codes.codes.utf8))
          // Codes that lack a line are codes too, but not the model's.
          let shorter = codes.codes.split(separator: "\n").dropLast().joined(separator: "\n")
          for damage in [nil, Data("x".utf8), Data(shorter.utf8)] {
            try FileManager.default.removeItem(at: file)
            try damage?.write(to: file)
            let error = #expect(throws: CheckpointError.self) { try TranslationModel(contentsOf: folder) }
            let expected: CheckpointError =
              damage == nil
              ? .missing(file: file.path)
              : .malformed(file: file.path, problem: "it is not what the model was trained with")
            #expect(error == expected)
            try Data(codes.codes.utf8).write(to: file)
          }
        }
      }
    }
  }

  /// Words are right or wrong, not their parts: whatever the model says, the rates are those of its text.
  @Test func evaluationCountsWords() throws {
    let model = try model(source: subwords, target: subwords)
    let text = "lower"
    let output = try #require(try model.translate(text).first)
    let said = Tokenization.whitespace.tokens(of: output.text)
    #expect(output.tokens.count > said.count, "\(output.tokens)")
    let accepted = [["slow", "newer"], ["low"]]
    var expected = Evaluation.Accumulator()
    expected.add(hypothesis: said, targets: accepted)
    func evaluation(_ accepted: [[String]]) throws -> Evaluation {
      let pairs = accepted.map { words in
        ParallelCorpus.Pair(
          source: subwords.tokens(of: text), target: subwords.tokens(of: words.joined(separator: " ")),
          reference: words)
      }
      return try model.evaluate(ParallelCorpus(pairs: pairs).examples)
    }
    let found = try evaluation(accepted)
    let wanted = expected.evaluation(crossEntropy: 0, seconds: 0)
    #expect(found.tokenErrorRate == wanted.tokenErrorRate && found.bleu == wanted.bleu)
    #expect(found.exactMatch == wanted.exactMatch)
    // The cross entropy and the speed are of the model's own tokens.
    let scores = try model.score(
      accepted.map { words in
        (subwords.tokens(of: text), subwords.tokens(of: words.joined(separator: " ")))
      })
    let means = scores.map { -$0.total / Float($0.logProbabilities.count) }
    #expect(means.contains { abs(Double($0) - found.crossEntropy) < 1e-5 })
    #expect(abs(found.tokensPerSecond * found.seconds - Double(output.tokens.count)) < 1e-6)
    // The right words in other parts are right.
    #expect(try evaluation([said]).exactMatch == 1)
  }

  /// Into a place for a whole word goes a whole one, and not the part of it that was looked at.
  @Test func unknownWordsAreCopiedWhole() throws {
    let options = DecodingOptions(beam: 12, unknown: UnknownReplacement(dictionary: ["slow": "lent"]))
    for (target, copies) in [
      (Tokenization.words, ["slower", "lent"]), (subwords, ["s@@", "lower", "lent"]),
      (Tokenization(.whitespace, subwords: .bytePairs(others)), ["slower", "lent"]),
    ] {
      let model = try model(source: subwords, target: target)
      let outputs = try model.translate("slower slow", options: options)
      let copied = outputs.flatMap { output in output.unknown.map { output.tokens[$0] } }
      #expect(copied.contains("lent") && copied.allSatisfy(copies.contains), "\(copied)")
    }
  }
}

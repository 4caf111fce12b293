import Foundation
import Seq2Seq
import Testing

/// What the training in PyTorch (Benchmarks/peers) says of recipes. Its own Python needs nothing but the standard library.
@Suite("The peer and recipes")
struct PeerRecipeTests {
  /// The first Python on the path; nil where there is none.
  private static let python: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return folders.map { "\($0)/python3" }.first(where: FileManager.default.isExecutableFile)
  }()

  private static let noPython: Comment = "no python3 on the path; install it with apt-get install python3"

  private static let peers = URL(filePath: #filePath)
    .deletingLastPathComponent().appending(path: "../../Benchmarks/peers").standardizedFileURL

  /// What the peer knows of a recipe that a training left: why it cannot train it, and names in its table that no such recipe has.
  private struct Answer: Decodable, Equatable {
    let problem: String?
    let strangers: [String]
  }

  private static let question = """
    import json, sys
    from recipe import DECODERS, KNOWN, leaves, problem
    recipe = json.load(open(sys.argv[1]))
    known = KNOWN | DECODERS[recipe["model"]["decoder"]]
    print(json.dumps({"problem": problem(recipe), "strangers": sorted(set(known) - set(dict(leaves(recipe))))}))
    """

  private func ask(_ recipe: Recipe) throws -> Answer {
    let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).json")
    defer { try? FileManager.default.removeItem(at: file) }
    try recipe.write(to: file)
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(filePath: try #require(Self.python))
    process.arguments = ["-B", "-c", Self.question, file.path]
    process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONPATH": Self.peers.path]) { $1 }
    process.standardOutput = output
    try process.run()
    let answer = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try JSONDecoder().decode(Answer.self, from: answer)
  }

  /// Every value of the usual recipes is in its table, and the table holds nothing else.
  @Test(
    .enabled(if: PeerRecipeTests.python != nil, noPython),
    arguments: [ModelConfiguration.luong(), .bahdanau()])
  func knowsWhatARecipeHolds(model: ModelConfiguration) throws {
    #expect(try ask(Recipe(model: model)) == Answer(problem: nil, strangers: []))
  }

  /// The recipes beside it are such.
  @Test(
    .enabled(if: PeerRecipeTests.python != nil, noPython),
    arguments: ["pronunciation", "translation"])
  func knowsItsOwnRecipes(name: String) throws {
    let file = Self.peers.appending(path: "../recipes/\(name).json")
    #expect(try ask(Recipe().laying(contentsOf: file)).problem == nil)
  }

  @Test(.enabled(if: PeerRecipeTests.python != nil, noPython))
  func namesWhatItDoesNotKnow() throws {
    let limits = Vocabulary.SideLimits(target: .init(maximumSize: 9))
    #expect(
      try ask(Recipe(vocabulary: limits)).problem
        == "PyTorch's side does not know vocabulary.target.maximumSize 9; expected null")
  }
}

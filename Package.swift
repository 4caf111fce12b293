// swift-tools-version: 6.2
import PackageDescription

// Tools version 6.2: from there on a package may use unsafeFlags and still be a dependency by version.
// -O3 stands in debug builds too: the kernels are what a user's debug build and the tests wait for.
let openMP: [CSetting] = [
  .unsafeFlags(["-O3", "-Wall", "-Wextra"]),
  .unsafeFlags(["-fopenmp"], .when(platforms: [.linux])),
  // Homebrew's libomp on Apple silicon (untested): `brew install libomp`.
  .unsafeFlags(
    ["-Xclang", "-fopenmp", "-I/opt/homebrew/opt/libomp/include"], .when(platforms: [.macOS])),
]

let package = Package(
  name: "swift-attention",
  platforms: [.macOS(.v15)],
  // The command `attend` is no product: SwiftPM makes every user resolve what any product needs, and a root package
  // builds its executables all the same. So users resolve nothing but this package.
  products: [
    .library(name: "Attention", targets: ["Attention"]),
    .library(name: "Seq2Seq", targets: ["Seq2Seq"]),
    .library(name: "AttentionReference", targets: ["AttentionReference"]),
    .library(name: "CKernels", targets: ["CKernels"]),
  ],
  // Off unless asked for (`--traits SentencePiece`): it links libsentencepiece (`apt-get install libsentencepiece-dev`;
  // on Apple silicon, untested, `brew install sentencepiece`). By path, as libomp:
  // a system library with `pkgConfig` warns wherever the tool pkg-config is missing, with the library there or not.
  traits: [.trait(name: "SentencePiece", description: "Reads SentencePiece's models of subwords.")],
  dependencies: [
    // The command line of `attend`.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    .target(
      name: "CKernels",
      path: "CKernels",
      cSettings: openMP,
      linkerSettings: [
        .linkedLibrary("omp5", .when(platforms: [.linux])),
        .linkedLibrary("m", .when(platforms: [.linux])),
        .linkedLibrary("omp", .when(platforms: [.macOS])),
        .unsafeFlags(["-L/opt/homebrew/opt/libomp/lib"], .when(platforms: [.macOS])),
      ]
    ),
    .target(name: "AttentionReference"),
    .target(name: "Attention", dependencies: ["CKernels"]),
    .target(
      name: "Seq2Seq",
      dependencies: [
        "Attention", .target(name: "CSentencePiece", condition: .when(traits: ["SentencePiece"])),
      ]
    ),
    .target(
      name: "CSentencePiece",
      cxxSettings: [
        .define("SENTENCEPIECE", .when(traits: ["SentencePiece"])),
        .unsafeFlags(
          ["-I/opt/homebrew/opt/sentencepiece/include"],
          .when(platforms: [.macOS], traits: ["SentencePiece"])),
      ],
      linkerSettings: [
        .linkedLibrary("sentencepiece", .when(traits: ["SentencePiece"])),
        .unsafeFlags(
          ["-L/opt/homebrew/opt/sentencepiece/lib"], .when(platforms: [.macOS], traits: ["SentencePiece"])),
      ]
    ),
    .executableTarget(
      name: "attend",
      dependencies: [
        "Seq2Seq", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .testTarget(name: "AttentionReferenceTests", dependencies: ["AttentionReference"]),
    .testTarget(
      name: "AttentionTests", dependencies: ["Attention", "AttentionReference", "CKernels", "TestSupport"]),
    .testTarget(
      name: "Seq2SeqTests", dependencies: ["Seq2Seq", "Attention", "AttentionReference", "TestSupport"]),
    .testTarget(name: "AttendTests", dependencies: ["attend", "Seq2Seq"]),
    .testTarget(
      name: "ParityTests",
      dependencies: ["Seq2Seq", "Attention", "AttentionReference", "TestSupport"],
      path: "Tests/Parity",
      exclude: [
        "make_fixtures.py", "make_onnx_fixtures.py", "make_optimizer_fixtures.py",
        "make_sentencepiece_fixture.py", "make_subword_fixtures.py", "rounding_noise.py", "torch_models.py",
      ],
      resources: [.copy("Fixtures")]
    ),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11,
  cxxLanguageStandard: .cxx17
)

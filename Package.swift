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
  products: [
    .library(name: "Attention", targets: ["Attention"]),
    .library(name: "Seq2Seq", targets: ["Seq2Seq"]),
    .library(name: "AttentionReference", targets: ["AttentionReference"]),
    .executable(name: "attend", targets: ["attend"]),
  ],
  dependencies: [
    // The command line of `attend`. Users of the libraries do not resolve it.
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    // `Real`, so that AttentionReference is written once for Float and Double.
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
  ],
  targets: [
    .target(
      name: "CKernels",
      path: "CKernels",
      cSettings: openMP,
      linkerSettings: [
        .linkedLibrary("omp5", .when(platforms: [.linux])),
        .linkedLibrary("omp", .when(platforms: [.macOS])),
        .unsafeFlags(["-L/opt/homebrew/opt/libomp/lib"], .when(platforms: [.macOS])),
      ]
    ),
    .target(
      name: "AttentionReference",
      dependencies: [.product(name: "RealModule", package: "swift-numerics")]
    ),
    .target(name: "Attention", dependencies: ["CKernels"]),
    .target(name: "Seq2Seq", dependencies: ["Attention"]),
    .executableTarget(
      name: "attend",
      dependencies: [
        "Seq2Seq", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that users of swift-attention never resolve what only benchmarks need.
let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "swift-attention", path: ".."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    // What the machine can do at best: loops that only multiply and add, or only move data.
    .target(name: "CPeak", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra"])]),
    .executableTarget(
      name: "bench",
      dependencies: [
        "CPeak",
        .product(name: "CKernels", package: "swift-attention"),
        .product(name: "Attention", package: "swift-attention"),
        .product(name: "AttentionReference", package: "swift-attention"),
        .product(name: "Seq2Seq", package: "swift-attention"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

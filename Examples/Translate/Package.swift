// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Translate",
  platforms: [.macOS(.v15)],
  dependencies: [
    // In a package of yours: .package(url: "…/swift-attention", branch: "main")
    .package(name: "swift-attention", path: "../..")
  ],
  targets: [
    .executableTarget(
      name: "Translate",
      dependencies: [
        .product(name: "Attention", package: "swift-attention"),
        .product(name: "Seq2Seq", package: "swift-attention"),
      ]
    )
  ]
)

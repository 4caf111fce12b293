import Attention
import Foundation
import Seq2Seq
import Testing

/// What another program computed: NAME.json and NAME.safetensors of the folder Fixtures.
struct Fixture<Description: Decodable> {
  let description: Description
  let tensors: [String: Tensor]

  init(_ name: String) throws {
    let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
    let json = try Data(contentsOf: folder.appending(path: "\(name).json"))
    description = try JSONDecoder().decode(Description.self, from: json)
    tensors = try Safetensors(contentsOf: folder.appending(path: "\(name).safetensors")).tensors
  }

  /// The tensors PREFIX.P by their names P.
  func tensors(_ prefix: String) -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: tensors.compactMap { name, tensor in
        name.hasPrefix(prefix + ".") ? (String(name.dropFirst(prefix.count + 1)), tensor) : nil
      })
  }
}

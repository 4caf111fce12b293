import Attention
import Foundation

/// Named tensors and notes in one file, in the safetensors format, float32 only.
///
///     8 bytes   N, the length of the header, little-endian
///     N bytes   JSON {"__metadata__": {name: text},
///                     name: {"dtype": "F32", "shape": [..], "data_offsets": [from, to]}, ..}
///     the rest  the tensors' elements, row-major and little-endian, one after another without a gap
///
/// What is written is the same for the same content: names stand in the order of their UTF-8 bytes, and
/// spaces pad the header so that the elements start at a multiple of 8. Not-a-number and infinities are kept
/// to the bit.
public struct Safetensors: Sendable, Equatable {
  public var tensors: [String: Tensor]
  public var metadata: [String: String]

  public init(tensors: [String: Tensor], metadata: [String: String] = [:]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// The name that the format keeps for ``metadata``.
  private static let metadataKey = "__metadata__"
  /// The format's own limit on the length of a header.
  private static let maximumHeader = 100_000_000
}

// MARK: - Writing

extension Safetensors {
  /// Writes the file, atomically.
  ///
  /// - Throws: ``CheckpointError/unwritable(file:reason:)``, also for a tensor named `__metadata__`.
  public func write(to url: URL) throws(CheckpointError) {
    guard tensors[Self.metadataKey] == nil else {
      throw .unwritable(file: url.path, reason: "no tensor may be named '\(Self.metadataKey)'")
    }
    let sorted = tensors.sorted { Self.precedes($0.key, $1.key) }
    let header = Self.header(of: sorted, metadata)
    try AtomicFile.write(to: url) { file throws(CheckpointError) in
      try Self.write(header, sorted.map(\.value), to: file)
    }
  }

  private static func write(_ header: Data, _ tensors: [Tensor], to file: borrowing AtomicFile)
    throws(CheckpointError)
  {
    var length = UInt64(header.count).littleEndian
    try file.write(Data(bytes: &length, count: MemoryLayout<UInt64>.size))
    try file.write(header)
    for tensor in tensors {
      try tensor.withUnsafePointer { elements throws(CheckpointError) in
        try file.write(UnsafeRawBufferPointer(UnsafeBufferPointer(start: elements, count: tensor.count)))
      }
    }
  }

  private static func header(of sorted: [(key: String, value: Tensor)], _ metadata: [String: String]) -> Data
  {
    var entries: [String] = []
    if !metadata.isEmpty {
      let notes = metadata.sorted { precedes($0.key, $1.key) }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      entries.append("\"\(metadataKey)\":{\(notes.joined(separator: ","))}")
    }
    var offset = 0
    for (name, tensor) in sorted {
      let end = offset + tensor.count * MemoryLayout<Float>.size
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      entries.append(
        "\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    let json = Data("{\(entries.joined(separator: ","))}".utf8)
    return json + Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
  }

  private static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  /// The text as a JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

// MARK: - Reading

extension Safetensors {
  /// Reads a file and checks all of it: that the header is sound, and that the tensors tile the data without
  /// a gap, an overlap or a rest.
  ///
  /// - Throws: ``CheckpointError``.
  public init(contentsOf url: URL) throws(CheckpointError) {
    self = try Reader(file: url.path, bytes: try CheckpointError.read(url)).safetensors()
  }

  private struct Entry: Decodable {
    var dtype: String
    var shape: [Int]
    var dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }

  /// Metadata and tensors are values of one JSON object, told apart by the key alone.
  private struct Header: Decodable {
    var entries: [String: Entry] = [:]
    var metadata: [String: String] = [:]

    struct Name: CodingKey {
      var stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Name.self)
      for name in container.allKeys {
        if name.stringValue == metadataKey {
          metadata = try container.decode([String: String].self, forKey: name)
        } else {
          entries[name.stringValue] = try container.decode(Entry.self, forKey: name)
        }
      }
    }
  }

  private struct Reader {
    let file: String
    let bytes: Data

    func safetensors() throws(CheckpointError) -> Safetensors {
      let start = try headerEnd()
      let header = try header(bytes[8..<start])
      let data = bytes[start...]
      var tensors: [String: Tensor] = [:]
      var offset = 0
      // An empty tensor takes no room, so it stands before the tensor that starts at the same offset.
      let sorted = header.entries.sorted {
        $0.value.dataOffsets.lexicographicallyPrecedes($1.value.dataOffsets)
      }
      for (name, entry) in sorted {
        let count = try elementCount(name, entry)
        let length = count.multipliedReportingOverflow(by: MemoryLayout<Float>.size)
        let end = offset.addingReportingOverflow(length.partialValue)
        guard !length.overflow, !end.overflow, entry.dataOffsets == [offset, end.partialValue] else {
          throw malformed(
            "'\(name)' of shape \(entry.shape) has the offsets \(entry.dataOffsets); "
              + "it should start at \(offset) and take 4 bytes an element")
        }
        guard end.partialValue <= data.count else {
          throw malformed("'\(name)' ends at byte \(end.partialValue) of the data, which has \(data.count)")
        }
        tensors[name] = tensor(data.dropFirst(offset).prefix(length.partialValue), entry.shape)
        offset = end.partialValue
      }
      guard offset == data.count else {
        throw malformed("\(data.count - offset) bytes follow the last tensor")
      }
      return Safetensors(tensors: tensors, metadata: header.metadata)
    }

    private func headerEnd() throws(CheckpointError) -> Int {
      guard bytes.count >= 8 else {
        throw malformed("it has \(bytes.count) bytes, fewer than the 8 of the length")
      }
      let length = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      guard length <= UInt64(maximumHeader) else {
        throw malformed("the header's length is \(length), above the limit of \(maximumHeader)")
      }
      guard Int(length) <= bytes.count - 8 else {
        throw malformed("the header's length is \(length), and \(bytes.count - 8) bytes follow")
      }
      return 8 + Int(length)
    }

    private func header(_ json: Data) throws(CheckpointError) -> Header {
      guard json.first == UInt8(ascii: "{"), String(validating: json, as: UTF8.self) != nil else {
        throw malformed("the header is not a JSON object in UTF-8")
      }
      do {
        return try JSONDecoder().decode(Header.self, from: json)
      } catch {
        throw malformed("the header: \(CheckpointError.problem(error))")
      }
    }

    private func elementCount(_ name: String, _ entry: Entry) throws(CheckpointError) -> Int {
      guard entry.dtype == "F32" else {
        throw .unsupported(file: file, problem: "'\(name)' is of type \(entry.dtype), not F32")
      }
      var count = 1
      for extent in entry.shape {
        let product = count.multipliedReportingOverflow(by: extent)
        guard extent >= 0, !product.overflow else {
          throw malformed("'\(name)' has the shape \(entry.shape)")
        }
        count = product.partialValue
      }
      return count
    }

    private func tensor(_ data: Data, _ shape: [Int]) -> Tensor {
      var tensor = Tensor(zeros: shape)
      tensor.withUnsafeMutablePointer { elements in
        let target = UnsafeMutableRawBufferPointer(start: elements, count: data.count)
        _ = data.copyBytes(to: target)
      }
      return tensor
    }

    private func malformed(_ problem: String) -> CheckpointError { .malformed(file: file, problem: problem) }
  }
}

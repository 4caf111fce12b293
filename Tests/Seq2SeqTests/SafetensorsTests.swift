import Attention
import Foundation
import Seq2Seq
import Testing

@Suite struct SafetensorsTests {
  private func write(_ bytes: Data, _ check: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("model.safetensors")
      try bytes.write(to: file)
      try check(file)
    }
  }

  /// A file with this header and this many bytes of data.
  private func file(_ header: String, data: Int) -> Data {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) } + Data(header.utf8)
      + Data(count: data)
  }

  private func bits(_ tensor: Tensor?) -> [UInt32]? { tensor?.elements.map(\.bitPattern) }

  private let numbers: [Float] = [1.5, -2, 3, 0.25, .nan, .infinity]

  /// Made by Python's safetensors 0.8.0: `safetensors.numpy.save({"encoder.weight": [[1.5, -2, 3], [0.25,
  /// nan, inf]], "bias": [-0.0, 1e-45], "scalar": 7, "empty": zeros((0, 4))}, metadata={"format": "np",
  /// "größe": 'a "b"\n\\'})`, the arrays as float32.
  private let python = Data(
    base64Encoded: """
      MAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJncsO2w59lIjoiYSBcImJcIlxuXFwiLCJmb3JtYXQiOiJucCJ9LCJiaWFzIjp7ImR0eXBl\
      IjoiRjMyIiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMCw4XX0sImVtcHR5Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlswLDRd\
      LCJkYXRhX29mZnNldHMiOls4LDhdfSwiZW5jb2Rlci53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsM10sImRhdGFfb2Zm\
      c2V0cyI6WzgsMzJdfSwic2NhbGFyIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJkYXRhX29mZnNldHMiOlszMiwzNl19fSAgICAg\
      AAAAgAEAAAAAAMA/AAAAwAAAQEAAAIA+AADAfwAAgH8AAOBA
      """)!

  @Test func readsAFileThatPythonWrote() throws {
    try write(python) { file in
      let read = try Safetensors(contentsOf: file)
      #expect(read.metadata == ["format": "np", "größe": "a \"b\"\n\\"])
      #expect(
        read.tensors.mapValues(\.shape) == [
          "encoder.weight": [2, 3], "bias": [2], "scalar": [], "empty": [0, 4],
        ])
      #expect(bits(read.tensors["encoder.weight"]) == numbers.map(\.bitPattern))
      #expect(bits(read.tensors["bias"]) == [Float(-0.0), Float(1e-45)].map(\.bitPattern))
      #expect(read.tensors["scalar"]?.elements == [7])
    }
  }

  @Test func survivesAFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.safetensors")
      let tensors = [
        "b": try Tensor(numbers, shape: [3, 2]), "a/\"é\u{1}\\": try Tensor([42], shape: []),
        "none": Tensor(zeros: [2, 0]),
      ]
      let metadata = ["note": "tab\t\"\u{7F}日本\u{0}", "": ""]
      try Safetensors(tensors: tensors, metadata: metadata).write(to: file)
      let read = try Safetensors(contentsOf: file)
      #expect(read.metadata == metadata)
      #expect(read.tensors.mapValues(\.shape) == tensors.mapValues(\.shape))
      for (name, tensor) in tensors { #expect(bits(read.tensors[name]) == bits(tensor)) }

      let bytes = try Data(contentsOf: file)
      try read.write(to: file)
      #expect(try Data(contentsOf: file) == bytes)
    }
  }

  @Test func writesAlignedAndSorted() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.safetensors")
      let tensors = ["z": try Tensor([1], shape: [1]), "B": try Tensor([2, 3], shape: [1, 2])]
      try Safetensors(tensors: tensors, metadata: ["k": "v"]).write(to: file)
      let header =
        #"{"__metadata__":{"k":"v"},"B":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"#
        + #""z":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#
      let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
      #expect(
        try Data(contentsOf: file) == self.file(padded, data: 0)
          + Data([0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 63]))
    }
  }

  @Test func anEmptyFileOfTensorsIsLegal() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.safetensors")
      try Safetensors(tensors: [:]).write(to: file)
      #expect(try Safetensors(contentsOf: file) == Safetensors(tensors: [:]))
    }
  }

  @Test func refusesTheReservedName() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.safetensors")
      let error = #expect(throws: CheckpointError.self) {
        try Safetensors(tensors: ["__metadata__": Tensor(zeros: [1])]).write(to: file)
      }
      let text = try #require(error).description
      #expect(text.contains("__metadata__"), "\(text)")
      #expect(try names(in: folder) == [])
    }
  }

  private static func entry(_ name: String, _ shape: String, _ offsets: String, dtype: String = "F32")
    -> String
  {
    #""\#(name)":{"dtype":"\#(dtype)","shape":\#(shape),"data_offsets":\#(offsets)}"#
  }

  private static let unsound: [(header: String, data: Int, problem: String)] = [
    ("[1]", 4, "JSON object"), ("{", 4, "header"), ("", 0, "JSON object"), (#"{"a":1}"#, 4, "wrong type"),
    (#"{"a":{"dtype":"F32","shape":[1]}}"#, 4, "'data_offsets' is missing"),
    ("{\(entry("a", "[2]", "[0,4]"))}", 4, "4 bytes an element"),
    ("{\(entry("a", "[1]", "[0,4,8]"))}", 8, "offsets"), ("{\(entry("a", "[1]", "[0]"))}", 4, "offsets"),
    ("{\(entry("a", "[1]", "[4,0]"))}", 4, "offsets"), ("{\(entry("a", "[-1]", "[0,-4]"))}", 4, "shape [-1]"),
    ("{\(entry("a", "[4611686018427387904,2]", "[0,4]"))}", 4, "shape"),
    ("{\(entry("a", "[4611686018427387904]", "[0,4]"))}", 4, "4 bytes an element"),
    ("{\(entry("a", "[1e40]", "[0,4]"))}", 4, "header"),
    ("{\(entry("a", "[1]", "[4,8]"))}", 8, "start at 0"),
    ("{\(entry("a", "[1]", "[0,4]")),\(entry("b", "[1]", "[8,12]"))}", 12, "start at 4"),
    ("{\(entry("a", "[2]", "[0,8]")),\(entry("b", "[2]", "[4,12]"))}", 12, "start at 8"),
    ("{\(entry("a", "[2]", "[0,8]"))}", 7, "ends at byte 8 of the data, which has 7"),
    ("{\(entry("a", "[2]", "[0,8]"))}", 9, "1 bytes follow"), ("{}", 4, "4 bytes follow"),
    (#"{"__metadata__":{"a":1}}"#, 0, "wrong type"),
    ("{\(entry("a", "[1]", "[0,2]", dtype: "BF16"))}", 2, "is of type BF16, not F32"),
  ]

  @Test(arguments: unsound)
  func refusesAnUnsoundFile(header: String, data: Int, problem: String) throws {
    try write(file(header, data: data)) { file in
      let error = #expect(throws: CheckpointError.self) { try Safetensors(contentsOf: file) }
      let text = try #require(error).description
      #expect(text.contains(file.path) && text.contains(problem), "\(text)")
    }
  }

  @Test func refusesAHeaderThatIsNotUTF8() throws {
    var bytes = file(#"{"__metadata__":{"a":"x"}}"#, data: 0)
    bytes[bytes.firstIndex(of: UInt8(ascii: "x"))!] = 0xFF
    try write(bytes) { file in
      #expect(throws: CheckpointError.self) { try Safetensors(contentsOf: file) }
    }
  }

  @Test(arguments: [UInt64.max, 1 << 63, 100_000_001, 9])
  func refusesALengthBeyondTheFile(length: UInt64) throws {
    try write(withUnsafeBytes(of: length.littleEndian) { Data($0) } + Data("{}".utf8)) { file in
      let error = #expect(throws: CheckpointError.self) { try Safetensors(contentsOf: file) }
      let text = try #require(error).description
      #expect(text.contains("\(length)"), "\(text)")
    }
  }

  /// A file that was cut short anywhere is refused; one byte changed anywhere is refused or read, never a
  /// crash.
  @Test func neverTrustsATornFile() throws {
    try withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("a.safetensors")
      for length in 0..<python.count {
        try python.prefix(length).write(to: file)
        #expect(throws: CheckpointError.self, "cut to \(length) bytes") { try Safetensors(contentsOf: file) }
      }
      for index in python.indices {
        var bytes = python
        bytes[index] ^= 0x11
        try bytes.write(to: file)
        do throws(CheckpointError) {
          _ = try Safetensors(contentsOf: file)
        } catch {
          #expect(error.description.contains(file.path))
        }
      }
    }
  }
}

import Foundation

/// A value as JSON has it, to lay one over another and to compare two by name.
enum JSONValue: Codable, Equatable {
  case null
  case bool(Bool)
  case whole(Int64)
  /// A whole number above those of ``whole(_:)``.
  case large(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let found = try? value.decode(Bool.self) {
      self = .bool(found)
    } else if let found = try? value.decode(Int64.self) {
      self = .whole(found)
    } else if let found = try? value.decode(UInt64.self) {
      self = .large(found)
    } else if let found = try? value.decode(Double.self) {
      self = .number(found)
    } else if let found = try? value.decode(String.self) {
      self = .string(found)
    } else if let found = try? value.decode([JSONValue].self) {
      self = .array(found)
    } else {
      self = .object(try value.decode([String: JSONValue].self))
    }
  }

  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .null: try value.encodeNil()
    case .bool(let content): try value.encode(content)
    case .whole(let content): try value.encode(content)
    case .large(let content): try value.encode(content)
    case .number(let content): try value.encode(content)
    case .string(let content): try value.encode(content)
    case .array(let content): try value.encode(content)
    case .object(let content): try value.encode(content)
    }
  }

  /// Any value as its own coding writes it; what is no number in JSON becomes its name, and a property that is nil is null, so
  /// that it counts when it is laid over another.
  init(_ value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    self = try JSONDecoder().decode(JSONValue.self, from: encoder.encode(value)).naming(nilOf: value)
  }

  /// With null for every property of a value that is nil, which synthesized coding leaves out.
  private func naming(nilOf value: Any) -> JSONValue {
    guard case .object(var content) = self else { return self }
    for case (let key?, let property) in Mirror(reflecting: value).children {
      let mirror = Mirror(reflecting: property)
      if let known = content[key] {
        let inner = mirror.displayStyle == .optional ? mirror.children.first?.value ?? property : property
        content[key] = known.naming(nilOf: inner)
      } else if mirror.displayStyle == .optional {
        content[key] = .null
      }
    }
    return .object(content)
  }

  func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: JSONEncoder().encode(self))
  }

  subscript(key: String) -> JSONValue? {
    guard case .object(let content) = self else { return nil }
    return content[key]
  }

  /// This value with another one over it: objects key by key, all else replaced.
  func laid(under other: JSONValue) -> JSONValue {
    guard case .object(let below) = self, case .object(let above) = other else { return other }
    return .object(below.merging(above) { $0.laid(under: $1) })
  }

  /// What is not the same in another value, of objects key by key; keys that only the other has are left out.
  func differing(from other: JSONValue) -> JSONValue {
    guard case .object(let here) = self, case .object(let there) = other else { return self }
    var result: [String: JSONValue] = [:]
    for (key, value) in here where value != there[key] {
      result[key] = there[key].map { value.differing(from: $0) } ?? value
    }
    return .object(result)
  }

  func removing(_ keys: [String], from part: String) -> JSONValue {
    guard case .object(var content) = self, case .object(let inner) = content[part] else { return self }
    content[part] = .object(inner.filter { !keys.contains($0.key) })
    return .object(content)
  }

  /// Every value that is no object, under the names that lead to it, joined by dots.
  var leaves: [(path: String, value: JSONValue)] {
    guard case .object(let content) = self else { return [("", self)] }
    return content.flatMap { key, value in
      value.leaves.map { (path: $0.path.isEmpty ? key : key + "." + $0.path, value: $0.value) }
    }
  }
}

extension JSONValue: CustomStringConvertible {
  var description: String {
    switch self {
    case .null: "none"
    case .bool(let content): "\(content)"
    case .whole(let content): "\(content)"
    case .large(let content): "\(content)"
    case .number(let content): "\(content)"
    case .string(let content): content
    case .array(let content): "[" + content.map(\.description).joined(separator: ", ") + "]"
    case .object(let content): "{" + content.keys.sorted().joined(separator: ", ") + "}"
    }
  }
}

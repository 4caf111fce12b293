import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The texts of an XML document, and of an HTML page that is one too, by the names of their elements.
struct PageReader {
  let texts: [String: [String]]

  /// Fails where the document is not well formed.
  init(_ document: String) throws {
    let reader = ElementReader()
    let parser = XMLParser(data: Data(document.utf8))
    parser.delegate = reader
    try #require(parser.parse(), "\(String(describing: parser.parserError))")
    texts = reader.texts
  }
}

private final class ElementReader: NSObject, XMLParserDelegate {
  private(set) var texts: [String: [String]] = [:]
  /// The open elements, each with its place among those of its name.
  private var open: [(name: String, place: Int)] = []

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    texts[name, default: []].append("")
    open.append((name, texts[name]!.count - 1))
  }

  func parser(_ parser: XMLParser, foundCharacters text: String) {
    guard let (name, place) = open.last else { return }
    texts[name]![place] += text
  }

  func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?)
  {
    open.removeLast()
  }
}

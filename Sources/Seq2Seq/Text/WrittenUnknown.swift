/// `<unk>` in text: what stands there for a token that a model wrote as unknown.
///
/// While such a text is cut, or put together, one character stands for the five, so that no cut goes through them. It is one of
/// those that Unicode keeps for a program's own use, so that texts do not hold it.
enum WrittenUnknown {
  static let text = Vocabulary.reserved[Vocabulary.unknown]
  static let mark: Character = "\u{10FFFD}"

  static func marked(_ text: String) -> String { text.replacing(Self.text, with: String(mark)) }

  static func unmarked(_ text: String) -> String { text.replacing(String(mark), with: Self.text) }
}

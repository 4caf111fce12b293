/// The Levenshtein distance: the least number of insertions, deletions and substitutions that turn `a` into
/// `b`.
///
/// - Complexity: O(|a| · |b|) time, O(|b|) memory.
public func editDistance<Element: Equatable>(_ a: [Element], _ b: [Element]) -> Int {
  // row[j] is the distance between the elements of `a` seen so far and the first j of `b`.
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = i
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let substituted = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
    }
  }
  return row[b.count]
}

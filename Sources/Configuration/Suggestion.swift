/// Finds the word that was probably meant.
package enum Suggestion {
  /// `; did you mean 'upstream'?`, or nothing where no candidate is near enough.
  static func text(for word: String, among candidates: some Sequence<String>) -> String {
    guard let near = nearest(to: word, among: candidates) else { return "" }
    return "; did you mean '\(near)'?"
  }

  /// The candidate that at most a third of the letters (and at least one) separate from `word`.
  package static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    // Nobody mistypes a word of this length, and comparing takes the square of it; a number that
    // looks like another one says nothing about what was meant.
    guard word.utf8.count <= 64, word.first?.isNumber == false else { return nil }
    let letters = folded(word)
    let limit = max(1, letters.count / 3)
    var best: (word: String, distance: Int)?
    for candidate in candidates {
      let others = folded(candidate)
      guard abs(letters.count - others.count) <= limit else { continue }
      let distance = distance(letters, others)
      guard distance <= limit, distance < best?.distance ?? .max else { continue }
      best = (candidate, distance)
    }
    return best?.word
  }

  /// The candidate that the fewest letters separate from `word`, where those are at most half of it; for names
  /// and addresses of which one has to be meant.
  package static func closest(to word: String, among candidates: some Sequence<String>) -> String? {
    let letters = folded(word)
    guard letters.count <= closestBytesMax else { return nil }
    var best: (word: String, distance: Int)?
    for candidate in candidates {
      let others = folded(candidate)
      guard abs(letters.count - others.count) <= letters.count / 2 else { continue }
      let distance = distance(letters, others)
      if distance <= letters.count / 2, distance < best?.distance ?? .max {
        best = (candidate, distance)
      }
    }
    return best?.word
  }

  /// Comparing takes the square of it.
  private static let closestBytesMax = 256

  /// Lower case, and `-` as `_`: what is most often mixed up.
  private static func folded(_ word: String) -> [UInt8] {
    word.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
      case UInt8(ascii: "-"): UInt8(ascii: "_")
      default: byte
      }
    }
  }

  /// How many bytes must be put in, taken out, replaced or swapped with their neighbour.
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    if left.isEmpty || right.isEmpty { return max(left.count, right.count) }
    var before: [Int] = []
    var previous = Array(0...right.count)
    for row in 1...left.count {
      var current = [row]
      for column in 1...right.count {
        let same = left[row - 1] == right[column - 1]
        var least = min(
          previous[column] + 1, current[column - 1] + 1, previous[column - 1] + (same ? 0 : 1))
        if row > 1, column > 1, left[row - 1] == right[column - 2],
          left[row - 2] == right[column - 1]
        {
          least = min(least, before[column - 2] + 1)
        }
        current.append(least)
      }
      before = previous
      previous = current
    }
    return previous[right.count]
  }
}

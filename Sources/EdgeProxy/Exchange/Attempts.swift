/// The attempts of one exchange: the one under way, one beside it, and an answer that was kept.
struct Attempts {
  private(set) var first: Attempt?
  private(set) var beside: Attempt?
  /// Its answer is delivered if no better one comes.
  private(set) var kept: Attempt?

  /// Which of those under way it is; `nil` for one that nobody waits for any more.
  func which(_ attempt: Attempt) -> Tries.Which? {
    if attempt === first { return .first }
    return attempt === beside ? .beside : nil
  }

  mutating func begin(_ attempt: Attempt) { first = attempt }

  mutating func begin(beside attempt: Attempt) { beside = attempt }

  /// One is over; the other, if there is one, goes on alone.
  mutating func remove(_ which: Tries.Which) {
    if which == .first { first = beside }
    beside = nil
  }

  /// One has brought the answer that is delivered; returns the other, if there is one.
  mutating func win(_ which: Tries.Which) -> Attempt? {
    let loser = which == .first ? beside : first
    if which == .beside { first = beside }
    beside = nil
    return loser
  }

  /// One has brought an answer that is kept.
  mutating func keep(_ which: Tries.Which) {
    kept = which == .first ? first : beside
    remove(which)
  }

  /// The kept answer is the one that is delivered.
  mutating func takeKept() -> Attempt? {
    first = kept
    kept = nil
    return first
  }

  mutating func takeFirst() -> Attempt? {
    let attempt = first
    first = nil
    return attempt
  }

  mutating func takeBeside() -> Attempt? {
    let attempt = beside
    beside = nil
    return attempt
  }

  mutating func dropKept() -> Attempt? {
    let attempt = kept
    kept = nil
    return attempt
  }

  /// The blocks that answers are read into, in bytes.
  var inputBytes: Int {
    (first?.inputBytes ?? 0) + (beside?.inputBytes ?? 0) + (kept?.inputBytes ?? 0)
  }
}

/// When one set of names was issued lately; times are seconds since 1970.
///
/// Let's Encrypt issues the same names five times in a week, and a program that orders again and again has
/// a fault: the third order in a week needs a reason.
package struct IssuanceJournal: Codable, Sendable, Equatable {
  private var times: [Int64] = []

  package static let span: Int64 = 7 * 86_400
  package static let countMax = 2
  private static let kept = 50

  package init() {}

  package mutating func issued(at now: Int64) {
    times.removeAll { $0 <= now - Self.span || $0 > now }
    times.append(now)
    if times.count > Self.kept { times.removeFirst(times.count - Self.kept) }
  }

  /// From when on another order needs no reason: `now` where that is already so.
  package func opens(now: Int64) -> Int64 {
    let recent = times.filter { $0 > now - Self.span && $0 <= now }
    guard recent.count >= Self.countMax else { return now }
    return recent[recent.count - Self.countMax] + Self.span
  }

  /// Whether every certificate of the names and kind has been gone for so long that nothing needs to be kept.
  package func isEmpty(now: Int64) -> Bool { !times.contains { $0 > now - Self.span } }
}

/// When one set of names was issued lately; times are seconds since 1970.
///
/// Let's Encrypt issues the same names five times in a week, and a program that orders again and again has
/// a fault: the third order in a week needs a reason. Age is one where a CA issues for a day or less.
package struct IssuanceJournal: Codable, Sendable, Equatable {
  private var times: [Int64] = []

  package static let span = 7 * day
  private static let day: Int64 = 86_400
  /// Between two orders, however near the end of a certificate is.
  private static let shortest: Int64 = 10
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

  /// The same where the CA itself wants the renewal of a certificate that ends at `notAfter`: once a day is
  /// enough, or after a third of what was left of it when it was issued, though the CA may want more.
  package func opens(suggestedFor notAfter: Int64, now: Int64) -> Int64 {
    guard opens(now: now) > now, let last = times.filter({ $0 <= now }).max() else { return now }
    let (left, overflow) = max(last, notAfter).subtractingReportingOverflow(last)
    return max(now, last + (overflow ? Self.day : min(Self.day, max(Self.shortest, left / 3))))
  }

  /// The same for the renewal of the certificate that was issued last, which ends at `notAfter`: a third of what
  /// was left of it when it was issued has to be over.
  package func opens(renewing notAfter: Int64, now: Int64) -> Int64 {
    let opens = opens(now: now)
    guard let last = times.last(where: { $0 > now - Self.span && $0 <= now }), notAfter > last
    else { return opens }
    let (left, overflow) = notAfter.subtractingReportingOverflow(last)
    return overflow ? opens : min(opens, max(now, last + left / 3))
  }

  /// Whether every certificate of the names and kind has been gone for so long that nothing needs to be kept.
  package func isEmpty(now: Int64) -> Bool { !times.contains { $0 > now - Self.span } }
}

/// When a certificate is to be renewed; times are seconds since 1970.
package enum RenewalPlan {
  /// Certificates that live shorter than this are renewed at half of their lifetime, others at two thirds.
  private static let shortLife: Int64 = 10 * day
  private static let day: Int64 = 86_400
  /// How far certificates are spread around that time, in thousandths of the lifetime to each side.
  private static let spread: Int64 = 20
  /// A CA that wants a renewal later than this part of the lifetime before the end does not get it.
  private static let lastPart: Int64 = 12

  /// The time by the lifetime alone, spread by `seed` so that certificates of one day do not all come due
  /// in one minute; every server finds the same time.
  ///
  /// `part` is the part of the lifetime after which the operator wants it.
  package static func time(
    notBefore: Int64, notAfter: Int64, part: Double? = nil, seed: [UInt8]
  ) -> Int64 {
    let life = lifetime(notBefore, notAfter)
    let thousandths =
      part.map { Int64(min(0.99, max(0.01, $0.isNaN ? 0.5 : $0)) * 1000) }
      ?? (life < shortLife ? 500 : 667)
    let shift = Int64(hash(seed) % UInt64(2 * spread + 1)) - spread
    return notBefore + thousandth(life, thousandths + shift)
  }

  /// A time within the window that the CA suggests, RFC 9773 §4.2; `random` is below 1,000,000.
  ///
  /// A window that is over means now. One that is later than the last twelfth of the lifetime is not
  /// waited for.
  package static func time(
    window: ClosedRange<Int64>, notBefore: Int64, notAfter: Int64, random: UInt32
  ) -> Int64 {
    let (width, overflow) = window.upperBound.subtractingReportingOverflow(window.lowerBound)
    let length = overflow ? day * 365 : width
    let part = thousandth(length, Int64(random % 1_000_000) / 1000)
    let chosen = window.lowerBound.addingReportingOverflow(part)
    let latest = notAfter - lifetime(notBefore, notAfter) / lastPart
    return min(chosen.overflow ? latest : chosen.partialValue, latest)
  }

  /// When the CA is asked again for its window, by its Retry-After: within 1 hour and 1 day.
  package static func nextQuestion(after retry: Int64?, now: Int64) -> Int64 {
    now + min(day, max(3600, retry ?? day / 4))
  }

  private static func lifetime(_ notBefore: Int64, _ notAfter: Int64) -> Int64 {
    let (life, overflow) = notAfter.subtractingReportingOverflow(notBefore)
    return overflow ? 100 * 365 * day : max(0, life)
  }

  private static func thousandth(_ whole: Int64, _ count: Int64) -> Int64 {
    whole / 1000 * count + whole % 1000 * count / 1000
  }

  /// FNV-1a.
  private static func hash(_ bytes: [UInt8]) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

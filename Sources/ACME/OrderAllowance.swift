/// How many orders a CA still gets from one account: a count that fills up with time.
///
/// Let's Encrypt takes 300 orders in 3 hours, RFC 8555 §6.6 leaves the number to each CA. A part is left
/// to whatever else uses the account.
package struct OrderAllowance: Codable, Sendable, Equatable {
  private var left: Int64
  private var at: Int64

  private static let countMax: Int64 = 250
  private static let secondsEach: Int64 = 3 * 3600 / 250 + 1

  package init(now: Int64) {
    left = Self.countMax
    at = now
  }

  private func count(_ now: Int64) -> Int64 {
    let known = min(Self.countMax, max(0, left))
    return min(Self.countMax, known + min(Self.countMax, passed(now) / Self.secondsEach))
  }

  /// Seconds since `at`; none where that is in the future.
  private func passed(_ now: Int64) -> Int64 {
    let (passed, overflow) = now.subtractingReportingOverflow(at)
    return overflow ? (at < now ? .max : 0) : max(0, passed)
  }

  /// When another order may begin; `now` where that is at once.
  package func opens(now: Int64) -> Int64 {
    count(now) > 0 ? now : now + Self.secondsEach
  }

  package mutating func ordered(now: Int64) {
    left = max(0, count(now) - 1)
    // What has passed of the next one's time is kept.
    at = left >= Self.countMax - 1 ? now : now - passed(now) % Self.secondsEach
  }
}

internal import TLS

/// The time around a judgement in which it stays as it is: no certificate becomes valid or ends.
///
/// A clock that was wrong leaves it in either direction, so that what was refused then is judged again
/// once it is right.
package struct UnchangedTime: Sendable, Equatable {
  /// Seconds since 1970; `end` is the first one that is not in it any more.
  private var start = Int64.min
  private var end = Int64.max

  init() {}

  /// Takes in a certificate that was judged at `now`, seconds since 1970.
  mutating func consider(_ certificate: Certificate, now: Int64) {
    for change in [certificate.notBefore, certificate.notAfter + 1] {
      if change <= now { start = max(start, change) } else { end = min(end, change) }
    }
  }

  /// What both hold for.
  mutating func intersect(_ other: Self) {
    start = max(start, other.start)
    end = min(end, other.end)
  }

  package func contains(_ moment: Int64) -> Bool { start <= moment && moment < end }
}

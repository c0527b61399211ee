internal import Glibc

/// A point in time in nanoseconds since an arbitrary start; it never goes back.
///
/// Arithmetic saturates: what would lie beyond the type is its first or last instant, 292 years away.
/// Periods come from configuration, from etcd and from clocks, and none of them may end the process.
package struct Instant: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  package static func + (instant: Instant, duration: Duration) -> Instant {
    Instant(nanoseconds: instant.nanoseconds.saturatingAdd(duration.nanoseconds))
  }

  package static func - (left: Instant, right: Instant) -> Duration {
    .nanoseconds(left.nanoseconds.saturatingSubtract(right.nanoseconds))
  }

  /// The time from `start` to here, without the way through the 128 bits of a `Duration`.
  package func microseconds(since start: Instant) -> Int64 {
    nanoseconds.saturatingSubtract(start.nanoseconds) / 1000
  }
}

extension Int64 {
  /// The sum, or the end of the type that it would go beyond.
  package func saturatingAdd(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    // Two numbers whose sum does not fit have the same sign.
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  /// The difference, or the end of the type that it would go beyond.
  package func saturatingSubtract(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }
}

extension Duration {
  /// The whole duration in nanoseconds; what does not fit (292 years) is cut.
  package var nanoseconds: Int64 {
    // One division; `components` makes two of them and as many multiplications.
    Int64(clamping: attoseconds / 1_000_000_000)
  }
}

/// Where an event loop gets the time from.
package protocol MonotonicClock: AnyObject {
  var now: Instant { get }
}

/// `CLOCK_MONOTONIC`.
package final class SystemClock: MonotonicClock {
  package init() {}

  package var now: Instant {
    var time = timespec()
    // SAFETY: the kernel fills a value of this frame within the call.
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    // Since the machine started, with the clock of a time namespace at most 146 years off.
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}

/// A clock that stands still until a test moves it.
package final class ManualClock: MonotonicClock {
  package var now: Instant

  package init(_ start: Instant = Instant(nanoseconds: 1_000_000_000)) { now = start }

  package func advance(by duration: Duration) { now = now + duration }
}

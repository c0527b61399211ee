internal import Glibc

/// A point in time in nanoseconds since an arbitrary start; it never goes back.
package struct Instant: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  package static func + (instant: Instant, duration: Duration) -> Instant {
    Instant(nanoseconds: instant.nanoseconds + duration.nanoseconds)
  }

  package static func - (left: Instant, right: Instant) -> Duration {
    .nanoseconds(left.nanoseconds - right.nanoseconds)
  }

  /// The time from `start` to here, without the way through the 128 bits of a `Duration`.
  package func microseconds(since start: Instant) -> Int64 {
    (nanoseconds - start.nanoseconds) / 1000
  }
}

extension Duration {
  /// The whole duration in nanoseconds; what does not fit (292 years) is cut.
  package var nanoseconds: Int64 {
    // One division; `components` makes two of them and as many multiplications.
    Int64(exactly: attoseconds / 1_000_000_000) ?? Int64.max / 4
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
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Instant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
  }
}

/// A clock that stands still until a test moves it.
package final class ManualClock: MonotonicClock {
  package var now: Instant

  package init(_ start: Instant = Instant(nanoseconds: 1_000_000_000)) { now = start }

  package func advance(by duration: Duration) { now = now + duration }
}

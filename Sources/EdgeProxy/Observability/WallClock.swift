internal import EventLoop
internal import HTTPCore

/// The time of day, read once a turn at most and written out once a second.
struct WallClock {
  private(set) var seconds: Int64 = 0
  /// The present second as an HTTP date.
  private(set) var date: [UInt8] = []
  private var readAt = Instant(nanoseconds: .min)
  /// Microseconds since 1970.
  private(set) var microseconds: Int64 = 0

  /// Brings the clock up to date for a turn that began at `now`.
  mutating func update(_ now: Instant) {
    guard now != readAt else { return }
    readAt = now
    microseconds = WallTime.microseconds
    let present = microseconds / 1_000_000
    guard present != seconds || date.isEmpty else { return }
    seconds = present
    HTTPDate.format(seconds, into: &date)
  }
}

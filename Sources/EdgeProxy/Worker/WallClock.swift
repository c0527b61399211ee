internal import EventLoop
internal import Glibc
internal import HTTPCore

/// The time of day, read once a turn at most and written out once a second.
struct WallClock {
  private(set) var seconds: Int64 = 0
  /// The present second as an HTTP date.
  private(set) var date: [UInt8] = []
  private var readAt = Instant(nanoseconds: .min)
  private(set) var nanoseconds: Int64 = 0

  /// Brings the clock up to date for a turn that began at `now`.
  mutating func update(_ now: Instant) {
    guard now != readAt else { return }
    readAt = now
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    nanoseconds = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    guard Int64(time.tv_sec) != seconds || date.isEmpty else { return }
    seconds = Int64(time.tv_sec)
    HTTPDate.format(seconds, into: &date)
  }
}

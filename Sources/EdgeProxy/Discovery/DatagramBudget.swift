internal import EventLoop

/// So many at once and so many more each second.
struct DatagramBudget {
  struct Rate {
    let burst: Int64
    let perSecond: Int64
  }

  /// Datagrams that are read at all; the kernel drops the rest of a flood.
  static let reading = Rate(burst: 50_000, perSecond: 20_000)
  /// Datagrams of one source.
  static let source = Rate(burst: 20_000, perSecond: 2000)
  /// Signatures of sources that `allow` lists, and of all others together; one costs some 50 µs.
  static let verification = Rate(burst: 20_000, perSecond: 2000)

  private let rate: Rate
  private var left: Int64
  /// Nanoseconds.
  private var filledAt: Int64

  init(_ rate: Rate, now: Instant) {
    self.rate = rate
    left = rate.burst
    filledAt = now.nanoseconds
  }

  mutating func take(now: Instant) -> Bool {
    if left > 0 {
      left -= 1
      return true
    }
    fill(now)
    guard left > 0 else { return false }
    left -= 1
    return true
  }

  /// As many as it holds by now.
  mutating func fill(_ now: Instant) {
    let passed = min(max(0, now.nanoseconds - filledAt), 3_600_000_000_000)
    let more = passed / 1000 * rate.perSecond / 1_000_000
    guard more > 0 else { return }
    left = min(rate.burst, left + more)
    filledAt = now.nanoseconds
  }

  /// Whether nothing was taken for so long that a new one would be the same.
  mutating func isFull(_ now: Instant) -> Bool {
    fill(now)
    return left >= rate.burst
  }
}

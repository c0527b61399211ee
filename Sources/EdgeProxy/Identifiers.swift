import EventLoop
import Glibc
import HTTPCore

/// Pseudo-random numbers for spreading load and naming requests; nothing secret depends on them.
///
/// SplitMix64 (Steele, Lea, Flood 2014).
struct RandomSource {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A request's name: 128 bits in hexadecimal digits, into a buffer that is used again.
  mutating func nextIdentifier(into output: inout [UInt8]) {
    output.removeAll(keepingCapacity: true)
    for _ in 0..<2 {
      let number = next()
      for shift in stride(from: 60, through: 0, by: -4) {
        let digit = UInt8(number >> UInt64(shift) & 15)
        output.append(digit < 10 ? 48 + digit : 87 + digit)
      }
    }
  }
}

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

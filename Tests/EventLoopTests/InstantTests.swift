import EventLoop
import Testing

@Suite("Points in time at the ends of their type")
struct InstantTests {
  private static let edges: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]

  @Test(arguments: edges, edges)
  func `what would lie beyond the type is its first or last instant`(left: Int64, right: Int64) {
    let sum = Instant(nanoseconds: left) + .nanoseconds(right)
    let wide = Int128(left) + Int128(right)
    #expect(sum.nanoseconds == Int64(clamping: wide))
    let difference = Instant(nanoseconds: left) - Instant(nanoseconds: right)
    let apart = Int64(clamping: Int128(left) - Int128(right))
    #expect(difference == .nanoseconds(apart))
    let micro = Instant(nanoseconds: left).microseconds(since: Instant(nanoseconds: right))
    #expect(micro == apart / 1000)
  }

  @Test func `a period that does not fit keeps its sign`() {
    #expect(Duration.seconds(Int64.max).nanoseconds == .max)
    #expect(Duration.seconds(Int64.min).nanoseconds == .min)
    #expect(Duration.seconds(9_223_372_036).nanoseconds == 9_223_372_036_000_000_000)
    let later = Instant(nanoseconds: 5) + .seconds(Int64.max)
    #expect(later.nanoseconds == .max)
  }
}

@Suite("The time of day")
struct WallTimeTests {
  private static let clocks: [(Int64, Int64)] = [
    (.min, 0), (-1, 999_999_999), (0, 0), (.max, .max), (9_300_000_000, 0),
    (WallTime.secondsMax, 999_999_999), (WallTime.secondsMax + 1, -1),
  ]

  @Test(arguments: clocks)
  func `a clock that is wrong by any number of years lies within 1970 to 9999`(
    seconds: Int64, nanoseconds: Int64
  ) {
    let time = WallTime.microseconds(seconds: seconds, nanoseconds: nanoseconds)
    #expect((0...(WallTime.secondsMax * 1_000_000 + 999_999)).contains(time))
  }

  @Test func `a clock that is right is believed to the microsecond`() {
    #expect(
      WallTime.microseconds(seconds: 1_795_996_800, nanoseconds: 123_456_789)
        == 1_795_996_800_123_456)
    // After the last second that fits 64 bits of nanoseconds, in 2262.
    #expect(WallTime.microseconds(seconds: 9_223_372_037, nanoseconds: 0) == 9_223_372_037_000_000)
  }
}

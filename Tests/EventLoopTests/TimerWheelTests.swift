import Testing

@testable import EventLoop

private final class Target: TimerTarget {
  var fired: [TimerToken] = []
  func timerFired(_ token: TimerToken) { fired.append(token) }
}

@Suite("Timers")
struct TimerWheelTests {
  private let start = Instant(nanoseconds: 5_000_000_000)

  /// Everything that is due at `now`.
  private func due(_ wheel: inout TimerWheel, at now: Instant) -> Int {
    var count = 0
    while wheel.popDue(now: now) != nil { count += 1 }
    return count
  }

  @Test(arguments: [1, 8, 100, 1_000, 8_192, 10_000, 75_000, 600_000])
  func `a timer fires at most one tick late and never early`(milliseconds: Int) {
    var wheel = TimerWheel(now: start)
    _ = wheel.arm(Target(), at: start + .milliseconds(milliseconds))
    #expect(due(&wheel, at: start + .milliseconds(milliseconds) + .nanoseconds(-1)) == 0)
    #expect(due(&wheel, at: start + .milliseconds(milliseconds + 8)) == 1)
    #expect(wheel.count == 0)
  }

  @Test func `a cancelled timer does not fire, and its token stays harmless`() {
    var wheel = TimerWheel(now: start)
    let token = wheel.arm(Target(), at: start + .milliseconds(20))
    wheel.cancel(token)
    wheel.cancel(token)
    let other = wheel.arm(Target(), at: start + .milliseconds(20))
    wheel.cancel(token)
    #expect(wheel.count == 1)
    #expect(due(&wheel, at: start + .milliseconds(40)) == 1)
    wheel.cancel(other)
    #expect(wheel.count == 0)
  }

  @Test func `a pause of several turns of the wheel loses no timer`() {
    var wheel = TimerWheel(now: start)
    for milliseconds in stride(from: 5, to: 30_000, by: 7) {
      _ = wheel.arm(Target(), at: start + .milliseconds(milliseconds))
    }
    let count = wheel.count
    #expect(due(&wheel, at: start + .seconds(120)) == count)
  }

  @Test func `the delay leads to the next timer, whatever its distance`() throws {
    for milliseconds in [1, 9, 500, 8_000, 8_200, 20_000] {
      var wheel = TimerWheel(now: start)
      _ = wheel.arm(Target(), at: start + .milliseconds(milliseconds))
      var now = start
      var turns = 0
      while due(&wheel, at: now) == 0, turns < 20 {
        let delay = try #require(wheel.delay(now: now))
        now = now + .nanoseconds(max(delay, 1_000_000))
        turns += 1
      }
      #expect(turns < 20)
      #expect(now - start <= .milliseconds(milliseconds + 17))
    }
  }

  private static let dueTimes: [Int64] = [.min, -1, 0, .max - 1, .max]

  @Test(arguments: dueTimes)
  func `any due time can be armed and cancelled, and the past is due at once`(due: Int64) {
    for now in [Int64.min, -1, 0, start.nanoseconds, .max] {
      var wheel = TimerWheel(now: Instant(nanoseconds: now))
      let token = wheel.arm(Target(), at: Instant(nanoseconds: due))
      #expect((wheel.delay(now: Instant(nanoseconds: now)) ?? -1) >= 0)
      #expect(wheel.delay(now: Instant(nanoseconds: .min)) != nil)
      _ = self.due(&wheel, at: Instant(nanoseconds: now))
      wheel.cancel(token)
      #expect(wheel.count == 0)
    }
    var wheel = TimerWheel(now: start)
    _ = wheel.arm(Target(), at: Instant(nanoseconds: due))
    #expect(self.due(&wheel, at: start + .milliseconds(8)) == (due <= 0 ? 1 : 0))
  }

  @Test func `random arming, cancelling and firing keeps count`() {
    var wheel = TimerWheel(now: start)
    var live: [Int: TimerToken] = [:]
    var now = start
    var state: UInt64 = 42
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    var cancelled = 0
    var fired = 0
    for step in 0..<5_000 {
      live[step] = wheel.arm(Target(), at: now + .milliseconds(random(20_000)))
      if random(3) == 0, let key = live.keys.sorted().first,
        let token = live.removeValue(forKey: key)
      {
        let before = wheel.count
        wheel.cancel(token)
        cancelled += before - wheel.count
      }
      now = now + .milliseconds(random(10))
      fired += due(&wheel, at: now)
    }
    fired += due(&wheel, at: now + .seconds(60))
    #expect(fired + cancelled == 5_000)
    #expect(wheel.count == 0)
  }
}

internal import EventLoop

/// The sites that are taken out as one worker has them, and the requests that wait for a pause to end.
///
/// They wait in `paused`. When the pause is over some go on at once; the others move to `leaving`, which lets as
/// many go on each `interval`, so that an application that has just come back is not buried.
final class SiteOrders: TimerTarget {
  /// `nil` where no site is taken out.
  private(set) var table: SiteTable?
  private let loop: EventLoop
  private let paused: WaitQueue
  private let leaving: WaitQueue
  /// How many more may go on before the next interval.
  private var allowance = SiteOrders.portion
  private var timer = TimerToken.none

  /// Requests that go on in one interval.
  static let portion = 32
  static let interval = Duration.milliseconds(10)
  /// How exactly the end of a wait is kept; the oldest looks as often whether its site is back.
  private static let lookEvery = Duration.milliseconds(100)

  init(loop: EventLoop, countMax: Int, table: SiteTable?) {
    self.loop = loop
    self.table = table
    paused = WaitQueue(loop: loop, interval: Self.lookEvery, countMax: countMax)
    leaving = WaitQueue(loop: loop, interval: Self.lookEvery, countMax: .max)
  }

  /// Requests that wait.
  var count: Int { paused.count + leaving.count }

  /// Takes over which sites are taken out; all that wait look whether they still have to.
  func install(_ table: SiteTable?) {
    self.table = table
    paused.releaseAll()
  }

  /// Takes over how many may wait; those that do go on waiting.
  func install(countMax: Int) { paused.countMax = countMax }

  /// Has a request wait until `until` at the longest; `false` where too many do.
  func pause(_ waiter: any Waiter, until: Instant) -> Bool { paused.add(waiter, until: until) }

  /// The pause goes on for one that looked.
  func pauseAgain(_ waiter: any Waiter, until: Instant) { paused.goBack(waiter, until: until) }

  /// Whether one whose pause is over goes on now; otherwise it waits until it is let go.
  func mayLeave(_ waiter: any Waiter) -> Bool {
    if timer == .none { timer = loop.arm(self, after: Self.interval) }
    guard allowance > 0 else {
      _ = leaving.add(waiter, until: Instant(nanoseconds: .max))
      return false
    }
    allowance -= 1
    return true
  }

  /// Nobody waits for the answer any more.
  func remove(_ waiter: any Waiter) {
    paused.remove(waiter)
    leaving.remove(waiter)
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    allowance = Self.portion
    guard !leaving.isEmpty else { return }
    timer = loop.arm(self, after: Self.interval)
    leaving.release(Self.portion)
  }
}

@available(*, unavailable) extension SiteOrders: Sendable {}

internal import EventLoop

/// Who waits for an instance to come back: a request, or a TCP session.
protocol Held: AnyObject {
  var heldUntil: Instant { get }
  /// An instance may be back.
  func released()
  /// The time is over.
  func holdEnded()
}

/// Requests that wait for an instance to come back, oldest first.
///
/// One of them is sent every `interval` to find out; once one is answered, each answer releases two
/// more, so that an instance that has just started is not buried.
final class HoldQueue: TimerTarget, TurnEnd {
  private static let interval = Duration.milliseconds(100)

  /// The worker owns the loop and its upstreams.
  private unowned let loop: EventLoop
  private let countMax: Int
  private var held: [any Held] = []
  private var timer = TimerToken.none
  private var releasing = 0

  init(loop: EventLoop, countMax: Int) {
    self.loop = loop
    self.countMax = countMax
  }

  var isEmpty: Bool { held.isEmpty }
  var count: Int { held.count }

  /// `false` when the queue is full.
  func add(_ exchange: any Held) -> Bool {
    guard held.count < countMax else { return false }
    held.append(exchange)
    if timer == .none { timer = loop.arm(self, after: Self.interval) }
    return true
  }

  func remove(_ exchange: any Held) {
    held.removeAll { $0 === exchange }
  }

  /// Lets the oldest go on, at the end of the turn.
  func release(_ count: Int) {
    if releasing == 0 { loop.atTurnEnd(self) }
    releasing += count
  }

  func turnEnded() {
    let count = min(releasing, held.count)
    releasing = 0
    let released = Array(held.prefix(count))
    held.removeFirst(count)
    for exchange in released { exchange.released() }
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    let now = loop.now
    let expired = held.filter { $0.heldUntil <= now }
    held.removeAll { $0.heldUntil <= now }
    for exchange in expired { exchange.holdEnded() }
    guard !held.isEmpty else { return }
    timer = loop.arm(self, after: Self.interval)
    release(1)
  }
}

@available(*, unavailable) extension HoldQueue: Sendable {}

internal import EventLoop

/// Who waits for a node to have less to do: a request, or a TCP session.
protocol Queued: AnyObject {
  var queuedUntil: Instant { get }
  /// A node may have room.
  func slotFreed()
  /// The time is over.
  func queueEnded()
}

/// Requests that wait because all nodes of their upstream have enough to do, oldest first.
///
/// Each request of this worker that ends lets one go on. Those of other workers are not heard of, so
/// the oldest looks again every `interval`.
final class SlotQueue: TimerTarget, TurnEnd {
  private static let interval = Duration.milliseconds(10)

  /// The worker's, which outlives its upstreams.
  private unowned let loop: EventLoop
  private let countMax: Int
  private var waiting: [any Queued] = []
  private var timer = TimerToken.none
  private var releasing = 0

  init(loop: EventLoop, countMax: Int) {
    self.loop = loop
    self.countMax = countMax
  }

  var isEmpty: Bool { waiting.isEmpty }
  var count: Int { waiting.count }

  /// `false` when the queue is full; one that was let go and found no room goes back to its place.
  func add(_ exchange: any Queued, isNew: Bool) -> Bool {
    guard waiting.count < countMax || !isNew else { return false }
    let place =
      isNew ? nil : waiting.firstIndex { $0.queuedUntil > exchange.queuedUntil }
    waiting.insert(exchange, at: place ?? waiting.count)
    if timer == .none { timer = loop.arm(self, after: Self.interval) }
    return true
  }

  func remove(_ exchange: any Queued) {
    waiting.removeAll { $0 === exchange }
  }

  /// Lets the oldest go on, at the end of the turn.
  func release(_ count: Int) {
    if releasing == 0 { loop.atTurnEnd(self) }
    releasing += count
  }

  func turnEnded() {
    let count = min(releasing, waiting.count)
    releasing = 0
    let released = Array(waiting.prefix(count))
    waiting.removeFirst(count)
    for exchange in released { exchange.slotFreed() }
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    let now = loop.now
    let expired = waiting.filter { $0.queuedUntil <= now }
    waiting.removeAll { $0.queuedUntil <= now }
    for exchange in expired { exchange.queueEnded() }
    guard !waiting.isEmpty else { return }
    timer = loop.arm(self, after: Self.interval)
    release(1)
  }
}

@available(*, unavailable) extension SlotQueue: Sendable {}

internal import EventLoop

/// Something that waits in a `WaitQueue`: a request, or a TCP session.
protocol Waiter: AnyObject {
  /// Where it waits; only the queue changes this.
  var place: WaitPlace { get set }
  /// What it waits for may be there. It is no longer in the queue, and may be added again.
  func mayGoOn()
  /// It has waited as long as it may, and is no longer in the queue.
  func waitEnded()
}

/// A place in a `WaitQueue`.
struct WaitPlace: Equatable, Sendable {
  fileprivate let index: Int32
  static let none = WaitPlace(index: -1)
}

/// Those that wait for the same thing: for an instance to come back, or for a node with less to do.
///
/// When it may be there, one or several are released, the oldest first. As not all news arrives,
/// the oldest also tries every `interval`. Some rest first: only `releaseAll` lets them go on
/// before their rest is over.
///
/// Entering and leaving take constant time, however many wait: all of them may leave at once.
final class WaitQueue: TimerTarget, TurnEnd {
  private struct Entry {
    var waiter: (any Waiter)?
    var until = Instant(nanoseconds: 0)
    var restsUntil = Instant(nanoseconds: 0)
    var previous: Int32
    var next: Int32
  }

  /// The entries in front of the first that may be released, and of the first that rests: each
  /// begins and ends a ring.
  private static let ready: Int32 = 0
  private static let resting: Int32 = 1

  /// The worker owns the loop and its upstreams.
  private unowned let loop: EventLoop
  private let interval: Duration
  var countMax: Int
  private var entries = [Entry(previous: 0, next: 0), Entry(previous: 1, next: 1)]
  private var free: [Int32] = []
  /// The one that went back last: the next one mostly belongs behind it.
  private var lastBack = WaitQueue.ready
  private(set) var count = 0
  private var timer = TimerToken.none
  private var releasing = 0

  init(loop: EventLoop, interval: Duration, countMax: Int) {
    self.loop = loop
    self.interval = interval
    self.countMax = countMax
  }

  var isEmpty: Bool { count == 0 }

  /// Adds one that waits until `until` at the end; `false` when the queue is full.
  func add(
    _ waiter: any Waiter, until: Instant, restsUntil: Instant = Instant(nanoseconds: 0)
  ) -> Bool {
    guard count < countMax else { return false }
    let ring = restsUntil > loop.now ? Self.resting : Self.ready
    insert(waiter, until: until, restsUntil: restsUntil, after: entries[Int(ring)].previous)
    return true
  }

  /// Adds one again that was let go and found nothing: it goes back to its place, also into a full
  /// queue.
  func goBack(_ waiter: any Waiter, until: Instant) {
    var place = entries[Int(lastBack)].until <= until ? lastBack : Self.ready
    while true {
      let next = entries[Int(place)].next
      guard next != Self.ready, entries[Int(next)].until < until else { break }
      place = next
    }
    lastBack = insert(waiter, until: until, restsUntil: Instant(nanoseconds: 0), after: place)
  }

  func remove(_ waiter: any Waiter) {
    let index = waiter.place.index
    guard index >= 0, entries[Int(index)].waiter === waiter else { return }
    _ = take(index)
  }

  /// Lets the oldest go on, at the end of the turn, except those that rest.
  func release(_ count: Int) {
    guard count > 0 else { return }
    if releasing == 0 { loop.atTurnEnd(self) }
    releasing += count
  }

  /// Lets everybody go on, at the end of the turn: what they wait for has changed.
  func releaseAll() {
    endRests(at: Instant(nanoseconds: .max))
    release(count)
  }

  func turnEnded() {
    let count = releasing
    releasing = 0
    var released: [any Waiter] = []
    while released.count < count, let waiter = takeFirst() { released.append(waiter) }
    for waiter in released { waiter.mayGoOn() }
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    let now = loop.now
    for waiter in takeOverdue(Self.ready, now) + takeOverdue(Self.resting, now) {
      waiter.waitEnded()
    }
    endRests(at: now)
    guard !isEmpty else { return }
    arm()
    release(1)
  }

  private func arm() {
    if timer == .none { timer = loop.arm(self, after: interval) }
  }

  // MARK: Rings

  @discardableResult
  private func insert(
    _ waiter: any Waiter, until: Instant, restsUntil: Instant, after previous: Int32
  ) -> Int32 {
    let next = entries[Int(previous)].next
    let entry = Entry(
      waiter: waiter, until: until, restsUntil: restsUntil, previous: previous, next: next)
    let index: Int32
    if let reused = free.popLast() {
      index = reused
      entries[Int(index)] = entry
    } else {
      index = Int32(entries.count)
      entries.append(entry)
    }
    entries[Int(previous)].next = index
    entries[Int(next)].previous = index
    waiter.place = WaitPlace(index: index)
    count += 1
    arm()
    return index
  }

  private func takeFirst() -> (any Waiter)? { take(entries[Int(Self.ready)].next) }

  /// Takes one out; `nil` for the beginning of a ring.
  private func take(_ index: Int32) -> (any Waiter)? {
    let entry = entries[Int(index)]
    guard let waiter = entry.waiter else { return nil }
    entries[Int(entry.previous)].next = entry.next
    entries[Int(entry.next)].previous = entry.previous
    entries[Int(index)].waiter = nil
    if lastBack == index { lastBack = entry.previous }
    free.append(index)
    waiter.place = .none
    count -= 1
    return waiter
  }

  private func takeOverdue(_ ring: Int32, _ now: Instant) -> [any Waiter] {
    var overdue: [any Waiter] = []
    var index = entries[Int(ring)].next
    while index != ring {
      let entry = entries[Int(index)]
      if entry.until <= now, let waiter = take(index) { overdue.append(waiter) }
      index = entry.next
    }
    return overdue
  }

  /// Those whose rest is over wait like the others from now on.
  private func endRests(at now: Instant) {
    var index = entries[Int(Self.resting)].next
    while index != Self.resting {
      let entry = entries[Int(index)]
      if entry.restsUntil <= now, let waiter = take(index) {
        insert(
          waiter, until: entry.until, restsUntil: entry.restsUntil,
          after: entries[Int(Self.ready)].previous)
      }
      index = entry.next
    }
  }
}

@available(*, unavailable) extension WaitQueue: Sendable {}

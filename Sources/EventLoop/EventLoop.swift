internal import CLinux
internal import Glibc

/// Something that owns a descriptor and is told when it is ready.
package protocol EventSource: AnyObject {
  func ready(_ events: Readiness)
}

/// Something that asked to be run at the end of the turn.
package protocol TurnEnd: AnyObject {
  func turnEnded()
}

/// Names one registered descriptor; a stale one finds nobody, never a stranger.
package struct SourceToken: Equatable, Sendable {
  fileprivate let value: UInt64
  package static let none = SourceToken(value: .max)
  fileprivate var index: Int { Int(value & 0xffff_ffff) }
  fileprivate var generation: UInt32 { UInt32(value >> 32) }
}

/// One thread's loop: wait, dispatch what is ready, fire timers, run what was posted, end the turn.
///
/// Everything registered here is called on the thread that runs the loop, and nothing is called
/// from within another call: an object that wants to go on later calls `atTurnEnd`.
package final class EventLoop {
  private struct Slot {
    var source: (any EventSource)?
    var generation: UInt32 = 0
  }

  private var epoll: Epoll
  private var slots: [Slot] = []
  private var freeSlots: [Int] = []
  private var timers: TimerWheel
  private let clock: any MonotonicClock
  private let mailbox: Mailbox
  private var mailboxSource: MailboxSource?
  private var endings: [any TurnEnd] = []
  private var endingsRunning: [any TurnEnd] = []
  private var stopping = false

  /// The owner of the loop's thread, for jobs that come from other threads.
  ///
  /// It is strong, because a weak reference slows down every other use of the object. The code that
  /// sets it clears it when the loop has ended.
  package var owner: AnyObject?

  /// The time at which the present turn began.
  package private(set) var now: Instant

  package init(clock: any MonotonicClock = SystemClock()) throws(SystemError) {
    epoll = try Epoll()
    self.clock = clock
    now = clock.now
    timers = TimerWheel(now: now)
    mailbox = try Mailbox()
    let source = MailboxSource(mailbox: mailbox, loop: self)
    mailboxSource = source
    _ = try register(mailbox.descriptor, source, [.readable])
  }

  /// The door through which other threads reach this loop.
  package var handle: LoopHandle { LoopHandle(mailbox: mailbox) }

  // MARK: Descriptors

  /// Watches a descriptor; the loop keeps `source` alive until `unregister`.
  package func register(
    _ raw: Int32, _ source: any EventSource, _ events: Readiness
  ) throws(SystemError) -> SourceToken {
    let index: Int
    if let reused = freeSlots.popLast() {
      index = reused
    } else {
      index = slots.count
      slots.append(Slot())
    }
    let token = SourceToken(value: UInt64(slots[index].generation) << 32 | UInt64(index))
    do throws(SystemError) {
      try epoll.add(raw, events, token: token.value)
    } catch {
      freeSlots.append(index)
      throw error
    }
    slots[index].source = source
    return token
  }

  /// Changes what a descriptor is watched for.
  package func modify(
    _ raw: Int32, _ token: SourceToken, _ events: Readiness
  ) throws(SystemError) {
    try epoll.modify(raw, events, token: token.value)
  }

  /// Forgets a descriptor that is about to be closed, which takes it out of the epoll set.
  package func forget(_ token: SourceToken) {
    guard token != .none, slots[token.index].generation == token.generation else { return }
    slots[token.index].source = nil
    slots[token.index].generation &+= 1
    freeSlots.append(token.index)
  }

  /// Forgets a descriptor that stays open.
  package func unregister(_ raw: Int32, _ token: SourceToken) {
    guard token != .none else { return }
    epoll.remove(raw)
    forget(token)
  }

  // MARK: Time

  package func arm(_ target: any TimerTarget, after delay: Duration) -> TimerToken {
    timers.arm(target, at: now + delay)
  }

  package func arm(_ target: any TimerTarget, at due: Instant) -> TimerToken {
    timers.arm(target, at: due)
  }

  package func cancel(_ token: TimerToken) {
    timers.cancel(token)
  }

  /// The time right now, not that of the turn's beginning.
  package var clockNow: Instant { clock.now }

  // MARK: Turns

  /// Runs `ending` once this turn's events and timers are through.
  package func atTurnEnd(_ ending: any TurnEnd) {
    endings.append(ending)
  }

  /// Turns until `stop`.
  package func run() throws(SystemError) {
    while !stopping { try turn(mayWait: true) }
  }

  /// Makes `run` return after the present turn.
  package func stop() { stopping = true }

  /// One turn; with `mayWait` it sleeps until something happens or a timer is due.
  ///
  /// Returns whether anything happened.
  @discardableResult
  package func turn(mayWait: Bool) throws(SystemError) -> Bool {
    var isBusy = !endings.isEmpty
    let count = try epoll.wait(milliseconds: mayWait ? waitMilliseconds() : 0)
    now = clock.now
    if count > 0 { isBusy = true }
    for index in 0..<count {
      let (value, events) = epoll.event(index)
      let token = SourceToken(value: value)
      let slot = slots[token.index]
      // A descriptor closed earlier in this batch: its event is stale.
      guard slot.generation == token.generation, let source = slot.source else { continue }
      source.ready(events)
    }
    while let (target, token) = timers.popDue(now: now) {
      isBusy = true
      target.timerFired(token)
    }
    endTurn()
    return isBusy
  }

  /// Endings may ask for further endings; those run too, up to a bound that keeps I/O alive.
  private func endTurn() {
    var rounds = 0
    while !endings.isEmpty, rounds < 16 {
      swap(&endings, &endingsRunning)
      for ending in endingsRunning { ending.turnEnded() }
      endingsRunning.removeAll(keepingCapacity: true)
      rounds += 1
    }
  }

  private func waitMilliseconds() -> Int32 {
    if !endings.isEmpty { return 0 }
    guard let delay = timers.delay(now: clock.now) else { return -1 }
    return Int32(min((delay + 999_999) / 1_000_000, 60_000))
  }
}

@available(*, unavailable) extension EventLoop: Sendable {}

internal import EventLoop

extension Connection {
  /// How long it may wait for something; `nil` for ever.
  func duration(of reason: Waiting) -> Duration? {
    let timeouts = worker.snapshot.configuration.timeouts
    return switch reason {
    case .nothing: nil
    case .handshake: timeouts.handshake
    case .head: timeouts.head
    case .body: timeouts.body
    case .keepAlive: timeouts.keepAlive
    case .send: timeouts.send
    case .farewell: .seconds(1)
    case .linger(let patience): patience
    }
  }
}

/// What a connection waits for, and until when.
///
/// There is one timer for all of it. One that fires too early looks again; only one that would fire
/// too late is moved, so that waiting for something else costs nothing most of the time.
struct ConnectionTimer {
  private(set) var waiting = Connection.Waiting.nothing
  private var deadline = Instant(nanoseconds: .max)
  private var token = TimerToken.none
  /// When the timer fires.
  private var due = Instant(nanoseconds: .max)

  /// Waits for something at most so long; without a `span` for ever.
  mutating func wait(
    _ reason: Connection.Waiting, atMost span: Duration?, _ connection: Connection,
    _ loop: EventLoop
  ) {
    waiting = reason
    guard let span else {
      deadline = Instant(nanoseconds: .max)
      return
    }
    deadline = loop.now + span
    guard token == .none || deadline < due else { return }
    loop.cancel(token)
    arm(connection, loop)
  }

  /// The timer has fired; returns what was waited for in vain, `nil` where there is time left.
  mutating func fired(_ connection: Connection, _ loop: EventLoop) -> Connection.Waiting? {
    token = .none
    due = Instant(nanoseconds: .max)
    guard loop.now < deadline else { return waiting }
    if deadline.nanoseconds != .max { arm(connection, loop) }
    return nil
  }

  mutating func stop(_ loop: EventLoop) {
    loop.cancel(token)
    token = .none
  }

  private mutating func arm(_ connection: Connection, _ loop: EventLoop) {
    due = deadline
    token = loop.arm(connection, at: due)
  }
}

internal import EventLoop

/// One connect to a node, directly or through the edge of its server, that says nothing and is closed at
/// once.
///
/// Its outcome is told once, by the loop, never from within `start`.
final class NodeConnect: NodeConnectionOwner, TimerTarget, TurnEnd {
  enum Outcome: Equatable {
    case connected
    /// Somebody is there who takes no more, `NodeConnection.isRefusedAsBusy`.
    case busy
    case failed(ConnectFailure)
    /// Nobody has answered in time.
    case timedOut
  }

  private let loop: EventLoop
  private let connection: NodeConnection
  private let done: (Outcome) -> Void
  private var timer = TimerToken.none
  /// What connecting failed with at once.
  private var failure = ConnectFailure.other
  private var isOver = false

  init(on loop: EventLoop, _ done: @escaping (Outcome) -> Void) {
    self.loop = loop
    self.done = done
    connection = NodeConnection(loop: loop)
  }

  /// `open` begins to connect.
  func start(
    within timeout: Duration, _ open: (NodeConnection) throws(SystemError) -> Void
  ) {
    do throws(SystemError) {
      try open(connection)
      connection.owner = self
      try connection.watch(sending: true)
      timer = loop.arm(self, after: timeout)
    } catch {
      failure = ConnectFailure(error)
      loop.atTurnEnd(self)
    }
  }

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    let failure = connection.takeFailure() ?? (events.contains(.failed) ? .other : nil)
    guard let failure else { return finish(.connected) }
    finish(failure == .busy ? .busy : .failed(failure))
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    finish(.timedOut)
  }

  /// It could not even begin.
  func turnEnded() { finish(.failed(failure)) }

  private func finish(_ outcome: Outcome) {
    guard !isOver else { return }
    isOver = true
    loop.cancel(timer)
    connection.close()
    done(outcome)
  }
}

@available(*, unavailable) extension NodeConnect: Sendable {}

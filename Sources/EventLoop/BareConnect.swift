/// One connect to an address that says nothing and is closed at once, to learn whether anybody is there.
///
///     begun ──▶ over      (an event, a failure at once, the time, `cancel`)
///
/// Its outcome is told once, by the loop, never from within `start`.
package final class BareConnect: EventSource, TimerTarget, TurnEnd {
  package enum Outcome: Equatable, Sendable {
    case connected
    /// With the error number that connecting ended with.
    case failed(Int32)
    /// Nobody has answered in time.
    case timedOut
  }

  private let loop: EventLoop
  private let done: (BareConnect, Outcome) -> Void
  private var descriptor: FileDescriptor?
  private var token = SourceToken.none
  private var timer = TimerToken.none
  /// What connecting failed with at once.
  private var failure: Int32?
  private var isOver = false

  package init(on loop: EventLoop, _ done: @escaping (BareConnect, Outcome) -> Void) {
    self.loop = loop
    self.done = done
  }

  package func start(_ address: SocketAddress, within timeout: Duration) {
    do throws(SystemError) {
      let socket = try Socket.connect(address)
      token = try loop.register(socket.raw, self, [.writable])
      descriptor = consume socket
      timer = loop.arm(self, after: timeout)
    } catch {
      failure = error.code
      loop.atTurnEnd(self)
    }
  }

  /// Ends it; nothing is told.
  package func cancel() {
    isOver = true
    loop.cancel(timer)
    timer = .none
    loop.forget(token)
    token = .none
    descriptor = nil
  }

  package func ready(_ events: Readiness) {
    guard let raw = descriptor?.raw else { return }
    let code = Socket.pendingError(raw)
    finish(code == 0 ? .connected : .failed(code))
  }

  package func timerFired(_ token: TimerToken) {
    timer = .none
    finish(.timedOut)
  }

  package func turnEnded() {
    if let failure { finish(.failed(failure)) }
  }

  private func finish(_ outcome: Outcome) {
    guard !isOver else { return }
    cancel()
    done(self, outcome)
  }
}

@available(*, unavailable) extension BareConnect: Sendable {}

internal import Configuration
internal import EventLoop
internal import HTTPCore

/// One try of a TCP session to reach one node.
///
///     connecting ──▶ connected, or the greeting has come ──▶ serving ──▶ over
///
/// It counts at its node until it is closed, so a session that goes on keeps it.
final class SessionAttempt: NodeConnectionOwner, TimerTarget {
  let node: NodeState
  let startedAt: Instant
  private let worker: Worker
  private let greeting: Greeting
  /// The session that is told of the result, until there is one.
  private var session: TCPSession?
  private var connection: NodeConnection?
  private var timer = TimerToken.none
  private var said = ByteBuffer()
  private var isConnected = false
  private var isOver = false

  init(_ session: TCPSession, _ node: NodeState, _ greeting: Greeting, worker: Worker) {
    self.session = session
    self.node = node
    self.greeting = greeting
    self.worker = worker
    startedAt = worker.loop.now
  }

  /// Connects; the greeting is part of what has to come within `timeout`.
  func start(timeout: Duration) {
    node.begin()
    let connection = worker.takeNodeConnection()
    self.connection = connection
    do throws(SystemError) {
      try connection.open(node, through: worker.links, speaksFirst: false)
      connection.setNoDelay()
      connection.keepAlive()
      connection.owner = self
      try connection.watch(sending: true)
    } catch {
      return fail(ConnectFailure(error).nodeFailure)
    }
    timer = worker.loop.arm(self, after: timeout)
  }

  // MARK: Events

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    // One that is kept says more when it is taken up.
    guard let session else { return }
    if !isConnected {
      if let failure = connection.takeFailure() { return fail(failure.nodeFailure) }
      isConnected = true
    }
    if greeting != .none { listen(connection) } else { session.attemptSucceeded(self) }
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    fail(isConnected ? .timeout : .connectTimeout)
  }

  private func listen(_ connection: NodeConnection) {
    worker.buffers.lend(&said)
    while connection.fill(&said) {
      if conclude() { return }
    }
    guard !conclude(), let ending = connection.ended else { return }
    fail(ending == .reset ? .reset : .closed)
  }

  /// `true` where what the node has said is enough to judge it.
  private func conclude() -> Bool {
    switch greeting.judge(said.readable) {
    case .good: session?.attemptSucceeded(self)
    case .refusal: session?.attemptRefused(self)
    case .malformed: fail(.malformed)
    case .incomplete: return false
    }
    return true
  }

  private func fail(_ failure: NodeFailure) { session?.attemptFailed(self, failure) }

  // MARK: The end

  /// Keeps the connection without another word to the session.
  func rest() { settle() }

  /// Gives the connection to a tunnel, with what the node has said; it still counts at its node.
  func handOver(to tunnel: Tunnel) {
    guard let connection else { return }
    settle()
    self.connection = nil
    tunnel.take(connection, said: &said)
  }

  /// Ends it; a connection that is still its own is reset.
  func close() {
    guard !isOver else { return }
    isOver = true
    settle()
    if let connection {
      connection.reset()
      worker.give(connection)
    }
    connection = nil
    worker.buffers.takeBack(&said)
    node.end()
  }

  private func settle() {
    session = nil
    worker.loop.cancel(timer)
    timer = .none
  }
}

@available(*, unavailable) extension SessionAttempt: Sendable {}

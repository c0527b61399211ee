internal import EventLoop
internal import HTTPCore

/// A pipe of another server to an instance here: connects, says so, and lets a tunnel move the bytes.
///
///     connecting ──▶ 200, tunnel ──▶ over
///          └──▶ 403, 502, 503: not a byte of the pipe's has gone anywhere
///
/// Another server that only wants to know whether the https port is open is told at once.
///
/// It decides nothing else: tries, times and what the bytes mean are the other server's. What comes
/// with the question waits in the stream's intake.
final class PeerRelay: NodeConnectionOwner, TimerTarget {
  private let worker: Worker
  private var stream: HTTP2Stream?
  private var connection: NodeConnection?
  private var timer = TimerToken.none

  /// What ends a pipe, or half of one, is the other server, which knows its client; or the session's end.
  private static let manner = Tunnel.Manner(
    idle: .seconds(10 * 365 * 86_400), halfOpen: .seconds(10 * 365 * 86_400), passesResets: true)

  init(_ stream: HTTP2Stream, worker: Worker) {
    self.stream = stream
    self.worker = worker
  }

  func start(_ address: String) {
    if address == PipeProtocol.httpsPort.description {
      stream?.answerPipe(status: worker.isListening(.https) ? 200 : 503)
      return stream = nil
    }
    guard let timeout = worker.door.timeout(of: address, worker.snapshot),
      let target = SocketAddress(address)
    else { return refuse(403) }
    let connection = worker.takeNodeConnection()
    self.connection = connection
    do throws(SystemError) {
      try connection.open(target, speaksFirst: false)
      connection.owner = self
      try connection.watch(sending: true)
    } catch {
      return refuse(error.blamesNode ? 502 : 503)
    }
    // A unix socket is connected at once or not at all.
    if target.family == .unix { return connected() }
    connection.setNoDelay()
    timer = worker.loop.arm(self, after: timeout)
  }

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    if connection.hasFailed { refuse(502) } else { connected() }
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    refuse(502)
  }

  /// The stream is over before the instance was connected.
  func streamGone() {
    stream = nil
    settle()
    drop()
  }

  private func connected() {
    guard let stream, let connection else { return }
    settle()
    self.stream = nil
    self.connection = nil
    worker.counters.peers.pipesIn.add()
    let tunnel = Tunnel(self, worker: worker, Self.manner)
    var nothing = ByteBuffer()
    tunnel.take(connection, said: &nothing)
    stream.answerPipe(with: tunnel)
  }

  private func refuse(_ status: Int) {
    let stream = stream
    streamGone()
    worker.counters.peers.refused.add()
    stream?.answerPipe(status: status)
  }

  private func settle() {
    worker.loop.cancel(timer)
    timer = .none
  }

  private func drop() {
    guard let connection else { return }
    self.connection = nil
    connection.close()
    worker.give(connection)
  }
}

extension PeerRelay: TunnelOwner {
  /// The other server writes the log.
  func note(cause: StaticString) {}
  func tunnelEnds() {}
  func tunnelEnded(bytesIn: Int64, bytesOut: Int64) {}
}

@available(*, unavailable) extension PeerRelay: Sendable {}

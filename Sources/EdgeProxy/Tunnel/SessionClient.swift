internal import EventLoop
internal import HTTPCore

/// The client's socket of a TCP session.
///
/// It is registered once, edge-triggered; its reader remembers that there may be more.
final class SessionClient: EventSource, TunnelClient {
  /// The worker's, which outlives its sessions.
  private let loop: EventLoop
  private var descriptor: FileDescriptor?
  private let raw: Int32
  private var token = SourceToken.none
  /// The session, until the client is closed.
  private var session: TCPSession?
  /// The tunnel that moves the bytes, once a node is connected.
  private(set) var tunnel: Tunnel?

  init(_ descriptor: consuming FileDescriptor, loop: EventLoop) {
    self.loop = loop
    raw = descriptor.raw
    self.descriptor = consume descriptor
    Socket.setNoDelay(raw)
    // No limit on what is not acknowledged: a client that reads slowly is no dead one.
    Socket.setKeepAlive(raw)
  }

  func start(_ session: TCPSession) throws(SystemError) {
    self.session = session
    token = try loop.register(raw, self, .exchange)
  }

  /// The bytes go both ways from here on.
  func handOver(to tunnel: Tunnel) {
    self.tunnel = tunnel
    var nothing = ByteBuffer()
    var none = ByteBuffer()
    tunnel.begin(self, received: &nothing, unsent: &none)
  }

  func ready(_ events: Readiness) {
    guard !isClosed else { return }
    guard let tunnel else {
      session?.clientEnding(isGone: events.isFailed || events.isHungUp, hasEnded: events.isEnding)
      return
    }
    tunnel.clientReady(events)
    // A client that is not read, because the node takes nothing, can only say it this way.
    if events.isFailed, !isClosed {
      tunnel.clientLost()
      close(reset: true)
    }
  }

  func cut(_ cause: StaticString) { tunnel?.cut(cause) }

  // MARK: TunnelClient

  func receive(into space: inout MutableSpan<UInt8>) -> Transport.Received {
    Transport.plain.receive(raw, into: &space)
  }

  func send(_ bytes: borrowing Span<UInt8>) -> Transport.Sent {
    Transport.plain.send(raw, bytes)
  }

  /// Edges come in any case.
  func setReading(_ reading: Bool) {}

  func endSending() { Socket.shutdownWriting(raw) }

  func endTunnel(both: Bool) { close(reset: !both) }

  /// Closes it; with `reset` the client learns that something is missing.
  func close(reset: Bool) {
    guard !isClosed else { return }
    tunnel = nil
    session = nil
    loop.forget(token)
    token = .none
    if reset { Socket.resetOnClose(raw) }
    descriptor = nil
  }

  private var isClosed: Bool { session == nil }
}

@available(*, unavailable) extension SessionClient: Sendable {}

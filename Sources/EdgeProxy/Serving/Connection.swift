internal import CertStore
internal import EventLoop
internal import HTTPCore
internal import TLS

/// One accepted client socket with its TLS; it stays on one worker for life.
///
/// It knows bytes, readiness and time; what the bytes mean is the driver's.
///
///     announcing ──▶ handshaking ──▶ open ──▶ tunnelling ──▶ lingering ──▶ closed
///          └──────────────┴────────────┴───────────┴──────────────────────────▲
///
/// `tunnelling`: the bytes are no messages any more, and a `Tunnel` moves them.
///
/// `announcing`: a load balancer sends its PROXY header first.
/// `lingering`: the last answer is out and our side is shut, see `Lingering`.
final class Connection: EventSource, TimerTarget, TurnEnd, Listed {
  private enum Phase: Equatable {
    case announcing, handshaking, open, tunnelling
    case lingering(Lingering)
    case closed
  }

  /// How it ends with the turn: not within a call of the driver, an exchange or a tunnel.
  private enum Ending {
    /// Our side is shut, and what still comes is thrown away.
    case finished(expectsMore: Bool)
    /// At once; with `reset` the client sees an error and not an end.
    case aborted(reset: Bool)
  }

  /// What the running timer stands for; it decides what happens when it fires.
  enum Waiting: Equatable {
    case nothing, handshake, head, body, keepAlive, farewell, send
    case linger(Duration)
  }

  /// The worker owns its connections and lives as long as they do.
  let worker: Worker
  let listener: ListenerFacts
  /// A load balancer, until it has said who the client is.
  private(set) var client: ClientAddress
  private var reception: ProxyReception?
  /// Its place among the connections of its client; `nil` once it is over.
  private var permit: ConnectionPermit?
  private let descriptor: FileDescriptor
  private(set) var transport: Transport
  private(set) var driver: ConnectionDriver?
  /// HTTP/2 is spoken without TLS, which would have settled it (prior knowledge, RFC 9113 §3.3).
  private let knowsHTTP2: Bool
  private(set) var tunnel: Tunnel?
  private var phase: Phase
  private var token = SourceToken.none
  private var interest = Readiness.incoming
  private var timer = ConnectionTimer()
  /// The certificates of this connection, looked up when a host differs from the server name.
  private var entry: CertificateEntry?
  /// What was found out about its end in this turn; nothing else happens to it any more.
  private var ending: Ending?
  /// The place in the worker's list of connections.
  var index = -1

  init(
    worker: Worker, listener: ListenerFacts, client: ClientAddress,
    descriptor: consuming FileDescriptor,
    stream: TLSStream?, permit: consuming ConnectionPermit, isAnnounced: Bool,
    knowsHTTP2: Bool = false
  ) {
    self.worker = worker
    self.knowsHTTP2 = knowsHTTP2
    self.listener = listener
    self.client = client
    self.permit = consume permit
    self.descriptor = descriptor
    if let stream {
      transport = .secure(stream)
      phase = .handshaking
    } else {
      transport = .plain
      phase = .open
    }
    if isAnnounced {
      reception = ProxyReception()
      phase = .announcing
    }
  }

  func start() throws(SystemError) {
    token = try worker.loop.register(descriptor.raw, self, interest)
    switch phase {
    case .announcing, .handshaking: wait(.handshake)
    default: open()
    }
  }

  // MARK: What the driver asks for

  /// Writes down what the access log says of this connection.
  func describe(_ record: inout AccessRecord) {
    record.client = client.text
    guard let stream else { return }
    record.tlsVersion = stream.version
    record.isResumed = stream.isResumed
    record.serverName = stream.serverName
  }

  /// Whether the certificate of this connection is valid for a normalised host.
  func covers(_ host: [UInt8]) -> Bool {
    guard let stream else { return true }
    if stream.serverName == host { return true }
    if entry == nil { entry = WorkerTLS.entry(of: stream) }
    return entry?.covers(host.span) ?? false
  }

  /// The TLS stream of an HTTPS connection.
  var stream: TLSStream? {
    if case .secure(let stream) = transport { stream } else { nil }
  }

  /// The handshake is done, and the end has not come.
  var isOpen: Bool { phase == .open && ending == nil }

  func receive(into space: inout MutableSpan<UInt8>) -> Transport.Received {
    let result = transport.receive(descriptor.raw, into: &space)
    if result == .wantsWrite { want(.writable) }
    return result
  }

  func send(_ bytes: borrowing Span<UInt8>) -> Transport.Sent {
    let result = transport.send(descriptor.raw, bytes)
    if result == .wouldBlock { want(.writable) }
    return result
  }

  /// Stops or resumes reading; the socket's readiness is level-triggered, so nothing is lost.
  func setReading(_ reading: Bool) {
    if reading { want(.incoming) } else { unwant(.incoming) }
  }

  /// The client has ended its side, as one does that has only nothing more to say, or one that has left.
  ///
  /// One that has left resets the connection when it is sent something: an answer, or a question of
  /// the kernel's whether it is still there.
  func clientEnded() {
    setReading(false)
    Socket.setKeepAlive(descriptor.raw)
  }

  /// Waits for a whole head; further bytes of one that has begun do not lengthen the time.
  func waitForHead() {
    if timer.waiting != .head { wait(.head) }
  }

  /// Sets what is waited for; the time runs from now.
  func wait(_ reason: Waiting) {
    timer.wait(reason, atMost: duration(of: reason), self, worker.loop)
  }

  // MARK: The end

  /// The answer is out and no more requests are taken: shuts our side with the turn, then lingers.
  ///
  /// With `expectingMore` the client still sends what nobody wants.
  func finish(expectingMore: Bool = false) {
    if ending == nil { end(as: .finished(expectsMore: expectingMore)) }
  }

  /// Ends the connection with the turn; `reset` makes the client see an error and not an end.
  func abort(reset: Bool = false) {
    if case .aborted = ending { return }
    end(as: .aborted(reset: reset))
  }

  private func end(as ending: Ending) {
    guard phase != .closed else { return }
    if self.ending == nil { worker.loop.atTurnEnd(self) }
    self.ending = ending
    guard case .aborted = ending else { return }
    // Its place is free at once, for a client that comes back in the same turn.
    permit = nil
    worker.remove(self)
  }

  func turnEnded() {
    guard let ending else { return }
    self.ending = nil
    switch ending {
    case .finished(let expectsMore): linger(expectingMore: expectsMore)
    case .aborted(let reset): close(reset: reset)
    }
  }

  private func linger(expectingMore: Bool) {
    leaveDriver()
    // From here on it takes nobody's place.
    permit = nil
    worker.linger(self)
    let lingering = Lingering(since: worker.loop.now, expectsMore: expectingMore)
    phase = .lingering(lingering)
    setReading(true)
    sayGoodbye()
    wait(.linger(lingering.patience(now: worker.loop.now)))
  }

  /// Ends our side, behind the goodbye of TLS (close_notify, RFC 8446 §6.1), as soon as that has room.
  private func sayGoodbye() {
    if case .secure(let stream) = transport, !stream.shutdown() { return want(.writable) }
    unwant(.writable)
    // What comes is not decrypted any more, and the memory of TLS goes.
    transport = .plain
    Socket.shutdownWriting(descriptor.raw)
  }

  private func close(reset: Bool) {
    phase = .closed
    if reset { Socket.resetOnClose(descriptor.raw) }
    leaveDriver()
    tunnel?.clientLost()
    tunnel = nil
    timer.stop(worker.loop)
    worker.loop.unregister(descriptor.raw, token)
  }

  private func leaveDriver() {
    driver?.dropped()
    driver = nil
  }

  // MARK: Tunnels

  /// From here on the bytes are the tunnel's.
  func become(_ tunnel: Tunnel) {
    guard phase == .open else { return }
    phase = .tunnelling
    driver = nil
    self.tunnel = tunnel
    wait(.nothing)
  }

  // MARK: Events

  func ready(_ events: Readiness) {
    guard ending == nil else { return }
    worker.underWay.turn(toClient: client.text)
    switch phase {
    case .announcing:
      if events.isFailed { return abort() }
      announce()
    case .handshaking:
      if events.isFailed { return abort() }
      handshake()
    case .open:
      if events.isFailed || isDeaf && events.isHungUp { return abort() }
      if events.isWritable {
        unwant(.writable)
        driver?.writable()
      }
      if isOpen, events.isReadable || events.isEnding {
        driver?.readable()
      }
    case .tunnelling:
      if events.isFailed || isDeaf && events.isHungUp { return abort() }
      if events.isWritable { unwant(.writable) }
      tunnel?.clientReady(events)
    case .lingering(let lingering):
      if events.isWritable { sayGoodbye() }
      if events.isReadable || events.isEnding { discard(lingering) }
    case .closed: break
    }
  }

  func timerFired(_ token: TimerToken) {
    guard let waiting = timer.fired(self, worker.loop), ending == nil else { return }
    switch waiting {
    case .nothing: break
    case .handshake, .linger: abort()
    case .keepAlive, .farewell, .send, .head, .body: driver?.timedOut(waiting)
    }
  }

  // MARK: Phases

  /// Reads the PROXY header; within the time for the handshake, which goes on with what is left.
  private func announce() {
    guard let outcome = reception?.read(descriptor.raw) else { return }
    switch outcome {
    case .more: return
    case .closed: return abort()
    case .refused(let error):
      worker.announcementRefused(self, error)
      return abort()
    case .done(let header):
      reception = nil
      if let address = header.source { client = ClientAddress(address, port: header.port) }
      permit = worker.enter(client.address)
      guard permit != nil else { return abort() }
    }
    guard stream != nil else { return open() }
    phase = .handshaking
    handshake()
  }

  private func handshake() {
    guard let stream else { return }
    do throws(TLSError) {
      switch try stream.handshake() {
      case .done: if stream.isChallenge { worker.challengeShown(self) } else { open() }
      case .wantsRead: unwant(.writable)
      case .wantsWrite: want(.writable)
      }
    } catch {
      worker.handshakeFailed(self, error)
      guard stream.refusal == .notTLS, listener.kind == .https else { return abort() }
      // It speaks plain HTTP, most likely, and is told so in that.
      transport = .plain
      open()
      if case .http1(let driver) = driver { driver.refuseWithoutTLS() }
    }
  }

  private func open() {
    if listener.kind == .peers {
      guard worker.door.knows(stream) else {
        worker.door.tellOfStranger(client.text)
        return abort()
      }
      // Strangers are bounded as clients are, servers of the fleet are not.
      permit = .uncounted(client.address)
    }
    phase = .open
    unwant(.writable)
    wait(.head)
    let driver: ConnectionDriver
    if stream?.isHTTP2 ?? knowsHTTP2 {
      // Without memory for a session there is nothing to be said either.
      guard let http2 = try? HTTP2Driver(connection: self) else { return abort() }
      driver = .http2(http2)
      http2.start()
    } else {
      driver = .http1(HTTP1Driver(connection: self))
    }
    self.driver = driver
    // The first request often arrives together with the end of the handshake.
    if transport.hasPending { driver.readable() }
  }

  /// Throws away a block of what still comes.
  private func discard(_ lingering: Lingering) {
    switch Lingering.discard(from: descriptor.raw, worker.buffers) {
    case .bytes: wait(.linger(lingering.patience(now: worker.loop.now)))
    case .wouldBlock: break
    case .closed, .failed: abort()
    }
  }

  /// Reading is off, so an end of the connection would not be read but reported again and again.
  private var isDeaf: Bool { !interest.isReadable }

  private func want(_ events: Readiness) {
    setInterest(Readiness(rawValue: interest.rawValue | events.rawValue))
  }

  private func unwant(_ events: Readiness) {
    setInterest(Readiness(rawValue: interest.rawValue & ~events.rawValue))
  }

  private func setInterest(_ events: Readiness) {
    guard events.rawValue != interest.rawValue, token != .none else { return }
    interest = events
    do throws(SystemError) {
      try worker.loop.modify(descriptor.raw, token, events)
    } catch {
      abort()
    }
  }
}

extension Connection: TunnelClient {
  func endSending() {
    stream?.shutdown()
    Socket.shutdownWriting(descriptor.raw)
  }

  func endTunnel(both: Bool) {
    tunnel = nil
    if both { abort() } else { finish() }
  }
}

@available(*, unavailable) extension Connection: Sendable {}

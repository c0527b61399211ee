internal import EventLoop
internal import HTTPCore

/// HTTP/2 on one connection: streams out of bytes, and the frames of a turn into one write.
///
///     open ──▶ announced ──▶ refusing ──▶ finished      (drain: a GOAWAY, a second, another)
///       ├────────────────────────▲          ▲           (an allowance is used up)
///       └──────────┴─────────────┴──────────┘           (an error, a flood, a dead socket)
///
/// The session knows the protocol, the streams their exchanges; here is what the socket takes and
/// when. What goes out is in `HTTP2Output.swift`.
final class HTTP2Driver: TurnEnd, TimerTarget {
  private enum Phase {
    case open
    /// The client has been told; requests that crossed that are taken until the timer fires.
    case announced(TimerToken)
    case refusing
    case finished
  }

  /// The connection lets go of its driver when it closes.
  let connection: Connection
  let worker: Worker
  let session: ServerSession
  private var input = ByteBuffer()
  private(set) var streams = HTTP2Streams()
  private var phase = Phase.open
  /// A whole request head has come.
  private var hasServed = false
  /// What the connection as a whole waits for: `send` while its socket takes nothing.
  private var waiting = Connection.Waiting.head
  private var sweep = TimerToken.none
  private var flushesAtTurnEnd = false
  /// Bytes that tunnels keep and for which the connection's window has been opened again.
  private(set) var tunnelBytesKept = 0

  /// The client is another server of the fleet, which asks for pipes only.
  let isPeer: Bool

  init(connection: Connection) throws(HTTP2Error) {
    self.connection = connection
    worker = connection.worker
    isPeer = connection.listener.kind == .peers
    let limits =
      isPeer
      ? SessionLimits(head: HeadLimits(), streams: FixedLimits.pipes, isPeer: true)
      : SessionLimits(
        head: worker.snapshot.headLimits, streams: worker.snapshot.configuration.limits.streams)
    session = try ServerSession(limits)
  }

  /// Our settings go out with what the first turn brings.
  func start() { flushLater() }

  var isFinished: Bool { if case .finished = phase { true } else { false } }

  /// The socket took less than it was offered.
  var isBlocked: Bool { waiting == .send }

  // MARK: From the connection

  func readable() {
    while !isFinished {
      worker.buffers.lend(&input)
      var received = Transport.Received.wouldBlock
      _ = input.write { space in
        received = connection.receive(into: &space)
        if case .bytes(let count) = received { return count }
        return 0
      }
      switch received {
      case .bytes:
        process()
        guard connection.isOpen, connection.transport.hasPending else { return }
      case .wouldBlock, .wantsWrite: return releaseInput()
      case .closed: return peerEnded()
      case .broken: return connection.abort()
      }
    }
  }

  func writable() {
    wait(for: .nothing)
    writeOut()
    flushLater()
  }

  /// The connection is closing; whatever goes on here ends.
  func dropped() {
    stop()
    for stream in streams.removeAll() { stream.drop() }
    releaseInput()
    releaseOutput()
  }

  /// Nothing is taken and nothing sent any more.
  private func stop() {
    if case .announced(let timer) = phase { worker.loop.cancel(timer) }
    worker.loop.cancel(sweep)
    sweep = .none
    phase = .finished
  }

  func timedOut(_ waiting: Connection.Waiting) {
    switch waiting {
    case .head where !hasServed: connection.abort()
    case .send:
      for stream in streams.all { stream.exchange?.note(cause: "client-stalled") }
      connection.abort(reset: true)
    case .head:
      for stream in streams.all { stream.exchange?.note(cause: "client-stalled") }
      end(.enhanceYourCalm)
    case .body, .nothing, .handshake, .keepAlive, .farewell, .linger: end(.none)
    }
  }

  /// Tells the client that this server takes no more, then refuses what comes later.
  func drain() {
    guard case .open = phase else { return }
    phase = .announced(worker.loop.arm(self, after: Self.notice))
    session.announceEnd()
    flushLater()
  }

  /// How long requests that crossed our announcement are taken.
  private static let notice = Duration.seconds(1)

  // MARK: Requests

  /// Takes the frames that are there.
  ///
  /// The input belongs to this function meanwhile, because what it calls may drop the connection.
  private func process() {
    var input = ByteBuffer()
    swap(&input, &self.input)
    while !input.isEmpty, !isFinished {
      let received = session.receive(input.readable, now: worker.loop.now.nanoseconds)
      handle(received.event, input)
      input.consume(received.count)
      takeLeave()
      heedFlood()
    }
    worker.buffers.give(input.takeStorage())
    flushLater()
  }

  private func handle(_ event: ServerSession.Event, _ input: borrowing ByteBuffer) {
    switch event {
    case .nothing: break
    case .request(let id, let ended): begin(id, nil, ended: ended)
    case .refused(let id, let error, let ended): begin(id, error, ended: ended)
    case .data(let id, let range, let ended): receive(id, input.readable.extracting(range), ended)
    case .ended(let id): if let stream = streams[id] { complete(stream) }
    }
  }

  private func begin(_ id: Int32, _ refusal: HTTPError?, ended: Bool) {
    hasServed = true
    // A client that takes nothing does not get more time by asking for more.
    if !isBlocked { wait(for: .nothing) }
    if isPeer { return beginPipe(id, isRefused: refusal != nil, ended: ended) }
    let stream = HTTP2Stream(id: id, driver: self, now: worker.loop.now)
    streams.append(stream)
    let exchange = worker.takeExchange(for: .http2(stream), on: connection)
    exchange.takeHead { session.takeHead(into: &$0) }
    stream.carry(exchange.request.head.isExtendedConnect ? .connect(exchange) : .request(exchange))
    if ended { stream.endRequest() }
    if let refusal { return exchange.refuse(.head(refusal)) }
    guard exchange.begin() else { return }
    if ended || exchange.request.head.isExtendedConnect { return exchange.requestComplete() }
    if exchange.request.head.expectsContinue { stream.sendContinue() }
    armSweep()
  }

  private func receive(_ id: Int32, _ bytes: borrowing Span<UInt8>, _ ended: Bool) {
    let stream = streams[id]
    if let stream, stream.keepsForTunnel { return stream.keep(bytes, ended: ended) }
    guard let stream, let exchange = stream.exchange, stream.awaitsBody else {
      session.discard(bytes.count)
      if ended { stream?.endRequest() }
      return
    }
    stream.received(now: worker.loop.now)
    do throws(RequestBodyFailure) {
      try exchange.receiveBody(bytes)
      session.consume(id, bytes.count)
      if ended { complete(stream) }
    } catch {
      session.discard(bytes.count)
      if ended { stream.endRequest() }
      exchange.refuse(error)
    }
  }

  private func complete(_ stream: HTTP2Stream) {
    guard !stream.requestEnded else { return }
    let isAwaited = stream.awaitsBody
    stream.endRequest()
    stream.tunnel?.clientReady(.incoming)
    if isAwaited { stream.exchange?.requestComplete() }
  }

  func add(_ stream: HTTP2Stream) { streams.append(stream) }

  /// The stream whose turn it is.
  func takeTurn() -> HTTP2Stream? { streams.takeTurn() }

  /// Takes leave of streams that are over, and of their exchanges.
  ///
  /// Only the driver's own loops call this, between two events: nothing that a stream or an exchange
  /// calls may come here.
  func takeLeave() {
    while let closed = session.nextClosed() {
      streams.remove(closed.stream)?.drop(inOrder: closed.code == ErrorCode.none.rawValue)
    }
  }

  private func peerEnded() {
    if streams.isEmpty { connection.finish() } else { connection.abort() }
  }

  // MARK: Ends

  /// Ends the tunnels on this connection for a reason of ours.
  func cutTunnels(_ cause: StaticString) {
    for stream in streams.all { stream.tunnel?.cut(cause) }
  }

  /// Says why, then closes.
  private func end(_ code: ErrorCode) {
    session.terminate(code)
    finishIfOver()
    flushLater()
  }

  /// Takes no more requests from a client that has flooded us; what is under way goes on.
  private func heedFlood() {
    guard let flood = session.flood else { return }
    switch phase {
    case .open: break
    case .announced(let timer): worker.loop.cancel(timer)
    case .refusing, .finished: return
    }
    phase = .refusing
    worker.counters.flooded(by: flood)
  }

  /// Closes once everything has been said and taken.
  private func finishIfOver() {
    guard !isFinished else { return }
    writeOut()
    heedFlood()
    guard session.isOver else { return }
    if let cut = session.cut { for stream in streams.all { stream.exchange?.clientCut(cut) } }
    connection.finish()
  }

  // MARK: The end of a turn

  func flushLater() {
    guard !flushesAtTurnEnd, !isFinished else { return }
    flushesAtTurnEnd = true
    worker.loop.atTurnEnd(self)
  }

  func turnEnded() {
    flushesAtTurnEnd = false
    guard !isFinished else { return }
    takeLeave()
    serveWaiting()
    finishIfOver()
    takeLeave()
    endHalfAnswered()
    wait()
  }

  // MARK: Time

  /// Sets what the connection as a whole waits for.
  private func wait() { wait(for: reasonToWait) }

  /// The socket has taken less than it was offered.
  func becameBlocked() { wait(for: .send) }

  private func wait(for reason: Connection.Waiting) {
    guard reason != waiting else { return }
    waiting = reason
    connection.wait(reason)
  }

  private var reasonToWait: Connection.Waiting {
    if isBlocked { return .send }
    // The other server keeps the connection as long as it needs it, and sees to it that it lives.
    if isPeer, hasServed, !session.isWithinHead { return .nothing }
    if session.isWithinHead || !hasServed { return .head }
    return streams.isEmpty ? .keepAlive : .nothing
  }

  func timerFired(_ token: TimerToken) {
    if case .announced(token) = phase {
      phase = .refusing
      session.refuseFurther()
      finishIfOver()
      return flushLater()
    }
    sweep = .none
    sweepStreams()
    armSweep()
    flushLater()
  }

  /// Watches over streams that wait for their client: one timer for all of them.
  func armSweep() {
    guard sweep == .none, !isFinished else { return }
    var first: Instant?
    for stream in streams.all {
      guard let due = due(stream) else { continue }
      first = min(first ?? due, due)
    }
    if let first { sweep = worker.loop.arm(self, at: first) }
  }

  private func due(_ stream: HTTP2Stream) -> Instant? {
    // The other server decides how long its client may take.
    guard !isPeer else { return nil }
    let timeouts = worker.snapshot.configuration.timeouts
    if let since = stream.waitsSince { return since + timeouts.send }
    return stream.bodyAwaitedSince.map { $0 + timeouts.body }
  }

  /// Ends streams whose client has kept them waiting for too long.
  private func sweepStreams() {
    for stream in streams.all {
      guard let due = due(stream), due <= worker.loop.now else { continue }
      if stream.isWaiting {
        if let tunnel = stream.tunnel {
          stream.forgetWaiting()
          tunnel.cut("client-stalled")
          continue
        }
        stream.exchange?.note(cause: "client-stalled")
        stream.drop()
        reset(stream.id, .cancel)
      } else {
        stream.exchange?.refuse(.bodyTimeout)
      }
    }
  }

  // MARK: Memory

  /// Blocks that this connection has from the pool.
  var bufferBytes: Int { input.capacity + session.output.capacity }

  /// Adds what is kept for the streams; `client` is the other end of the connection.
  func addHolders(to holders: inout [MemoryHolder], _ client: IPAddress) {
    for stream in streams.all {
      if let exchange = stream.exchange {
        holders.append(MemoryHolder(exchange))
      } else if let tunnel = stream.tunnel {
        let memory = tunnel.bufferBytes + stream.intake.count
        holders.append(MemoryHolder(.tunnel(tunnel), of: client, memory: memory))
      }
    }
  }

  /// Tunnels keep so many bytes more, or fewer, of what the connection's window was opened for.
  func keptForTunnels(_ count: Int) { tunnelBytesKept += count }

  private func releaseInput() {
    worker.buffers.takeBackEmpty(&input)
  }
}

@available(*, unavailable) extension HTTP2Driver: Sendable {}

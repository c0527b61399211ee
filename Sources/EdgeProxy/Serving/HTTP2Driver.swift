internal import EventLoop
internal import HTTPCore

/// HTTP/2 on one connection: streams out of bytes, and the frames of a turn into one write.
///
///     open ──▶ announced ──▶ refusing ──▶ finished      (drain: a GOAWAY, a second, another)
///       └──────────┴─────────────┴──────────▲           (an error, a flood, a dead socket)
///
/// The session knows the protocol, the streams their exchanges; here is what the socket takes and
/// when. What goes out is in `HTTP2Output.swift`.
final class HTTP2Driver: TurnEnd, TimerTarget {
  private enum Phase { case open, announced, refusing, finished }

  /// The connection lets go of its driver when it closes.
  let connection: Connection
  let worker: Worker
  let session: ServerSession
  private var input = ByteBuffer()
  /// All streams whose end nobody has told us yet.
  private(set) var streams: [HTTP2Stream] = []
  private var phase = Phase.open
  /// A whole request head has come.
  private var hasServed = false
  private var waiting = Connection.Waiting.head
  private var sweep = TimerToken.none
  private var farewell = TimerToken.none

  /// The client is another server of the fleet, which asks for pipes only.
  let isPeer: Bool
  /// The head of the last question for a pipe.
  var pipeHead = RequestHead()

  // What goes out.
  var isBlocked = false
  var flushesAtTurnEnd = false
  var hasWaiting = false
  var hasHalfAnswered = false
  /// Bytes that tunnels keep and for which the connection's window has been opened again.
  var tunnelBytesKept = 0
  /// Whose turn it is among streams that wait.
  var next = 0

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

  var isFinished: Bool { phase == .finished }

  // MARK: From the connection

  func readable() {
    while phase != .finished {
      if input.capacity == 0 { input = ByteBuffer(storage: worker.buffers.take()) }
      var received = Transport.Received.wouldBlock
      _ = input.write { space in
        received = connection.receive(into: &space)
        if case .bytes(let count) = received { return count }
        return 0
      }
      switch received {
      case .bytes:
        process()
        guard phase != .finished, connection.transport.hasPending else { return }
      case .wouldBlock, .wantsWrite: return releaseInput()
      case .closed: return peerEnded()
      case .broken: return connectionFailed()
      }
    }
  }

  func writable() {
    isBlocked = false
    waiting = .nothing
    connection.wait(.nothing)
    writeOut()
    flushLater()
  }

  /// The socket is dead: nobody is there to answer.
  func connectionFailed() { connection.abort() }

  /// The connection is closing; whatever goes on here ends.
  func dropped() {
    phase = .finished
    worker.loop.cancel(sweep)
    worker.loop.cancel(farewell)
    let ending = streams
    streams = []
    for stream in ending { stream.drop() }
    releaseInput()
    releaseOutput()
  }

  func timedOut(_ waiting: Connection.Waiting) {
    switch waiting {
    case .head where !hasServed: connection.abort()
    case .send:
      for stream in streams { stream.exchange?.note(cause: "client-stalled") }
      connection.abort(reset: true)
    case .head: end(.enhanceYourCalm)
    case .body, .nothing, .handshake, .keepAlive, .farewell, .linger: end(.none)
    }
  }

  /// Tells the client that this server takes no more, then refuses what comes later.
  func drain() {
    guard phase == .open else { return }
    phase = .announced
    session.announceEnd()
    flushLater()
    farewell = worker.loop.arm(self, after: Self.notice)
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
    while !input.isEmpty, phase != .finished {
      let received = session.receive(input.readable, now: worker.loop.now.nanoseconds)
      handle(received.event, input)
      input.consume(received.count)
      takeLeave()
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
    case .ended(let id): if let stream = stream(id) { complete(stream) }
    }
  }

  private func begin(_ id: Int32, _ refusal: HTTPError?, ended: Bool) {
    hasServed = true
    if waiting != .nothing {
      waiting = .nothing
      connection.wait(.nothing)
    }
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
    if let stream = stream(id), stream.keepsForTunnel { return stream.keep(bytes, ended: ended) }
    guard let stream = stream(id), let exchange = stream.exchange, stream.awaitsBody else {
      session.discard(bytes.count)
      if ended { stream(id)?.endRequest() }
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

  private func stream(_ id: Int32) -> HTTP2Stream? {
    for stream in streams where stream.id == id { return stream }
    return nil
  }

  /// Takes leave of streams that are over, and of their exchanges.
  ///
  /// Only the driver's own loops call this, between two events: nothing that a stream or an exchange
  /// calls may come here.
  func takeLeave() {
    while let closed = session.nextClosed() {
      guard let index = streams.firstIndex(where: { $0.id == closed.stream }) else { continue }
      let stream = streams.remove(at: index)
      if next > index { next -= 1 }
      stream.drop(inOrder: closed.code == ErrorCode.none.rawValue)
    }
  }

  private func peerEnded() {
    if streams.isEmpty { connection.finish() } else { connection.abort() }
  }

  // MARK: Ends

  /// Ends the tunnels on this connection for a reason of ours.
  func cutTunnels(_ cause: StaticString) {
    for stream in streams { stream.tunnel?.cut(cause) }
  }

  /// Says why, then closes.
  func end(_ code: ErrorCode) {
    session.terminate(code)
    finishIfOver()
    flushLater()
  }

  /// Closes once everything has been said and taken.
  func finishIfOver() {
    guard phase != .finished else { return }
    writeOut()
    if phase != .finished, session.isOver { connection.finish() }
  }

  // MARK: Time

  /// Sets what the connection as a whole waits for.
  func wait() {
    let reason = reasonToWait
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
    if token == farewell {
      farewell = .none
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
    guard sweep == .none, phase != .finished else { return }
    var first: Instant?
    for stream in streams {
      guard let due = due(stream) else { continue }
      first = min(first ?? due, due)
    }
    if let first { sweep = worker.loop.arm(self, at: first) }
  }

  private func due(_ stream: HTTP2Stream) -> Instant? {
    // How long its client may take is the other server's business.
    guard !isPeer else { return nil }
    let timeouts = worker.snapshot.configuration.timeouts
    if let since = stream.waitsSince { return since + timeouts.send }
    return stream.bodyAwaitedSince.map { $0 + timeouts.body }
  }

  /// Ends streams whose client has kept them waiting for too long.
  private func sweepStreams() {
    for stream in streams {
      guard let due = due(stream), due <= worker.loop.now else { continue }
      if stream.isWaiting {
        if let tunnel = stream.tunnel {
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
    for stream in streams {
      if let exchange = stream.exchange {
        holders.append(MemoryHolder(exchange))
      } else if let tunnel = stream.tunnel {
        let memory = tunnel.bufferBytes + stream.intake.count
        holders.append(MemoryHolder(.tunnel(tunnel), of: client, memory: memory))
      }
    }
  }

  private func releaseInput() {
    if input.isEmpty, input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
  }
}

@available(*, unavailable) extension HTTP2Driver: Sendable {}

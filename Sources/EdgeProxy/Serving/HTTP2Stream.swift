internal import EventLoop
internal import HTTPCore

/// One stream of an HTTP/2 connection: it carries one exchange.
///
/// The exchange is gone as soon as its answer has been written; the stream stays until both sides
/// have ended it. What a client's windows are closed for stays in the exchange's spool. A stream of
/// an extended CONNECT (RFC 8441) carries a tunnel instead once that is agreed; see
/// `HTTP2Tunnel.swift`.
final class HTTP2Stream {
  /// Whose the bytes of a stream are.
  enum Carrying {
    case request(Exchange)
    /// An extended CONNECT: what comes is no body but bytes for a tunnel, once that is agreed to.
    case connect(Exchange)
    /// The same for a pipe whose instance is being connected.
    case pipeOpening(PeerRelay)
    case tunnel(Tunnel)
    /// Its answer has been written, or it never had a taker.
    case nothing
  }

  /// The client's side.
  private enum Request {
    /// More may come; the client last sent some of it then.
    case open(since: Instant)
    case whole
  }

  /// How the body of the answer is delimited.
  private enum Framing {
    case nothing
    case length(left: UInt64)
    case untilEnd
  }

  /// Our side.
  private enum Sending {
    /// Bytes go out as they come.
    case free
    /// It has been told to go on, and may send so many bytes before other streams have their turn;
    /// with `again` there was no room for all of it, and it waits on.
    case resumed(share: Int, since: Instant, again: Bool)
    /// The exchange or tunnel has bytes that there is no room for.
    case waiting(since: Instant)
    /// All is out but the mark of the end, which there is no room for.
    case owesEnd(since: Instant)
    /// The session has no such stream any more.
    case gone
  }

  let id: Int32
  let driver: HTTP2Driver
  private(set) var carrying = Carrying.nothing
  private var request: Request
  private var framing = Framing.nothing
  private var sending = Sending.free
  /// Bytes for a tunnel that it has not taken yet.
  var intake = TunnelIntake()

  init(id: Int32, driver: HTTP2Driver, now: Instant) {
    self.id = id
    self.driver = driver
    request = .open(since: now)
  }

  // MARK: What it is about

  var exchange: Exchange? {
    switch carrying {
    case .request(let exchange), .connect(let exchange): exchange
    case .pipeOpening, .tunnel, .nothing: nil
    }
  }

  var tunnel: Tunnel? { if case .tunnel(let tunnel) = carrying { tunnel } else { nil } }

  /// From here on its bytes are somebody else's.
  func carry(_ carrying: Carrying) { self.carrying = carrying }

  /// The whole request is there.
  var requestEnded: Bool { if case .whole = request { true } else { false } }

  /// The answer waits for room, or only its end does.
  var isWaiting: Bool { waitsSince != nil }

  /// Since when the client has taken nothing of what waits.
  var waitsSince: Instant? {
    switch sending {
    case .waiting(let since), .owesEnd(let since), .resumed(_, let since, again: true): since
    case .free, .resumed(_, _, again: false), .gone: nil
    }
  }

  var owesEnd: Bool { if case .owesEnd = sending { true } else { false } }

  var isGone: Bool { if case .gone = sending { true } else { false } }

  // MARK: The request, called by the driver

  /// The exchange waits for what the client sends; what comes for one that is being answered already
  /// is thrown away.
  var awaitsBody: Bool {
    guard case .request(let exchange) = carrying, !requestEnded else { return false }
    return exchange.isReceiving
  }

  /// Its answer has been written, and the request goes on.
  var isHalfAnswered: Bool {
    guard case .nothing = carrying else { return false }
    return !requestEnded
  }

  /// Since when the client has sent nothing of a body that is waited for.
  var bodyAwaitedSince: Instant? {
    guard case .open(let since) = request, awaitsBody else { return nil }
    return since
  }

  func received(now: Instant) { if !requestEnded { request = .open(since: now) } }

  func endRequest() { request = .whole }

  func sendContinue() {
    sendInterim { head in
      head.append("HTTP/1.1 100 Continue\r\n\r\n")
      return true
    }
  }

  /// Lets go of what it carries, which nobody waits for any more.
  ///
  /// With `inOrder` the client has not reset it, or only because it needs nothing more.
  func drop(inOrder: Bool = false) {
    sending = .gone
    forgetIntake()
    let carried = carrying
    carrying = .nothing
    switch carried {
    case .request(let exchange), .connect(let exchange):
      exchange.clientGone()
      driver.worker.give(exchange)
    case .pipeOpening(let relay): relay.streamGone()
    case .tunnel(let tunnel): tunnel.clientLost(inOrder: inOrder)
    case .nothing: break
    }
  }

  /// Lets the exchange send at most `share` bytes of what waits.
  func resume(share: Int) {
    guard let since = waitsSince else { return }
    let owedEnd = owesEnd
    sending = .resumed(share: share, since: since, again: false)
    if owedEnd {
      sendEnd()
    } else {
      exchange?.downstreamWritable()
      tunnel?.clientReady(.writable)
    }
    if case .resumed(_, let since, let again) = sending {
      sending = again ? .waiting(since: since) : .free
    }
  }

  // MARK: The answer, called by the exchange

  /// An answer never ends the connection; a worker that sends clients away tells them in its own words.
  func mustClose() -> Bool {
    if driver.worker.sendsClientsAway { driver.drain() }
    return false
  }

  func sendHead(_ framing: OutputFraming, _ write: (inout ByteBuffer) -> Bool) -> Bool {
    switch framing {
    case .none, .length(0): self.framing = .nothing
    case .length(let count): self.framing = .length(left: count)
    case .chunked, .untilClose: self.framing = .untilEnd
    }
    var hasBody = true
    if case .nothing = self.framing { hasBody = false }
    return driver.writeHead(write) { session, head in
      session.respond(id, head, hasBody: hasBody)
    }
  }

  func sendInterim(_ write: (inout ByteBuffer) -> Bool) {
    _ = driver.writeHead(write) { session, head in
      session.inform(id, head)
      return true
    }
  }

  /// What it may send before other streams have their turn.
  private var share: Int {
    if case .resumed(let share, _, _) = sending { share } else { .max }
  }

  /// What the client's windows, the socket and the share have room for.
  var room: Int { min(share, driver.room(on: id)) }

  func sendBody(_ bytes: borrowing Span<UInt8>) -> Int {
    var count = bytes.count
    var endsStream = false
    if case .length(let left) = framing { endsStream = left <= UInt64(count) }
    if count > share {
      count = share
      endsStream = false
    }
    let taken = offer(bytes.extracting(0..<count), endsStream: endsStream)
    if case .length(let left) = framing { framing = .length(left: left - min(left, UInt64(taken))) }
    if taken < bytes.count { wait() }
    return taken
  }

  /// Sends what the client's windows, the socket and the share take.
  func offer(_ bytes: borrowing Span<UInt8>, endsStream: Bool) -> Int {
    let count = min(bytes.count, share)
    let taken = driver.send(id, bytes.extracting(0..<count), endsStream: endsStream)
    guard taken > 0 else { return 0 }
    let now = driver.worker.loop.now
    switch sending {
    case .resumed(let share, _, let again):
      sending = .resumed(share: share - taken, since: now, again: again)
    case .waiting: sending = .waiting(since: now)
    case .free, .owesEnd, .gone: break
    }
    return taken
  }

  /// The frames of a turn go out together; `false` where nothing can go out now.
  func flush() -> Bool {
    driver.flushLater()
    return !isWaiting
  }

  /// A connection's answers share what eight of HTTP/1.1 have, but each has room for one read.
  func responseMemory(_ most: Int) -> Int {
    max(BufferPool.blockBytes, most * 8 / max(8, driver.streams.count))
  }

  func endAnswer() {
    finishExchange()
    switch framing {
    case .nothing, .length(0): driver.answered(self)
    case .untilEnd: sendEnd()
    case .length: driver.reset(id, .internalError)
    }
  }

  func cutAnswer() {
    finishExchange()
    driver.reset(id, .internalError)
  }

  /// The exchange is the tunnel's from here on.
  func handOver(to tunnel: Tunnel) { begin(tunnel) }

  func sendEnd() {
    let isOut = driver.end(id)
    guard !isGone else { return }
    if isOut {
      sending = .free
      return driver.answered(self)
    }
    sending = .owesEnd(since: waitBegan)
    driver.streamWaits()
  }

  private func finishExchange() {
    guard let exchange else { return }
    carrying = .nothing
    exchange.finish()
    driver.worker.give(exchange)
  }

  /// Nothing more goes out but for a reset.
  func forgetWaiting() { if !isGone { sending = .free } }

  func wait() {
    switch sending {
    case .free: sending = .waiting(since: driver.worker.loop.now)
    case .resumed(let share, let since, _):
      sending = .resumed(share: share, since: since, again: true)
    case .waiting, .owesEnd: break
    case .gone: return
    }
    driver.streamWaits()
  }

  /// When the waiting began that goes on or begins now.
  private var waitBegan: Instant {
    switch sending {
    case .resumed(_, let since, _), .waiting(let since), .owesEnd(let since): since
    case .free, .gone: driver.worker.loop.now
    }
  }
}

@available(*, unavailable) extension HTTP2Stream: Sendable {}

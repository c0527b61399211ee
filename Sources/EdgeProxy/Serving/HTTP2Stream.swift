internal import EventLoop
internal import HTTPCore

/// One stream of an HTTP/2 connection: it carries one exchange.
///
/// The exchange is gone as soon as its answer has been written; the stream stays until both sides
/// have ended it. What a client's windows are closed for stays in the exchange's spool. A stream of
/// an extended CONNECT (RFC 8441) carries a tunnel instead once that is agreed; see
/// `HTTP2Tunnel.swift`.
final class HTTP2Stream {
  /// How the body of the answer is delimited.
  private enum Writing {
    case nothing
    case length(left: UInt64)
    case untilEnd
  }

  let id: Int32
  let driver: HTTP2Driver
  private(set) var exchange: Exchange?
  private var writing = Writing.nothing
  /// The whole request is there.
  private(set) var requestEnded = false
  /// What comes is no body but bytes for a tunnel, which is there once it has been agreed to.
  var isConnect = false
  var tunnel: Tunnel?
  /// The same for a pipe whose instance is being connected.
  var relay: PeerRelay?
  /// The client has not reset it, or only because it needs nothing more.
  var endsInOrder = false
  var intake = TunnelIntake()
  /// The session has no such stream any more.
  private(set) var isGone = false
  /// The exchange has bytes that there was no room for.
  private(set) var isWaiting = false
  /// The answer is complete but for the mark of its end.
  private(set) var owesEnd = false
  /// What the exchange may send before other streams have their turn.
  private var share = Int.max
  /// It is told to go on, and waits on unless something goes out.
  private var isResuming = false
  /// When the client last did what this stream waits for.
  private(set) var movedAt: Instant

  init(id: Int32, driver: HTTP2Driver, now: Instant) {
    self.id = id
    self.driver = driver
    movedAt = now
  }

  // MARK: The request, called by the driver

  func assign(_ exchange: Exchange) { self.exchange = exchange }

  /// The exchange waits for what the client sends; what comes for one that is being answered already
  /// is thrown away.
  var awaitsBody: Bool { !requestEnded && !isConnect && (exchange?.isReceiving ?? false) }

  func received(now: Instant) { movedAt = now }

  func endRequest() { requestEnded = true }

  func sendContinue() {
    sendInterim { head in
      head.append("HTTP/1.1 100 Continue\r\n\r\n")
      return true
    }
  }

  /// Lets go of the exchange, which nobody waits for any more.
  func dropExchange() {
    forgetWaiting()
    isGone = true
    relay?.streamGone()
    relay = nil
    dropTunnel()
    guard let exchange else { return }
    self.exchange = nil
    exchange.clientGone()
    driver.worker.give(exchange)
  }

  /// Lets the exchange send at most `share` bytes of what waits.
  func resume(share: Int) {
    isWaiting = false
    isResuming = true
    defer { isResuming = false }
    if owesEnd { return sendEnd() }
    self.share = share
    exchange?.downstreamWritable()
    tunnel?.clientReady(.writable)
    self.share = .max
  }

  // MARK: The answer, called by the exchange

  /// An answer never ends the connection; a worker that sends clients away tells them in its own words.
  func mustClose() -> Bool {
    if driver.worker.sendsClientsAway { driver.drain() }
    return false
  }

  func sendHead(_ framing: OutputFraming, _ write: (inout ByteBuffer) -> Bool) -> Bool {
    switch framing {
    case .none, .length(0): writing = .nothing
    case .length(let count): writing = .length(left: count)
    case .chunked, .untilClose: writing = .untilEnd
    }
    var hasBody = true
    if case .nothing = writing { hasBody = false }
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

  /// What the client's windows, the socket and the share have room for.
  var room: Int { min(share, driver.room(on: id)) }

  func sendBody(_ bytes: borrowing Span<UInt8>) -> Int {
    var count = bytes.count
    var endsStream = false
    if case .length(let left) = writing { endsStream = left <= UInt64(count) }
    if count > share {
      count = share
      endsStream = false
    }
    let taken = offer(bytes.extracting(0..<count), endsStream: endsStream)
    if case .length(let left) = writing { writing = .length(left: left - min(left, UInt64(taken))) }
    if taken < bytes.count { wait() }
    return taken
  }

  /// Sends what the client's windows, the socket and the share take.
  func offer(_ bytes: borrowing Span<UInt8>, endsStream: Bool) -> Int {
    let count = min(bytes.count, share)
    let taken = driver.send(id, bytes.extracting(0..<count), endsStream: endsStream)
    if taken > 0 { movedAt = driver.worker.loop.now }
    if share < .max { share -= taken }
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
    switch writing {
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
  func handOver(to tunnel: Tunnel) {
    exchange = nil
    begin(tunnel)
  }

  func sendEnd() {
    owesEnd = !driver.end(id)
    if owesEnd { wait() } else { driver.answered(self) }
  }

  private func finishExchange() {
    guard let exchange else { return }
    self.exchange = nil
    exchange.finish()
    driver.worker.give(exchange)
  }

  func forgetWaiting() {
    isWaiting = false
    owesEnd = false
  }

  func wait() {
    if !isWaiting, !isResuming { movedAt = driver.worker.loop.now }
    isWaiting = true
    driver.streamWaits()
  }
}

@available(*, unavailable) extension HTTP2Stream: Sendable {}

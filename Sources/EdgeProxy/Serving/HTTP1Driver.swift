internal import EventLoop
internal import HTTPCore

/// HTTP/1.1 on one connection: requests out of bytes, one after the other, and answers into bytes.
///
///     head ──▶ body ──▶ exchanging ──▶ head …        (RFC 9112 §9.3.2: answers in order)
///       └────────┴────────────┴──▶ ended             (Connection: close, an error, drain)
///
/// Requests that arrive while one is being answered stay in the input until its answer is out.
final class HTTP1Driver: TurnEnd {
  private enum Reading {
    case head
    case body(RequestBodyReader)
    /// The exchange has its whole request.
    case exchanging
    /// No further request is read on this connection.
    case ended
  }

  /// How the body of the present answer is delimited.
  private enum Writing {
    case nothing
    case length(UInt64)
    case chunked
    case untilClose
  }

  /// The connection lets go of its driver when it closes.
  private let connection: Connection
  private let worker: Worker
  private var input = ByteBuffer()
  private var output = ByteBuffer()
  private var parser = RequestParser()
  private var reading = Reading.head
  private var writing = Writing.nothing
  private(set) var exchange: Exchange?
  /// Everything of the answer has been written to `output`.
  private var answerComplete = false
  private var closeAfterAnswer = false

  init(connection: Connection) {
    self.connection = connection
    worker = connection.worker
  }

  var isIdle: Bool { exchange == nil && input.isEmpty }

  // MARK: From the connection

  func readable() {
    while true {
      if input.capacity == 0 { input = ByteBuffer(storage: worker.buffers.take()) }
      if input.freeCount == 0 { input.compact() }
      if input.freeCount == 0, input.capacity < BufferPool.blockBytes {
        replaceInput(worker.buffers.take())
      }
      guard input.freeCount > 0 else { return connection.setReading(false) }
      var received = Transport.Received.wouldBlock
      _ = input.write { space in
        received = connection.receive(into: &space)
        if case .bytes(let count) = received { return count }
        return 0
      }
      switch received {
      case .bytes:
        process()
        guard case .ended = reading else {
          if connection.transport.hasPending { continue }
          return
        }
        return
      case .wouldBlock, .wantsWrite: return releaseIdleInput()
      case .closed: return peerEnded()
      case .broken: return connectionFailed()
      }
    }
  }

  func writable() {
    guard exchange != nil || !output.isEmpty else { return }
    guard flush() else { return }
    connection.wait(.nothing)
    if answerComplete { return completeAnswer() }
    exchange?.downstreamWritable()
  }

  /// The socket is dead: nobody is there to answer.
  func connectionFailed() {
    exchange?.clientGone()
    connection.abort()
  }

  /// The connection is closing; whatever goes on here ends.
  func dropped() {
    if let exchange { self.exchange = nil; exchange.clientGone(); worker.give(exchange) }
    releaseBuffers()
    reading = .ended
  }

  func drain() {
    closeAfterAnswer = true
    // A request may be on its way: one that comes now is answered, and told that it was the last.
    if isIdle { connection.wait(.farewell) }
  }

  func timedOut(_ waiting: Connection.Waiting) {
    switch waiting {
    case .head where parser.hasBegun: refuse(.headTimeout)
    case .head: connection.abort()
    case .body: refuse(.bodyTimeout)
    case .send:
      exchange?.note(cause: "client-stalled")
      connection.abort(reset: true)
    case .nothing, .handshake, .keepAlive, .farewell, .linger: connection.finish()
    }
  }

  // MARK: Requests

  func turnEnded() { process() }

  /// Takes as much out of the input as the present state allows.
  private func process() {
    while true {
      switch reading {
      case .head:
        guard !input.isEmpty else { return becomeIdle() }
        guard parseHead() else { return }
      case .body(var reader):
        guard let exchange else { return }
        do throws(RequestBodyFailure) {
          let complete = try reader.read(&input, into: exchange)
          reading = complete ? .exchanging : .body(reader)
          guard complete else {
            releaseIdleInput()
            return connection.wait(.body)
          }
          connection.wait(.nothing)
          exchange.requestComplete()
        } catch {
          return refuse(error)
        }
      case .exchanging, .ended: return releaseIdleInput()
      }
    }
  }

  /// Parses a head; `true` when the state has moved on.
  private func parseHead() -> Bool {
    let exchange: Exchange
    if let current = self.exchange {
      exchange = current
    } else {
      exchange = worker.takeExchange(for: .http1(self), on: connection)
      self.exchange = exchange
    }
    do throws(HTTPError) {
      let limits = worker.snapshot.headLimits
      guard let count = try exchange.parseHead(&parser, input.readable, limits) else {
        if !parser.hasBegun { releaseExchange() }
        connection.waitForHead()
        return false
      }
      input.consume(count)
    } catch {
      refuse(.head(error))
      return false
    }
    parser.reset()
    connection.wait(.nothing)
    begin(exchange)
    return true
  }

  private func begin(_ exchange: Exchange) {
    if !exchange.request.head.keepAlive { closeAfterAnswer = true }
    if let reader = RequestBodyReader(exchange.request.head.framing) {
      reading = .body(reader)
      guard exchange.begin() else { return }
      if exchange.request.head.expectsContinue, input.isEmpty { sendContinue() }
    } else {
      reading = .exchanging
      if exchange.begin() { exchange.requestComplete() }
    }
  }

  private func sendContinue() {
    take(&output)
    output.append("HTTP/1.1 100 Continue\r\n\r\n")
    _ = flush()
  }

  /// Answers an unusable request and takes no further one: what follows cannot be told apart.
  private func refuse(_ failure: RequestBodyFailure) {
    guard let exchange else { return connection.abort() }
    closeAfterAnswer = true
    reading = .ended
    exchange.refuse(failure)
  }

  private func peerEnded() {
    guard let exchange else { return connection.finish() }
    switch reading {
    case .head, .body: connectionFailed()
    case .exchanging, .ended:
      connection.setReading(false)
      closeAfterAnswer = true
      if exchange.clientEnded() { connection.abort() }
    }
  }

  private func becomeIdle() {
    releaseIdleInput()
    if exchange == nil { connection.wait(closeAfterAnswer ? .farewell : .keepAlive) }
  }

  // MARK: Answers, called by the exchange

  /// Whether the connection ends after the present answer; decided before its head is written.
  func mustClose() -> Bool {
    // A request whose body was not read whole cannot be followed by another.
    if case .body = reading { closeAfterAnswer = true; reading = .ended }
    if worker.sendsClientsAway { closeAfterAnswer = true }
    return closeAfterAnswer
  }

  /// Writes a head with `write`, which says whether it fitted; the body follows by `framing`.
  func sendHead(
    _ framing: OutputFraming, _ write: (inout ByteBuffer) -> Bool
  ) -> Bool {
    take(&output)
    guard output.appendWhole(write) else { return false }
    switch framing {
    case .none: writing = .nothing
    case .length(let count): writing = .length(count)
    case .chunked: writing = .chunked
    case .untilClose:
      writing = .untilClose
      closeAfterAnswer = true
    }
    return true
  }

  /// Sends an interim (1xx) answer.
  func sendInterim(_ write: (inout ByteBuffer) -> Bool) {
    take(&output)
    if output.appendWhole(write) { _ = flush() }
  }

  /// Takes body bytes; returns how many, fewer when the client cannot take more now.
  func sendBody(_ bytes: borrowing Span<UInt8>) -> Int {
    if output.isEmpty, case .length = writing { return sendUnframed(bytes) }
    take(&output)
    var taken = 0
    while taken < bytes.count {
      let count = frame(bytes.extracting(taken..<bytes.count))
      taken += count
      // A small answer waits for its end, so that head and body go out as one record.
      if taken == bytes.count, output.count < Self.gatherBytes { break }
      guard flush() else { break }
      take(&output)
    }
    return taken
  }

  /// Everything that was taken goes out now; `false` when the client cannot take it all.
  func flush() -> Bool {
    while !output.isEmpty {
      switch connection.send(output.readable) {
      case .bytes(let count): output.consume(count)
      case .wouldBlock, .wantsRead:
        connection.wait(.send)
        return false
      case .broken:
        connection.loseLater()
        return false
      }
    }
    if output.capacity > 0 { worker.buffers.give(output.takeStorage()) }
    return true
  }

  /// The answer is complete; the next request follows when it is out.
  func endAnswer() {
    if case .chunked = writing {
      take(&output)
      if output.freeCount < Self.lastChunkBytes {
        // The head, or what waits, has filled the block to its end.
        _ = flush()
        take(&output)
      }
      let isMarked = output.appendWhole { output in
        output.append("0\r\n\r\n")
        return true
      }
      guard isMarked else { return cutAnswer() }
    }
    answerComplete = true
    if flush() { completeAnswer() }
  }

  /// The answer cannot be completed: the client must see that it is cut.
  func cutAnswer() {
    // Without a byte of the answer a client would take the request for unanswered and send it again.
    _ = flush()
    var reset = false
    if case .untilClose = writing { reset = true }
    connection.abort(reset: reset)
  }

  /// The client's bytes belong to a tunnel from here on, those that are here already first.
  func handOver(to tunnel: Tunnel) {
    exchange = nil
    reading = .ended
    tunnel.begin(connection, received: &input, unsent: &output)
    connection.become(tunnel)
  }

  // MARK: Below

  /// The chunk that ends a body.
  private static let lastChunkBytes = 5
  /// Up to this many bytes wait for the rest of the answer that is known to follow at once.
  private static let gatherBytes = 16 * 1024

  private func sendUnframed(_ bytes: borrowing Span<UInt8>) -> Int {
    var taken = 0
    while taken < bytes.count {
      switch connection.send(bytes.extracting(taken..<bytes.count)) {
      case .bytes(let count): taken += count
      case .wouldBlock, .wantsRead:
        connection.wait(.send)
        return taken
      case .broken:
        connection.loseLater()
        return taken
      }
    }
    return taken
  }

  /// Copies as much as fits into the output, with its framing; returns how many body bytes.
  private func frame(_ bytes: borrowing Span<UInt8>) -> Int {
    guard case .chunked = writing else {
      let count = min(bytes.count, output.freeCount)
      output.append(bytes.extracting(0..<count))
      return count
    }
    let overhead = 2 + 8 + 2
    guard output.freeCount > overhead + 7 else { return 0 }
    let count = min(bytes.count, output.freeCount - overhead - 7)
    output.append(hexadecimal: count)
    output.append("\r\n")
    output.append(bytes.extracting(0..<count))
    output.append("\r\n")
    return count
  }

  private func completeAnswer() {
    answerComplete = false
    writing = .nothing
    releaseExchange()
    if closeAfterAnswer || worker.sendsClientsAway {
      reading = .ended
      return connection.finish()
    }
    reading = .head
    connection.setReading(true)
    connection.wait(.keepAlive)
    if input.isEmpty { releaseIdleInput() } else { worker.loop.atTurnEnd(self) }
  }

  private func releaseExchange() {
    guard let exchange else { return }
    self.exchange = nil
    exchange.finish()
    worker.give(exchange)
  }

  private func releaseIdleInput() {
    if input.isEmpty, input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
  }

  // MARK: Memory

  /// Blocks that this connection has from the pool.
  var bufferBytes: Int { input.capacity + output.capacity }

  /// Bytes of an unfinished head that a small block is enough for.
  private static let smallBytes = 4096

  /// Puts the beginning of a head into a block of its size; returns how many bytes are free now.
  func shrinkInput() -> Int {
    guard !input.isEmpty, input.count <= Self.smallBytes / 2, input.capacity > Self.smallBytes
    else {
      return 0
    }
    let before = input.capacity
    replaceInput(worker.buffers.takeSmall(Self.smallBytes))
    return before - Self.smallBytes
  }

  private func replaceInput(_ storage: consuming [UInt8]) {
    var next = ByteBuffer(storage: storage)
    next.append(input.readable)
    worker.buffers.give(input.takeStorage())
    swap(&input, &next)
  }

  private func releaseBuffers() {
    if input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
    if output.capacity > 0 { worker.buffers.give(output.takeStorage()) }
  }

  private func take(_ buffer: inout ByteBuffer) {
    if buffer.capacity == 0 { buffer = ByteBuffer(storage: worker.buffers.take()) }
    if buffer.freeCount < Self.gatherBytes { buffer.compact() }
  }
}

@available(*, unavailable) extension HTTP1Driver: Sendable {}

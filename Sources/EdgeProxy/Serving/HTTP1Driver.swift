internal import EventLoop
internal import HTTPCore

/// HTTP/1.1 on one connection: requests out of bytes, one after the other, and answers into bytes.
///
///     head ──▶ body ──▶ exchanging ──▶ head …        (RFC 9112 §9.3.2: answers in order)
///       ├────────┤            │
///       │        └──▶ discarding (an answer begins before the request is whole, or an error)
///       └─────────────┴───────┴──▶ ended             (Connection: close, drain)
///
/// Requests that arrive while one is being answered stay in the input until its answer is out.
final class HTTP1Driver: TurnEnd {
  private enum Reading {
    case head
    case body(RequestBodyReader)
    /// The exchange has its whole request.
    case exchanging
    /// The answer did not wait for the whole request; what still comes of it is thrown away, since a
    /// client that is still writing does not read.
    case discarding
    /// No further request is read on this connection.
    case ended
  }

  /// How far the present answer has got.
  private enum Answering {
    case nothing
    /// Its head is written, and so is its body as far as it has come.
    case body(OutputFraming)
    /// All of it is in `output`.
    case complete
  }

  /// The connection lets go of its driver when it closes.
  let connection: Connection
  private let worker: Worker
  private var input = ByteBuffer()
  private var output = ByteBuffer()
  private(set) var parser = RequestParser()
  private var reading = Reading.head
  private var answering = Answering.nothing
  private(set) var exchange: Exchange?
  var closeAfterAnswer = false
  /// The client sends nothing more; what it has asked is answered, in order.
  private var clientHasEnded = false

  init(connection: Connection) {
    self.connection = connection
    worker = connection.worker
  }

  var isIdle: Bool { exchange == nil && input.isEmpty }

  // MARK: From the connection

  func readable() {
    while true {
      worker.buffers.lend(&input)
      if input.freeCount == 0 { input.compact() }
      if input.freeCount == 0, input.capacity < BufferPool.blockBytes {
        replaceInput(worker.buffers.take())
      }
      if case .discarding = reading { input.consume(input.count) }
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
      case .broken: return abort()
      }
    }
  }

  func writable() {
    guard exchange != nil || !output.isEmpty else { return }
    guard flush() else { return }
    connection.wait(.nothing)
    if case .complete = answering { return completeAnswer() }
    exchange?.downstreamWritable()
  }

  /// The connection is closing; whatever goes on here ends.
  func dropped() {
    dropExchange()
    worker.buffers.takeBack(&input)
    worker.buffers.takeBack(&output)
    reading = .ended
  }

  /// Takes nothing more; the connection ends with the turn, and what goes on here with it.
  func abort(reset: Bool = false) {
    reading = .ended
    connection.abort(reset: reset)
  }

  /// Takes nothing more; our side ends with the turn.
  func finish() {
    var expectsMore = false
    if case .discarding = reading { expectsMore = true }
    reading = .ended
    connection.finish(expectingMore: expectsMore)
  }

  private func dropExchange() {
    guard let exchange else { return }
    self.exchange = nil
    exchange.clientGone()
    worker.give(exchange)
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
            if clientHasEnded { return abort() }
            releaseIdleInput()
            return connection.wait(.body)
          }
          connection.wait(.nothing)
          exchange.requestComplete()
        } catch {
          return refuse(error)
        }
      case .discarding:
        input.consume(input.count)
        return releaseIdleInput()
      case .exchanging, .ended: return releaseIdleInput()
      }
    }
  }

  /// Parses a head; `true` when the state has moved on.
  private func parseHead() -> Bool {
    let exchange = exchange ?? worker.takeExchange(for: .http1(self), on: connection)
    self.exchange = exchange
    do throws(HTTPError) {
      let limits = worker.snapshot.headLimits
      guard let count = try exchange.parseHead(&parser, input.readable, limits) else {
        if !parser.hasBegun { releaseExchange() }
        if clientHasEnded { abort() } else { connection.waitForHead() }
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
      if exchange.request.head.expectsContinue, input.isEmpty {
        sendInterim { output in
          output.append("HTTP/1.1 100 Continue\r\n\r\n")
          return true
        }
      }
    } else {
      reading = .exchanging
      if exchange.begin() { exchange.requestComplete() }
    }
  }

  /// Answers an unusable request and takes no further one: what follows cannot be told apart.
  func refuse(_ failure: RequestBodyFailure) {
    guard let exchange else { return abort() }
    closeAfterAnswer = true
    reading = .discarding
    exchange.refuse(failure)
  }

  /// The client should have spoken TLS; what it has sent is gone.
  func refuseWithoutTLS() {
    exchange = worker.takeExchange(for: .http1(self), on: connection)
    refuse(.notTLS)
  }

  /// The client has ended its side, which says nothing about ours (RFC 8446 §6.1).
  ///
  /// What it has asked is answered, and what it has only begun to ask ends here.
  private func peerEnded() {
    if isIdle { return finish() }
    clientHasEnded = true
    connection.clientEnded()
    process()
  }

  private func becomeIdle() {
    releaseIdleInput()
    if clientHasEnded { return finish() }
    if exchange == nil { connection.wait(closeAfterAnswer ? .farewell : .keepAlive) }
  }

  // MARK: Answers, called by the exchange

  /// Whether the connection ends after the present answer; decided before its head is written.
  func mustClose() -> Bool {
    // A request whose body was not read whole cannot be followed by another.
    if case .body = reading { closeAfterAnswer = true; reading = .discarding }
    if worker.sendsClientsAway || clientHasEnded && input.isEmpty { closeAfterAnswer = true }
    return closeAfterAnswer
  }

  /// Writes a head with `write`, which says whether it fitted; the body follows by `framing`.
  func sendHead(
    _ framing: OutputFraming, _ write: (inout ByteBuffer) -> Bool
  ) -> Bool {
    take(&output)
    guard output.appendWhole(write) else { return false }
    answering = .body(framing)
    if case .untilClose = framing { closeAfterAnswer = true }
    return true
  }

  /// Sends an interim (1xx) answer.
  func sendInterim(_ write: (inout ByteBuffer) -> Bool) {
    take(&output)
    if output.appendWhole(write) { _ = flush() }
  }

  /// Takes body bytes; returns how many, fewer when the client cannot take more now.
  func sendBody(_ bytes: borrowing Span<UInt8>) -> Int {
    guard case .body(let framing) = answering else { return 0 }
    if output.isEmpty, case .length = framing { return write(bytes) }
    take(&output)
    var taken = 0
    while taken < bytes.count {
      let count = framing.frame(bytes.extracting(taken..<bytes.count), into: &output)
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
    if !output.isEmpty {
      let taken = write(output.readable)
      output.consume(taken)
      guard output.isEmpty else { return false }
    }
    worker.buffers.takeBack(&output)
    return true
  }

  /// The answer is complete; the next request follows when it is out.
  func endAnswer() {
    if case .body(.chunked) = answering {
      take(&output)
      if output.freeCount < OutputFraming.lastChunkBytes {
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
    answering = .complete
    if flush() { completeAnswer() }
  }

  /// The answer cannot be completed: the client must see that it is cut.
  func cutAnswer() {
    // Without a byte of the answer a client would take the request for unanswered and send it again.
    _ = flush()
    dropExchange()
    if case .body(.untilClose) = answering { abort(reset: true) } else { abort() }
  }

  /// The client's bytes belong to a tunnel from here on, those that are here already first.
  func handOver(to tunnel: Tunnel) {
    exchange = nil
    reading = .ended
    tunnel.begin(connection, received: &input, unsent: &output)
    connection.become(tunnel)
  }

  /// Up to this many bytes wait for the rest of the answer that is known to follow at once.
  private static let gatherBytes = 16 * 1024

  /// Writes what the socket takes; where that is not all, the connection waits for room or ends.
  private func write(_ bytes: borrowing Span<UInt8>) -> Int {
    var taken = 0
    while taken < bytes.count {
      switch connection.send(bytes.extracting(taken..<bytes.count)) {
      case .bytes(let count): taken += count
      case .wouldBlock, .wantsRead:
        connection.wait(.send)
        return taken
      case .broken:
        abort()
        return taken
      }
    }
    return taken
  }

  private func completeAnswer() {
    answering = .nothing
    releaseExchange()
    if closeAfterAnswer || worker.sendsClientsAway {
      return finish()
    }
    reading = .head
    if !clientHasEnded { connection.setReading(true) }
    connection.wait(.keepAlive)
    // What came behind the request waits here for the end of the turn, as the client's end does.
    if input.isEmpty, !clientHasEnded { releaseIdleInput() } else { worker.loop.atTurnEnd(self) }
  }

  private func releaseExchange() {
    guard let exchange else { return }
    self.exchange = nil
    exchange.finish()
    worker.give(exchange)
  }

  private func releaseIdleInput() { worker.buffers.takeBackEmpty(&input) }

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
    swap(&input, &next)
    worker.buffers.takeBack(&next)
  }

  private func take(_ buffer: inout ByteBuffer) {
    worker.buffers.lend(&buffer)
    if buffer.freeCount < Self.gatherBytes { buffer.compact() }
  }
}

@available(*, unavailable) extension HTTP1Driver: Sendable {}

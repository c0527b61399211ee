internal import HTTPCore

/// Carries an exchange to its client, over HTTP/1.1 or in a stream of HTTP/2.
///
/// An enum of final classes and not a protocol: its calls are on the way of every body piece, and a
/// switch costs less than finding a witness.
enum ExchangeDriver {
  case http1(HTTP1Driver)
  case http2(HTTP2Stream)
  /// No client: the answer is for this server.
  case call(AuthenticatorCall)

  /// Whether the connection ends after the present answer; decided before its head is written.
  func mustClose() -> Bool {
    switch self {
    case .http1(let driver): driver.mustClose()
    case .http2(let stream): stream.mustClose()
    case .call: false
    }
  }

  /// Writes a head, in HTTP/1.1's form, with `write`, which says whether it fitted.
  ///
  /// The body follows by `framing`.
  func sendHead(_ framing: OutputFraming, _ write: (inout ByteBuffer) -> Bool) -> Bool {
    switch self {
    case .http1(let driver): driver.sendHead(framing, write)
    case .http2(let stream): stream.sendHead(framing, write)
    // It has taken the head as it came.
    case .call: true
    }
  }

  /// Sends an interim (1xx) answer.
  func sendInterim(_ write: (inout ByteBuffer) -> Bool) {
    switch self {
    case .http1(let driver): driver.sendInterim(write)
    case .http2(let stream): stream.sendInterim(write)
    case .call: break
    }
  }

  /// Body bytes that the client may be able to take now.
  var room: Int {
    switch self {
    case .http1: Int.max
    case .http2(let stream): stream.room
    case .call: Int.max
    }
  }

  /// The exchange has bytes that the client has no room for: it hears `downstreamWritable` later.
  func waitForRoom() {
    switch self {
    // A connection that is full tells it in any case.
    case .http1: break
    case .http2(let stream): stream.wait()
    case .call: break
    }
  }

  /// Takes body bytes; returns how many, fewer when the client cannot take more now.
  ///
  /// An exchange that has bytes left hears `downstreamWritable` when there is room again.
  func sendBody(_ bytes: borrowing Span<UInt8>) -> Int {
    switch self {
    case .http1(let driver): return driver.sendBody(bytes)
    case .http2(let stream): return stream.sendBody(bytes)
    case .call(let call):
      call.take(bytes)
      return bytes.count
    }
  }

  /// Sends the bytes that were taken without waiting for more; `false` when the client cannot take
  /// them all.
  func flush() -> Bool {
    switch self {
    case .http1(let driver): driver.flush()
    case .http2(let stream): stream.flush()
    case .call: true
    }
  }

  /// The answer is complete.
  func endAnswer() {
    switch self {
    case .http1(let driver): driver.endAnswer()
    case .http2(let stream): stream.endAnswer()
    case .call(let call): call.answerEnded()
    }
  }

  /// The answer cannot be completed: the client must see that it is cut.
  func cutAnswer() {
    switch self {
    case .http1(let driver): driver.cutAnswer()
    case .http2(let stream): stream.cutAnswer()
    case .call(let call): call.answerCut()
    }
  }

  /// The client's bytes belong to a tunnel from here on, whose agreement has been sent.
  func handOver(to tunnel: Tunnel) {
    switch self {
    case .http1(let driver): driver.handOver(to: tunnel)
    case .http2(let stream): stream.handOver(to: tunnel)
    // It asks for no tunnel, so that none is agreed to.
    case .call: break
    }
  }

  /// What of an answer may wait in memory, where one that has a connection for itself may `most`.
  func responseMemory(_ most: Int) -> Int {
    switch self {
    case .http1: most
    case .http2(let stream): stream.responseMemory(most)
    case .call: most
    }
  }
}

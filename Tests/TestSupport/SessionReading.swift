package import HTTPCore

/// All that a session made of an input, comparable: what came on each stream, and what it sent.
package struct SessionReading: Equatable {
  package struct Stream: Equatable {
    package var head: RequestReading?
    package var refusal: HTTPError?
    package var body = ""
    package var ended = false
    package var closed: UInt32?
  }

  package var streams: [Int32: Stream] = [:]
  package var sent: [HTTP2Frame]? = []
  package var isOver = false

  /// The codes of what was reset, and of the connection's end.
  package var resets: [UInt32] { (sent ?? []).filter { $0.type == 3 }.compactMap(\.code) }
  package var goAway: UInt32? { sent?.last { $0.type == 7 }?.code }

  /// Gives the input to a session as a connection does, and answers what is complete.
  ///
  /// What is sent goes out once at the end, so that it cannot depend on how the input was cut.
  package static func read(
    _ input: [UInt8], ends: [Int], limits: HeadLimits = HeadLimits(), answers: Bool = true
  ) -> SessionReading {
    guard let session = try? ServerSession(SessionLimits(head: limits, streams: 100)) else {
      return SessionReading()
    }
    session.output = ByteBuffer(storage: [UInt8](repeating: 0, count: 65536))
    var reading = SessionReading()
    var start = 0
    for end in ends {
      while start < end {
        let piece = input.span.extracting(start..<end)
        let received = session.receive(piece, now: 0)
        reading.note(received.event, piece, session)
        if answers { reading.answer(received.event, session) }
        start += received.count
      }
    }
    reading.sent = drain(session)
    while let closed = session.nextClosed() {
      reading.streams[closed.stream, default: Stream()].closed = closed.code
    }
    reading.isOver = session.isOver
    reading.forgetBroken()
    return reading
  }

  /// How much of a body has come before its stream broke depends on the cut.
  private mutating func forgetBroken() {
    for id in streams.keys where streams[id]?.closed ?? 0 != 0 || goAway ?? 0 != 0 {
      streams[id]?.body = ""
    }
  }

  private mutating func note(
    _ event: ServerSession.Event, _ piece: borrowing Span<UInt8>, _ session: ServerSession
  ) {
    switch event {
    case .nothing: break
    case .request(let id, let ended):
      var head = RequestHead()
      session.takeHead(into: &head)
      streams[id, default: Stream()].head = RequestReading(head, consumed: nil, refusal: nil)
      streams[id]?.ended = ended
    case .refused(let id, let error, let ended):
      streams[id, default: Stream()].refusal = error
      streams[id]?.ended = ended
    case .data(let id, let range, let ended):
      streams[id]?.body += text(piece.extracting(range))
      if ended { streams[id]?.ended = true }
      session.consume(id, range.count)
    case .ended(let id): streams[id]?.ended = true
    }
  }

  private func answer(_ event: ServerSession.Event, _ session: ServerSession) {
    let id: Int32
    switch event {
    case .request(let stream, true), .refused(let stream, _, _), .data(let stream, _, true),
      .ended(let stream):
      id = stream
    default: return
    }
    let head = octets("HTTP/1.1 200 OK\r\nX-Test: yes\r\nContent-Length: 4\r\n\r\n")
    guard session.respond(id, head.span, hasBody: true) else { return }
    _ = session.send(id, octets("body").span, endsStream: true)
  }

  /// What the session sends, as frames.
  package static func drain(_ session: ServerSession) -> [HTTP2Frame]? {
    var bytes: [UInt8] = []
    repeat {
      session.pump()
      bytes.append(copying: session.output.readable)
      session.output.consume(session.output.count)
    } while session.wantsOutput && bytes.count < 1 << 24
    return HTTP2Frame.read(bytes)
  }
}

internal import HTTPCore

/// What an HTTP/2 connection sends.
///
/// Frames are gathered in the session's output and leave at the end of the turn, or when it is full,
/// so that the answers of a turn share records and system calls. Streams that had more than their
/// client or the socket would take wait, and get equal shares in turn.
extension HTTP2Driver {
  /// What one stream sends before the next one has its turn.
  private static let share = 64 * 1024
  /// Shares in one turn of the loop, so that a fast client cannot starve others.
  private static let sharesPerTurn = 32

  // MARK: From the streams

  /// Has a head written and gives it to `send`.
  func writeHead(
    _ write: (inout ByteBuffer) -> Bool,
    _ send: (ServerSession, borrowing Span<UInt8>) -> Bool
  ) -> Bool {
    var head = ByteBuffer(storage: worker.buffers.take())
    let done = head.appendWhole(write) && send(session, head.readable)
    worker.buffers.give(head.takeStorage())
    flushLater()
    return done
  }

  /// How far the client's windows are open for a stream; 0 while the socket takes nothing.
  func room(on id: Int32) -> Int {
    isBlocked || isFinished ? 0 : session.window(of: id)
  }

  /// Sends body bytes as far as the client's windows and the socket take them.
  func send(_ id: Int32, _ bytes: borrowing Span<UInt8>, endsStream: Bool) -> Int {
    guard !isBlocked, !isFinished else { return 0 }
    var taken = 0
    while true {
      lendOutput()
      let hadRoom = session.output.isEmpty
      let count = session.send(
        id, bytes.extracting(taken..<bytes.count), endsStream: endsStream)
      taken += count
      if taken == bytes.count || session.window(of: id) == 0 || hadRoom && count == 0 { break }
      // The output was full.
      guard writeOut() else { break }
    }
    flushLater()
    return taken
  }

  /// Marks the end of an answer; `false` where there is no room for it now.
  func end(_ id: Int32) -> Bool {
    guard !isBlocked, !isFinished else { return false }
    lendOutput()
    defer { flushLater() }
    if session.end(id) { return true }
    return writeOut() && session.end(id)
  }

  func reset(_ id: Int32, _ code: ErrorCode) {
    session.reset(id, code)
    flushLater()
  }

  /// The answer has been written.
  func answered(_ stream: HTTP2Stream) {
    // With nothing else to come it goes out now: with many connections in one turn each would keep
    // a buffer that is cold when it is used again.
    if streams.count == 1 { writeOut() }
    flushLater()
  }

  func streamWaits() {
    armSweep()
    if !isBlocked { flushLater() }
  }

  /// A request that goes on after its answer is not wanted any more, RFC 9113 §8.1.
  func endHalfAnswered() {
    for stream in streams.all where stream.isHalfAnswered && session.isAnswered(stream.id) {
      stream.endRequest()
      reset(stream.id, .none)
    }
  }

  // MARK: To the socket

  /// Lets streams that wait go on, each for its share, until nothing more goes out.
  func serveWaiting() {
    var shares = 0
    var idle = 0
    while !isBlocked, !isFinished, idle < streams.count, shares < Self.sharesPerTurn {
      idle += 1
      // nghttp2 sends the end of an answer through an open window only, too.
      guard let stream = takeTurn(), stream.isWaiting, session.window(of: stream.id) > 0
      else { continue }
      idle = 0
      shares += 1
      stream.resume(share: Self.share)
      takeLeave()
    }
    if shares == Self.sharesPerTurn { flushLater() }
  }

  /// Writes what there is; `false` when the socket cannot take it all.
  ///
  /// Streams may close on the way, also the one whose bytes are being sent. They are kept by the
  /// session until `takeLeave`, since their exchanges may be further up on the stack.
  @discardableResult
  func writeOut() -> Bool {
    guard !isBlocked, !isFinished else { return false }
    while session.wantsOutput || !session.output.isEmpty {
      lendOutput()
      session.pump()
      if session.output.isEmpty { break }
      guard sendOutput() else {
        if isFinished { releaseOutput() }
        return false
      }
    }
    releaseOutput()
    return true
  }

  /// The output belongs to this function meanwhile, because the socket's end may drop the connection.
  private func sendOutput() -> Bool {
    var output = ByteBuffer()
    swap(&output, &session.output)
    defer { swap(&output, &session.output) }
    while !output.isEmpty {
      switch connection.send(output.readable) {
      case .bytes(let count): output.consume(count)
      case .wouldBlock, .wantsRead:
        becameBlocked()
        return false
      case .broken:
        connection.abort()
        return false
      }
    }
    return true
  }

  private func lendOutput() { worker.buffers.lend(&session.output) }

  func releaseOutput() { worker.buffers.takeBack(&session.output) }
}

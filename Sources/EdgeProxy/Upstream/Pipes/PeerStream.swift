internal import EventLoop
internal import Glibc

/// A pipe to one instance of another server: a stream of a session with that server's edge.
///
///     asked ──▶ connected ──▶ ended        (200, then END_STREAM or RST_STREAM)
///       └──────────────────────▲           (refused: nothing has come to the instance)
///
/// It behaves as a socket that is connecting: bytes are taken once the session is open, before the
/// instance is known to be connected, and wait at the other edge until it is.
final class PeerStream {
  /// What has come of it, as far as the other side goes.
  enum State {
    /// Whether the instance can be connected is not known yet.
    case asked
    case connected(Use)
    /// The instance has ended its side in order.
    case finished
    case broken(Break)
  }

  /// What a connected pipe is used for.
  enum Use {
    /// No byte of the answer has come since the pipe was begun, or was used again.
    case asking
    case answered
    /// It waits without a request.
    case resting
  }

  enum Break {
    /// The other edge does not connect: not a byte has gone to the instance.
    case refused(isBusy: Bool)
    /// The pipe alone broke.
    case alone(reachedNobody: Bool)
    /// The whole session was given up: it says nothing of the instance.
    case withServer(reachedNobody: Bool)
  }

  /// Our side of it.
  private enum Sending {
    case open
    /// There was no room when bytes were last offered; the session tells of room.
    case blocked
    case ended
  }

  let id: Int32
  private var session: PeerSession?
  /// Who is told of readiness.
  private var connection: NodeConnection?
  private var intake = TunnelIntake()
  private(set) var state = State.asked
  private var sending = Sending.open
  /// What the owner has not been told of yet.
  private var untold = Readiness(rawValue: 0)

  /// Bytes that wait to be sent; more are not taken.
  static let unsentMax = 64 << 10

  init(_ id: Int32, of session: PeerSession) {
    self.id = id
    self.session = session
  }

  /// Has readiness told to a connection, until the pipe is closed.
  func attach(to connection: NodeConnection) { self.connection = connection }

  // MARK: What has come of it

  /// How it ended; `nil` before.
  var ending: NodeConnection.Ending? {
    switch state {
    case .asked, .connected: nil
    case .finished: .finished
    case .broken: .reset
    }
  }

  var isResting: Bool { if case .connected(.resting) = state { true } else { false } }

  /// Whether an answer has begun that is not over.
  var isAnswering: Bool { if case .connected(.answered) = state { true } else { false } }

  /// Whether it is certain that not a byte of what was sent has come to the instance.
  var hasReachedNobody: Bool {
    switch state {
    case .broken(.refused): true
    case .broken(.alone(let reachedNobody)), .broken(.withServer(let reachedNobody)): reachedNobody
    case .asked, .connected, .finished: false
    }
  }

  /// Whether it broke because the whole session was given up.
  var hasLostServer: Bool { if case .broken(.withServer) = state { true } else { false } }

  /// Whether the instance, or its edge, is there and has too much to do.
  var isRefusedAsBusy: Bool { if case .broken(.refused(true)) = state { true } else { false } }

  // MARK: As a socket

  func send(_ bytes: borrowing Span<UInt8>) -> WriteOutcome {
    guard let session, ending != .reset, sending != .ended else {
      return .failed(SystemError("send", code: isRefusedAsBusy ? EAGAIN : ECONNRESET))
    }
    if isResting {
      state = .connected(.asking)
      session.resumed()
    }
    let count = min(bytes.count, session.room(on: id))
    guard count > 0 || bytes.isEmpty else {
      if sending == .open { session.willWait(self) }
      sending = .blocked
      return .wouldBlock
    }
    session.send(bytes.extracting(0..<count), on: id)
    return .bytes(count)
  }

  func read(into space: inout MutableSpan<UInt8>) -> ReadOutcome {
    guard intake.isEmpty else {
      let count = intake.take(into: &space).count
      session?.consume(count, on: id)
      return .bytes(count)
    }
    switch ending {
    case .none: return .wouldBlock
    case .finished: return .closed
    case .reset: return .failed(SystemError("read", code: ECONNRESET))
    }
  }

  func endSending() {
    guard let session, sending != .ended else { return }
    sending = .ended
    session.endSending(on: id)
  }

  /// Waits without a request.
  func rest() {
    guard let session, case .connected(let use) = state, use != .resting else { return }
    state = .connected(.resting)
    session.rested()
  }

  /// Whether it can wait for another request: its session is not about to leave.
  var isLasting: Bool { session.map { !$0.isLeaving } ?? false }

  /// Ends the pipe; nobody is told anything afterwards.
  func close(_ manner: PeerSession.Closing) {
    guard let session else { return }
    self.session = nil
    connection = nil
    session.close(self, manner, unread: intake.count)
    _ = intake.clear()
  }

  // MARK: From the session

  /// The instance is connected.
  func connected() {
    guard case .asked = state else { return }
    state = .connected(.asking)
    note(.writable)
  }

  /// The other edge will not, or cannot, connect: no byte has been passed on.
  func refused(status: String) {
    guard case .asked = state else { return }
    end(as: .broken(.refused(isBusy: status == "503")))
  }

  /// Keeps bytes of the instance; what comes with a refusal, or behind an end, is not the instance's.
  func received(_ bytes: borrowing Span<UInt8>) {
    guard case .connected(let use) = state else {
      session?.consume(bytes.count, on: id)
      return
    }
    if use == .asking { state = .connected(.answered) }
    intake.append(bytes, owing: false)
    note(.readable)
  }

  /// The instance has ended its side in order; where it has not even been connected, that is none.
  func finished() {
    switch state {
    case .asked: lost(reachedNobody: false)
    case .connected: end(as: .finished)
    case .finished, .broken: break
    }
  }

  /// The pipe broke, alone or `withServer`.
  func lost(reachedNobody: Bool, withServer: Bool = false) {
    end(
      as: .broken(
        withServer
          ? .withServer(reachedNobody: reachedNobody) : .alone(reachedNobody: reachedNobody)))
  }

  /// The session leaves: what waits for a request need not wait any more.
  func sessionLeaves() {
    if isResting { end(as: .finished) }
  }

  /// Only the first end counts.
  private func end(as end: State) {
    guard ending == nil else { return }
    if isResting { session?.endedResting() }
    state = end
    if case .finished = end {
      note([.readable, .peerClosed])
    } else {
      note([.readable, .writable, .peerClosed])
    }
  }

  /// Whether it need not wait for room any more.
  func hasRoom() -> Bool {
    guard let session, sending == .blocked else { return true }
    guard session.room(on: id) > 0 else { return false }
    sending = .open
    note(.writable)
    return true
  }

  private func note(_ events: Readiness) {
    if untold.rawValue == 0 { session?.willTell(self) }
    untold = Readiness(rawValue: untold.rawValue | events.rawValue)
  }

  /// Tells the owner; from the loop, not from within a call.
  func tell() {
    let events = untold
    untold = Readiness(rawValue: 0)
    connection?.ready(events)
  }
}

@available(*, unavailable) extension PeerStream: Sendable {}

extension PeerSession {
  /// How a pipe is closed.
  enum Closing {
    /// Everything has been answered.
    case answered
    /// What waits still goes out.
    case inOrder
    case reset
  }
}

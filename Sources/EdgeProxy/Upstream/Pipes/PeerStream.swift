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
  let id: Int32
  private var session: PeerSession?
  /// Who is told of readiness.
  var connection: NodeConnection?
  private var intake = TunnelIntake()
  private var isConnected = false
  /// There was no room when bytes were last offered.
  private var isBlocked = false
  private(set) var isResting = false
  /// A byte has come since the pipe was begun, or was used again.
  private(set) var isAnswered = false
  private(set) var isSendingEnded = false
  private(set) var ending: NodeConnection.Ending?
  /// Not a byte of what was sent has come to the instance; known when the pipe has ended.
  private(set) var hasReachedNobody = false
  /// The whole session was given up: it says nothing of the instance.
  private(set) var hasLostServer = false
  /// The instance or its edge is there and has too much to do.
  private(set) var isRefusedAsBusy = false
  /// What the owner has not been told of yet.
  private var untold = Readiness(rawValue: 0)

  /// Bytes that wait to be sent; more are not taken.
  static let unsentMax = 64 << 10

  init(_ id: Int32, of session: PeerSession) {
    self.id = id
    self.session = session
  }

  // MARK: As a socket

  func send(_ bytes: borrowing Span<UInt8>) -> WriteOutcome {
    guard let session, ending != .reset, !isSendingEnded else {
      return .failed(SystemError("send", code: isRefusedAsBusy ? EAGAIN : ECONNRESET))
    }
    if isResting {
      isResting = false
      isAnswered = false
      session.resumed()
    }
    let count = min(bytes.count, session.room(on: id))
    guard count > 0 || bytes.isEmpty else {
      if !isBlocked { session.willWait(self) }
      isBlocked = true
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
    guard let session, !isSendingEnded else { return }
    isSendingEnded = true
    session.endSending(on: id)
  }

  /// Waits without a request.
  func rest() {
    guard let session, !isResting else { return }
    isResting = true
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
    guard !isConnected else { return }
    isConnected = true
    note(.writable)
  }

  /// The other edge will not, or cannot, connect: no byte has been passed on.
  func refused(status: String) {
    guard !isConnected, ending == nil else { return }
    isRefusedAsBusy = status == "503"
    lost(reachedNobody: true)
  }

  func received(_ bytes: borrowing Span<UInt8>) {
    isAnswered = true
    intake.append(bytes, owing: false)
    note(.readable)
  }

  /// The instance has ended its side in order; where it has not even been connected, that is none.
  func finished() {
    guard ending == nil else { return }
    guard isConnected else { return lost(reachedNobody: false) }
    ending = .finished
    note([.readable, .peerClosed])
  }

  /// The pipe broke, alone or `withServer`.
  func lost(reachedNobody: Bool, withServer: Bool = false) {
    guard ending == nil else { return }
    hasLostServer = withServer
    ending = .reset
    hasReachedNobody = reachedNobody
    note([.readable, .writable, .peerClosed])
  }

  /// The session leaves: what waits for a request need not wait any more.
  func sessionLeaves() {
    guard isResting, ending == nil else { return }
    ending = .finished
    note([.readable, .peerClosed])
  }

  /// Whether it need not wait for room any more.
  func hasRoom() -> Bool {
    guard let session else { return true }
    guard session.room(on: id) > 0 else { return false }
    isBlocked = false
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

internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import TLS
internal import Wire

/// One connection to another server's edge and the pipes in it.
///
///     opening ──▶ open ──▶ leaving ──▶ closed      (leaving: GOAWAY; its pipes are served to the end)
///        └─────────┴──────────┴─────────▲          (an error, silence, no pipe for a long time)
///
/// One that has fallen silent is left by all pipes whose answer has not begun, which may go elsewhere; the
/// others cannot, and a link that is cut for some seconds costs them no byte. Frames of a turn leave together at its end.
final class PeerSession: ClientWire.Owner, TimerTarget, TurnEnd {
  private enum Stage { case opening, open, leaving, closed }

  let peer: Peer
  private let loop: EventLoop
  /// They outlive their sessions.
  private unowned let links: PeerLinks
  private let http: ClientSession
  private var wire: ClientWire?
  private var stage = Stage.opening
  private var streams: [Int32: PeerStream] = [:]
  private var restingCount = 0
  /// Closed pipes whose last bytes are not out yet.
  private var lingering: [Int32] = []
  /// Pipes that wait for room.
  private var blocked: [PeerStream] = []
  /// Pipes whose owners have something to hear.
  private var told: [PeerStream] = []
  private var pulse: PeerPulse
  private var timer = TimerToken.none
  private var timerDue: Instant
  private var flushesAtTurnEnd = false
  /// Why it is to end with the turn.
  private var condemned: String?

  /// Pipes of one session; the other edge takes as many.
  static let streamsMax = FixedLimits.pipes
  /// After this without a byte answers that have begun are given up too: TCP sends again after 12.6 s what
  /// was lost in a cut of more than 6.2 s.
  static let silentMax = Duration.seconds(20)
  /// For connecting and the handshake.
  static let openWithin = Duration.seconds(2)
  /// What the kernel keeps of ours before it is sent, so that a ping does not wait long behind it.
  private static let unsentMax: Int32 = 128 << 10
  /// Frames that are made before the socket takes them.
  private static let batchBytes = 64 << 10

  init(_ peer: Peer, context: ClientContext, links: PeerLinks) throws(SystemError) {
    self.peer = peer
    self.links = links
    loop = links.loop
    pulse = PeerPulse(now: loop.now)
    timerDue = loop.now + Self.openWithin
    do throws(HTTP2Error) {
      http = try ClientSession(.pipes, streamsMax: Self.streamsMax)
    } catch {
      throw SystemError("nghttp2_session_client_new", code: ENOMEM)
    }
    let security = ClientWire.Security(context, "h2", .fingerprint(peer.fingerprint))
    do {
      wire = try ClientWire(
        to: peer.address, security, reading: links.reading, loop: loop, owner: self,
        unsentMax: Self.unsentMax)
    } catch let error as SystemError {
      throw error
    } catch {
      throw SystemError("SSL_new", code: ENOMEM)
    }
    timer = loop.arm(self, at: timerDue)
    links.counters.sessionsBegun.add()
  }

  // MARK: For links

  /// Whether further pipes may be begun here.
  var takesStreams: Bool {
    (stage == .opening || stage == .open) && condemned == nil && streams.count < Self.streamsMax
  }

  var isOpen: Bool { stage == .open }
  /// Whether the other side has sent something after `moment`, so that it was there then.
  func hasHeard(since moment: Instant) -> Bool { isOpen && pulse.hasHeard(since: moment) }

  /// Asks for a sign of life; a session that is opening gives one when it is open.
  func askForSign() {
    guard isOpen, pulse.asked(now: loop.now) else { return }
    http.ping()
    setTimer()
    flushLater()
  }
  var isLeaving: Bool { stage == .leaving }

  /// Asks for a pipe to a node, by its address.
  func begin(_ node: String) throws(SystemError) -> PeerStream {
    let id: Int32
    do throws(HTTP2Error) {
      id = try http.request([
        .init(":method", "CONNECT"), .init(":protocol", PipeProtocol.name.description),
        .init(":scheme", "https"), .init(":path", "/"), .init(":authority", peer.name),
        .init(PipeProtocol.nodeField.description, node),
      ])
    } catch {
      // Stream numbers are used up, or the other side has said goodbye.
      stage = .leaving
      throw SystemError("nghttp2_submit_request", code: EAGAIN)
    }
    let stream = PeerStream(id, of: self)
    streams[id] = stream
    links.counters.pipesOut.add()
    use()
    flushLater()
    return stream
  }

  /// Ends it with the present turn.
  func condemn(_ reason: String) {
    guard condemned == nil, stage != .closed else { return }
    condemned = reason
    flushLater()
  }

  // MARK: For pipes

  /// What may be sent on a pipe now, in bytes.
  func room(on id: Int32) -> Int {
    guard stage == .open || stage == .leaving else { return 0 }
    return max(0, PeerStream.unsentMax - http.unsent(on: id))
  }

  func send(_ bytes: borrowing Span<UInt8>, on id: Int32) {
    http.send(bytes, on: id, isLast: false)
    flushLater()
  }

  /// Ends our side of a pipe once what waits has gone out.
  func endSending(on id: Int32) {
    http.send([], on: id, isLast: true)
    flushLater()
  }

  func consume(_ count: Int, on id: Int32) {
    http.consume(id, count)
    flushLater()
  }

  /// A pipe is to hear when there is room.
  func willWait(_ stream: PeerStream) { blocked.append(stream) }

  func willTell(_ stream: PeerStream) {
    told.append(stream)
    flushLater()
  }

  /// A pipe waits without a request.
  func rested() {
    restingCount += 1
    noteRest()
  }

  /// A pipe that waited is used again.
  func resumed() {
    restingCount -= 1
    use()
  }

  /// A pipe that waited has ended; it is closed in a moment.
  func endedResting() { restingCount -= 1 }

  private func use() {
    guard stage == .open || stage == .leaving else { return }
    if pulse.began(now: loop.now) { http.ping() }
    setTimer()
  }

  func close(_ stream: PeerStream, _ manner: Closing, unread: Int) {
    let id = stream.id
    http.consume(id, unread)
    guard streams.removeValue(forKey: id) != nil else { return }
    if stream.isResting { restingCount -= 1 }
    noteRest()
    flushLater()
    // Both sides may have ended it.
    guard http.isOpen(id) else { return http.forget(id) }
    switch manner {
    case .reset: cancel(id, .cancel)
    case .inOrder where http.isSending(on: id):
      http.send([], on: id, isLast: true)
      lingering.append(id)
    case .answered where stream.ending == .finished && http.unsent(on: id) == 0:
      http.send([], on: id, isLast: true)
      http.forget(id)
    case .inOrder, .answered: cancel(id, .none)
    }
  }

  private func cancel(_ id: Int32, _ code: ErrorCode) {
    http.cancel(id, code)
    http.forget(id)
  }

  private func noteRest() {
    if streams.count == restingCount { pulse.rested(now: loop.now) }
  }

  // MARK: From the wire

  func wireOpened() {
    guard stage == .opening else { return }
    stage = .open
    links.counters.sessions.add()
    pulse = PeerPulse(now: loop.now)
    if streams.count > restingCount { _ = pulse.began(now: loop.now) }
    setTimer()
    links.heard(from: peer)
    findRoom()
    tellAll()
    flushLater()
  }

  func wireReceived(_ bytes: borrowing Span<UInt8>) {
    pulse.heard(now: loop.now)
    links.heard(from: peer)
    guard condemned == nil else { return }
    do throws(HTTP2Error) {
      for event in try http.receive(bytes) { take(event, bytes) }
    } catch {
      condemn("\(error)")
    }
  }

  /// A way that is slow and full brings pings late, but it is no silence.
  func wireProgressed() { pulse.heard(now: loop.now) }

  func wireSettled() {
    tellAll()
    flushLater()
  }

  func wireEnded(_ reason: String) { end(reason) }

  private func take(_ event: ClientSession.Event, _ input: borrowing Span<UInt8>) {
    switch event {
    case .fields(let id, let fields):
      guard let status = fields.first, status.name == ":status" else { return }
      if status.value == "200" {
        streams[id]?.connected()
      } else {
        streams[id]?.refused(status: status.value)
      }
    case .piece(let id, let range):
      guard let stream = streams[id] else { return http.consume(id, range.count) }
      stream.received(input.extracting(range))
    case .ended(let id): streams[id]?.finished()
    case .closed(let id, let code): closed(id, code)
    case .goingAway:
      // The session closes what is beyond the last stream, as refused.
      if stage == .open { stage = .leaving }
      for stream in streams.values { stream.sessionLeaves() }
    case .pong, .data: break
    }
  }

  private func closed(_ id: Int32, _ code: UInt32) {
    lingering.removeAll { $0 == id }
    let wasBegun = http.began(id, within: wire?.sent ?? 0)
    http.forget(id)
    guard let stream = streams[id] else { return }
    // Beyond GOAWAY, or refused in so many words: it has not been looked at, RFC 9113 §8.7.
    stream.lost(reachedNobody: code == ErrorCode.refusedStream.rawValue || !wasBegun)
  }

  /// Tells owners what has come of their pipes, which may end others.
  private func tellAll() {
    while let stream = told.popLast() { stream.tell() }
  }

  // MARK: To the wire

  private func flushLater() {
    guard !flushesAtTurnEnd, stage != .closed else { return }
    flushesAtTurnEnd = true
    loop.atTurnEnd(self)
  }

  func turnEnded() {
    flushesAtTurnEnd = false
    if let condemned { return end(condemned) }
    tellAll()
    flush()
    if stage == .leaving, streams.isEmpty, lingering.isEmpty { end(nil) }
  }

  private func flush() {
    guard stage == .open || stage == .leaving, let wire else { return }
    do throws(HTTP2Error) {
      while !wire.isBlocked, http.wantsOutput {
        let bytes = try http.output(most: Self.batchBytes)
        guard !bytes.isEmpty else { break }
        wire.send(bytes)
      }
    } catch {
      return condemn("\(error)")
    }
    for id in lingering where !http.isSending(on: id) { cancel(id, .none) }
    let wasLingering = lingering.count
    lingering.removeAll { !http.isSending(on: $0) }
    let nothing: [UInt8] = []
    for event in http.takeEvents() { take(event, nothing.span) }
    findRoom()
    if lingering.count < wasLingering || !told.isEmpty { flushLater() }
  }

  private func findRoom() {
    if !blocked.isEmpty { blocked.removeAll { $0.hasRoom() } }
  }

  // MARK: Time

  private func setTimer() {
    let due = pulse.due
    // One that fires too early looks again; only one that would fire too late is moved.
    guard timer == .none || due < timerDue else { return }
    loop.cancel(timer)
    timerDue = due
    timer = loop.arm(self, at: due)
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    guard stage != .opening else { return end("no connection in time") }
    switch pulse.step(now: loop.now) {
    case .wait: break
    case .ping:
      http.ping()
      flushLater()
    case .stalled:
      guard waitsOn() else { return end(Self.silent) }
    case .idle: if streams.isEmpty { return end(nil) }
    }
    setTimer()
  }

  private static let silent = "it has fallen silent"

  /// The other side has fallen silent; `false` where nothing is left that waits for it.
  private func waitsOn() -> Bool {
    if stage == .open {
      links.counters.stalls.add()
      stage = .leaving
    }
    let waits = streams.values.contains(where: \.isAnswering)
    guard waits, pulse.silence(now: loop.now) < Self.silentMax else { return false }
    links.tell(peer, Self.silent)
    let sent = wire?.sent ?? 0
    for stream in streams.values {
      switch stream.state {
      case .connected(.resting): stream.sessionLeaves()
      case .asked, .connected(.asking):
        stream.lost(reachedNobody: !http.began(stream.id, within: sent), withServer: true)
      case .connected(.answered), .finished, .broken: break
      }
    }
    tellAll()
    pulse.waitOn(now: loop.now)
    return true
  }

  // MARK: The end

  /// Ends it, and its pipes are lost; without a `reason` nobody need know.
  private func end(_ reason: String?) {
    guard stage != .closed else { return }
    let sent = wire?.sent ?? 0
    if stage != .opening { links.counters.sessions.add(-1) }
    stage = .closed
    blocked = []
    loop.cancel(timer)
    timer = .none
    wire?.close()
    links.ended(self, reason)
    for stream in streams.values {
      stream.lost(reachedNobody: !http.began(stream.id, within: sent), withServer: true)
    }
    tellAll()
  }
}

@available(*, unavailable) extension PeerSession: Sendable {}

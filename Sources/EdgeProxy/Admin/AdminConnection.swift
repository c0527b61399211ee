internal import EventLoop
internal import HTTPCore

/// One request of an administrator and its answer; then the connection ends.
///
///     reading ── head ──▶ (waiting ──▶) writing ── all out ──▶ ending ── the peer ends too ──▶ gone
///        └── of a page's events ──▶ telling ── the peer ends, or takes nothing ──▶ gone
///
/// The request has to come within `AdminListener.timeout`. An answer may need work, which has
/// `AdminListener.workTimeout`. It may be long (that of a server with
/// ten thousand instances has several megabytes), so it goes out at the pace of the peer. A peer
/// that takes nothing for as long is cut, and so is one that has not read to the end after
/// `answerTimeout`. Events have no end, and each of them has this time.
final class AdminConnection: EventSource, TimerTarget {
  private enum Stage { case reading, waiting, writing, telling, ending, gone }

  /// The listener keeps its connections.
  private unowned let listener: AdminListener
  private let loop: EventLoop
  private let isUnix: Bool
  private var descriptor: FileDescriptor?
  private let raw: Int32
  private var token = SourceToken.none
  private var timer = TimerToken.none
  private var stage = Stage.reading

  private var input = ByteBuffer(storage: [UInt8](repeating: 0, count: limits.headBytes))
  private var parser = RequestParser()
  private var head = RequestHead()
  private var output: [UInt8] = []
  private var written = 0
  private var discarded = 0
  /// When the answer has to be out.
  private var answerUntil = Instant(nanoseconds: 0)

  private static let limits: HeadLimits = {
    var limits = HeadLimits()
    limits.headBytes = 8 * 1024
    limits.requestLineBytes = 2 * 1024
    limits.fields = 50
    return limits
  }()
  /// What may still come in once the answer is out; a peer that sends more is cut.
  private static let discardedBytesMax = 64 * 1024

  init(
    _ descriptor: consuming FileDescriptor, isUnix: Bool, listener: AdminListener, loop: EventLoop
  ) {
    raw = descriptor.raw
    self.descriptor = consume descriptor
    self.isUnix = isUnix
    self.listener = listener
    self.loop = loop
  }

  func start() throws(SystemError) {
    token = try loop.register(raw, self, [.readable])
    timer = loop.arm(self, after: AdminListener.timeout)
  }

  /// Whether no complete request has come yet.
  var isReading: Bool { stage == .reading }

  /// Whether it has no end of its own.
  var isTelling: Bool { stage == .telling }

  /// Whether a part of the last event has not been taken.
  var isBusy: Bool { written < output.count }

  func ready(_ events: Readiness) {
    switch stage {
    case .reading: read()
    case .writing: write()
    case .telling where events.contains(.writable): write()
    case .telling, .waiting, .ending: discard()
    case .gone: break
    }
  }

  func timerFired(_ token: TimerToken) { close() }

  /// Ends at once.
  func close() {
    guard stage != .gone else { return }
    if stage == .telling { listener.desk.feed.end(self) }
    stage = .gone
    loop.cancel(timer)
    loop.forget(token)
    descriptor = nil
    listener.closed(self)
  }

  private func read() {
    var outcome = ReadOutcome.wouldBlock
    _ = input.write { space in
      outcome = Descriptor.read(raw, into: &space)
      if case .bytes(let count) = outcome { return count }
      return 0
    }
    switch outcome {
    case .wouldBlock: break
    case .closed, .failed: close()
    case .bytes: parse()
    }
  }

  private func parse() {
    do throws(HTTPError) {
      guard try parser.parse(input.readable, into: &head, limits: Self.limits) != nil else {
        return
      }
      switch listener.desk.reply(head, isUnix: isUnix, user: ProcessUser.name(atPeerOf: raw)) {
      case .now(let answer): send(answer)
      case .later(let begin): wait(for: begin)
      case .events(let feed): tell(of: feed)
      }
    } catch {
      send(.text(error.status == 431 ? 431 : 400, "\(error.reason)\n"))
    }
  }

  /// The work may outlive the peer's patience, and the connection.
  private func wait(for begin: (@escaping (AdminAnswer) -> Void) -> Void) {
    stage = .waiting
    loop.cancel(timer)
    timer = loop.arm(self, after: AdminListener.workTimeout)
    // A peer that sends no more still waits; one that has gone is told of all the same.
    guard (try? loop.modify(raw, token, [])) != nil else { return close() }
    begin { [weak self] answer in
      guard let self, stage == .waiting else { return }
      send(answer)
    }
  }

  /// The page is told what happens until it goes.
  private func tell(of feed: PageFeed) {
    guard let first = feed.begin(self) else { return send(PageFeed.full) }
    stage = .telling
    push(AdminAnswer(status: 200, type: .events, body: []).head(date: listener.date()) + first)
  }

  /// Sends an event; the one before it is out.
  func push(_ event: [UInt8]) {
    guard stage == .telling else { return }
    output = event
    written = 0
    answerUntil = loop.clockNow + AdminListener.answerTimeout
    waitOn()
    write()
  }

  private func send(_ answer: AdminAnswer) {
    output = answer.head(date: listener.date())
    if head.method != .head { output += answer.body }
    stage = .writing
    // Making the answer took its time, which is not the peer's.
    answerUntil = loop.clockNow + AdminListener.answerTimeout
    waitOn()
    write()
  }

  /// Gives the peer its time anew, up to the end of the whole answer's.
  private func waitOn() {
    loop.cancel(timer)
    timer = loop.arm(self, at: min(loop.clockNow + AdminListener.timeout, answerUntil))
  }

  private func write() {
    let before = written
    defer { if stage != .gone, written > before { waitOn() } }
    while written < output.count {
      let bytes = output
      switch Descriptor.send(raw, bytes.span.extracting(written..<bytes.count)) {
      case .bytes(let count): written += count
      case .wouldBlock:
        // Whoever is told of events may go at any time.
        let wanted: Readiness = stage == .telling ? [.readable, .writable] : [.writable]
        guard (try? loop.modify(raw, token, wanted)) != nil else { return close() }
        return
      case .failed: return close()
      }
    }
    if stage == .telling { rest() } else { end() }
  }

  /// The event is out; there is time until the next.
  private func rest() {
    output = []
    written = 0
    loop.cancel(timer)
    guard (try? loop.modify(raw, token, [.readable])) != nil else { return close() }
  }

  /// Closing with unread bytes would reset the connection, and the peer might lose the answer.
  private func end() {
    output = []
    stage = .ending
    Socket.shutdownWriting(raw)
    guard (try? loop.modify(raw, token, [.readable])) != nil else { return close() }
  }

  private func discard() {
    var space = [UInt8](repeating: 0, count: 4096)
    var span = space.mutableSpan
    switch Descriptor.read(raw, into: &span) {
    case .wouldBlock: break
    case .closed, .failed: close()
    case .bytes(let count):
      discarded += count
      if discarded > Self.discardedBytesMax { close() }
    }
  }
}

@available(*, unavailable) extension AdminConnection: Sendable {}

internal import EventLoop
internal import HTTPCore

/// A TCP connection with questions, each behind its length, RFC 1035 §4.2.2 and RFC 7766.
///
///     reading ── the client does not take its answers ──▶ sending ── it has them ──▶ reading
///        └────── what it sent is no question ──▶ ending ── it ends too ──▶ gone
///
/// Questions may come one behind the other without waiting. While answers wait to be taken nothing is
/// read, so that a connection has no more memory than for one question and `outputBytes`. Only a whole
/// question gives a client time: one that sends a byte now and then is cut.
final class QuestionConnection: EventSource, TimerTarget {
  /// Until the first question is there.
  static let firstTimeout = Duration.seconds(5)
  /// From each question to the next, and for the client to take its answers.
  static let idleTimeout = Duration.seconds(10)
  /// For the client to end its side, after ours.
  static let endTimeout = Duration.seconds(2)
  /// A longer question ends the connection.
  static let questionBytesMax = 4096
  /// Answers are sent together until they are so many; one more may begin below it.
  static let outputBytes = 16 * 1024
  /// What the kernel keeps of that for a client that takes nothing.
  private static let unsentBytesMax: Int32 = 16 * 1024
  /// What may still come in after the end; a client that sends more is cut.
  private static let discardedBytesMax = 64 * 1024

  private enum Stage { case reading, sending, ending, gone }

  /// What counts as one client.
  let network: IPAddress
  /// The time of the last whole question, or of the beginning.
  private(set) var quietSince: Instant
  private(set) var hasAsked = false
  private let raw: Int32
  /// `nil` once it is closed.
  private var descriptor: FileDescriptor?
  /// The desk owns its connections.
  private unowned let desk: ZoneDesk
  private var token = SourceToken.none
  private var timer = TimerToken.none
  private var deadline: Instant
  private var stage = Stage.reading
  /// Questions that are not answered yet.
  private var input: [UInt8] = []
  private var output: [UInt8] = []
  private var sent = 0
  private var discarded = 0

  init(_ descriptor: consuming FileDescriptor, of network: IPAddress, desk: ZoneDesk) {
    raw = descriptor.raw
    self.descriptor = consume descriptor
    self.network = network
    self.desk = desk
    quietSince = desk.loop.now
    deadline = desk.loop.now + Self.firstTimeout
  }

  func start() throws(SystemError) {
    token = try desk.loop.register(raw, self, [.readable])
    timer = desk.loop.arm(self, at: deadline)
    Socket.setNoDelay(raw)
    Socket.setUnsentMax(raw, bytes: Self.unsentBytesMax)
  }

  /// Bytes that are kept for the client.
  var keptBytes: Int { input.count + output.count }

  func ready(_ events: Readiness) {
    switch stage {
    case .reading: read()
    case .sending: send()
    case .ending: discard()
    case .gone: break
    }
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    guard desk.loop.now >= deadline else {
      timer = desk.loop.arm(self, at: deadline)
      return
    }
    desk.counts.cut.add()
    close()
  }

  /// Ends at once.
  func close() {
    guard stage != .gone else { return }
    stage = .gone
    desk.loop.cancel(timer)
    timer = .none
    desk.loop.forget(token)
    token = .none
    descriptor = nil
    desk.closed(self)
  }

  // MARK: Questions

  private func read() {
    switch desk.read(raw, { input += $0 }) {
    case .wouldBlock: break
    case .closed, .failed: close()
    case .bytes: answerAll()
    }
  }

  /// Answers the questions that are there whole, as long as the client takes the answers.
  private func answerAll() {
    var used = 0
    while stage == .reading {
      let rest = input.dropFirst(used)
      guard let high = rest.first, let low = rest.dropFirst().first else { break }
      let length = Int(high) << 8 | Int(low)
      guard (1...Self.questionBytesMax).contains(length) else { return end() }
      let question = rest.dropFirst(2).prefix(length)
      guard question.count == length else { break }
      used += 2 + length
      guard desk.answer(stream: question.span, into: &output) else { return end() }
      hasAsked = true
      quietSince = desk.loop.now
      wait(Self.idleTimeout)
      if output.count >= Self.outputBytes { send() }
    }
    input.removeSubrange(..<min(used, input.count))
    if stage == .reading { send() }
  }

  // MARK: Answers

  /// Sends what waits; where the client does not take it, nothing is read until it does.
  private func send() {
    while sent < output.count {
      let bytes = output
      switch Descriptor.send(raw, bytes.span.extracting(sent..<bytes.count)) {
      case .bytes(let count): sent += count
      case .failed: return close()
      case .wouldBlock:
        guard stage == .reading else { return }
        stage = .sending
        wait(Self.idleTimeout)
        return watch(for: [.writable])
      }
    }
    output.removeAll(keepingCapacity: output.count <= Self.outputBytes)
    sent = 0
    guard stage == .sending else { return }
    stage = .reading
    wait(Self.idleTimeout)
    watch(for: [.readable])
    answerAll()
  }

  private func watch(for events: Readiness) {
    guard stage != .gone, (try? desk.loop.modify(raw, token, events)) == nil else { return }
    close()
  }

  /// The timer goes off no later than this, and is set anew when it does.
  private func wait(_ time: Duration) { deadline = desk.loop.now + time }

  // MARK: End

  /// Ends our side once the answers are out.
  ///
  /// Closing with unread bytes would reset the connection, and the client might lose its answers.
  private func end() {
    input = []
    desk.counts.cut.add()
    send()
    guard stage == .reading else { return close() }
    stage = .ending
    Socket.shutdownWriting(raw)
    desk.loop.cancel(timer)
    wait(Self.endTimeout)
    timer = desk.loop.arm(self, at: deadline)
  }

  private func discard() {
    var count = 0
    let outcome = desk.read(raw) { count = $0.count }
    discarded += count
    switch outcome {
    case .wouldBlock: break
    case .closed, .failed: close()
    case .bytes: if discarded > Self.discardedBytesMax { close() }
    }
  }
}

@available(*, unavailable) extension QuestionConnection: Sendable {}

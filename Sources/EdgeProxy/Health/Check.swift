internal import Configuration
internal import EventLoop
internal import HTTPCore
internal import TLS

/// How a node proves its identity, where the upstream speaks https.
struct CheckIdentity {
  var context: Result<ClientContext, TLSError>
  var name: String
}

/// One check of one node, on a connection of its own.
///
///     asking ──▶ listening ──▶ over
///
/// Its outcome is told once. What comes behind the head of an answer is still read, up to a bound,
/// so that the application can finish in peace; it changes nothing any more.
final class Check: NodeConnectionOwner, TimerTarget {
  private enum Stage { case asking, listening, over }

  private let loop: EventLoop
  private let question: CheckQuestion
  private let connection: NodeConnection
  private let done: (Check, CheckOutcome) -> Void
  private var stage = Stage.asking
  private var timer = TimerToken.none
  private var sent = 0
  private var isConnected = false
  private var input = ByteBuffer()
  private var parser: ResponseParser
  private var response = ResponseHead()
  private var interims = 0
  private var outcome: CheckOutcome?
  private var visit: MySQLVisit?
  /// Bytes of the body that were read.
  private var readCount = 0

  let startedAt: Instant

  /// It shows only that something listens.
  var isConnect: Bool { question.wanted == .connection }

  /// A head has to fit, and so much of a body is read.
  private static let inputBytes = 64 << 10
  private static let bodyBytesMax = 256 << 10
  private static let interimsMax = 4

  /// `done` is called once, from `start` or from the loop.
  init(_ question: CheckQuestion, loop: EventLoop, done: @escaping (Check, CheckOutcome) -> Void) {
    self.question = question
    self.loop = loop
    self.done = done
    connection = NodeConnection(loop: loop)
    parser = ResponseParser(endsConnection: question.endsConnection)
    if case .session(let user) = question.wanted { visit = MySQLVisit(user: user) }
    startedAt = loop.now
  }

  func start(
    _ node: NodeState, port: UInt16? = nil, through links: PeerLinks, identity: CheckIdentity?,
    timeout: Duration
  ) {
    do throws(SystemError) {
      if let port, let address = SocketAddress(ip: node.address.host, port: port) {
        try connection.open(address, at: node.server, through: links)
      } else {
        try connection.open(node, through: links, speaksFirst: question.speaksFirst)
      }
      connection.owner = self
      timer = loop.arm(self, after: timeout)
      guard secure(identity) else { return }
      try connection.watch(sending: true)
    } catch {
      end(.notConnected(ConnectFailure(error)))
    }
  }

  /// Ends it; nobody is told.
  func cancel() {
    outcome = outcome ?? .silent
    close()
  }

  private func secure(_ identity: CheckIdentity?) -> Bool {
    guard let identity, question.wanted != .connection else { return true }
    do throws(TLSError) {
      try connection.secure(identity.context.get(), name: identity.name)
      return true
    } catch {
      end(.notSecured)
      return false
    }
  }

  // MARK: Events

  func timerFired(_ token: TimerToken) {
    timer = .none
    end(outcome ?? (isConnected ? .silent : .notConnected(.timedOut)))
  }

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    guard stage != .over else { return }
    if !isConnected {
      if let failure = connection.takeFailure() { return end(.notConnected(failure)) }
      isConnected = true
    }
    if question.wanted == .connection { return end(.passed) }
    if stage == .asking { ask() }
    if stage == .listening { listen() }
  }

  private func ask() {
    do throws(TLSError) {
      guard try connection.handshake() else { return }
    } catch {
      // Without a reason the connection just broke.
      return end(error.reasons.isEmpty ? .ended : .notSecured)
    }
    let bytes = question.bytes
    while sent < bytes.count {
      switch connection.send(bytes.span.extracting(sent..<bytes.count)) {
      case .bytes(let count): sent += count
      case .wouldBlock: return
      case .failed:
        // It may have answered before it had read everything.
        sent = bytes.count
      }
    }
    stage = .listening
  }

  private func listen() {
    if input.capacity == 0 {
      input = ByteBuffer(storage: [UInt8](repeating: 0, count: Self.inputBytes))
    }
    while stage == .listening {
      let progress = connection.fill(&input)
      if visit != nil, let outcome = goOn() { return end(outcome) }
      if outcome == nil { outcome = judge() }
      if let outcome {
        readCount += input.count
        input.consume(input.count)
        if isWhole(outcome) { return end(outcome) }
      }
      if !progress {
        guard let ending = connection.ended else { return }
        return end(outcome ?? judge(ending))
      }
    }
  }

  /// Whether nothing more has to be read.
  private func isWhole(_ outcome: CheckOutcome) -> Bool {
    guard case .answered = outcome else { return true }
    return readCount >= min(Int(clamping: response.contentLength ?? .max), Self.bodyBytesMax)
  }

  private func judge() -> CheckOutcome? {
    switch question.wanted {
    case .connection: .passed
    case .pong: judgePong()
    case .head(let statuses): judgeHead(statuses)
    case .session: nil
    }
  }

  private func judge(_ ending: NodeConnection.Ending) -> CheckOutcome {
    guard input.isEmpty, !parser.hasBegun else { return .malformed }
    return question.wanted == .pong && ending == .finished ? .closed : .ended
  }

  /// The next step of a visit; what is said fits any socket.
  private func goOn() -> CheckOutcome? {
    while let step = visit?.take(&input) {
      switch step {
      case .wait: return nil
      case .say(let words):
        guard case .bytes(words.count) = connection.send(words.span) else { return .ended }
      case .welcome(let words):
        if !words.isEmpty { _ = connection.send(words.span) }
        return .passed
      case .refused(let code): return .refused(code: code)
      case .malformed: return .malformed
      }
    }
    return nil
  }

  /// Modifiers 100 and 1; the application may have put a warning in between.
  private func judgePong() -> CheckOutcome? {
    guard input.count >= 4 else { return nil }
    return Self.isPong(input) ? .passed : .malformed
  }

  private static func isPong(_ input: borrowing ByteBuffer) -> Bool {
    let bytes = input.readable
    return bytes[0] == 100 && bytes[3] == 1
  }

  private func judgeHead(_ statuses: ClosedRange<Int>) -> CheckOutcome? {
    while !input.isEmpty {
      do throws(HTTPError) {
        guard let count = try Self.parse(input, &parser, &response) else { return nil }
        input.consume(count)
      } catch {
        return .malformed
      }
      let status = response.status
      guard (100..<200).contains(status), status != 101 else {
        return .answered(status: status, isWell: statuses.contains(status))
      }
      interims += 1
      guard interims <= Self.interimsMax else { return .malformed }
      parser.reset()
      response.reset()
    }
    return nil
  }

  private static func parse(
    _ input: borrowing ByteBuffer, _ parser: inout ResponseParser, _ response: inout ResponseHead
  ) throws(HTTPError) -> Int? {
    try parser.parse(input.readable, into: &response, limits: HeadLimits())
  }

  // MARK: End

  private func end(_ outcome: CheckOutcome) {
    guard stage != .over else { return }
    close()
    done(self, outcome)
  }

  private func close() {
    guard stage != .over else { return }
    stage = .over
    loop.cancel(timer)
    connection.close()
  }
}

@available(*, unavailable) extension Check: Sendable {}

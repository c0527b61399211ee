internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import TLS

/// One try of an exchange against one node, on a connection of its own or one from the pool.
///
///     sending ──▶ awaitingHead ──▶ relaying ──▶ over
///
/// Connecting comes late, and the request with its body goes out at once. What the node speaks
/// decides only what is sent first (`UWSGIPacket` or `HTTP1Request`) and whether the connection is
/// kept afterwards: answers look alike.
final class Attempt: NodeConnectionOwner, TimerTarget {
  enum Stage { case sending, awaitingHead, relaying, over }

  /// The worker owns its attempts and outlives them.
  let worker: Worker
  private(set) var exchange: Exchange?
  private(set) var node: NodeState?
  private(set) var stage = Stage.over
  private var connection: NodeConnection?
  /// Where the connection may go to afterwards; `nil` where it serves one request.
  private var pool: Pool?
  private var timer = TimerToken.none
  /// When the head, or the connection, has taken too long.
  private var deadline = Instant(nanoseconds: 0)
  /// When silence is noticed next, and how often it was.
  private var silentAt = Instant(nanoseconds: .max)
  private var silences = 0
  /// When the answer is later than usual.
  private var answerDue = Instant(nanoseconds: .max)
  private(set) var startedAt = Instant(nanoseconds: 0)

  var input = ByteBuffer()
  var response = ResponseHead()
  private var parser = ResponseParser()
  /// Bytes of the request's head (or packet) and of its body that went out.
  private var headSent = 0
  private var bodySent = 0
  private(set) var sentAnything = false
  /// The request could not be sent to its end; an answer may be there all the same.
  private var sendingFailed = false
  private var interims = 0

  /// After this a connection that is not there yet is late.
  private static let connectDelay = Duration.milliseconds(250)
  /// Silence is noticed once, and while another server may give a sign of life again so often.
  private static let silencesMax = 10
  private static let silencePeriod = Duration.milliseconds(100)
  /// Interim answers relayed from one instance at most.
  private static let interimsMax = 16

  init(worker: Worker) { self.worker = worker }

  // MARK: Life

  /// Sends on a connection from the pool, or with `fresh` on one of its own; what goes wrong is
  /// told to the exchange.
  ///
  /// With `server` that one is asked to connect to a node that is not its own.
  func start(
    _ exchange: Exchange, _ node: NodeState, upstream: WorkerUpstream, fresh: Bool,
    through server: String? = nil
  ) {
    self.exchange = exchange
    self.node = node
    stage = .sending
    startedAt = worker.loop.now
    answerDue = startedAt + .nanoseconds(upstream.state.lasting.latency.delay)
    // However slow its answers are, a node that is there takes a connection at once.
    silentAt = min(answerDue, startedAt + Self.connectDelay)
    headSent = 0
    bodySent = 0
    sentAnything = false
    sendingFailed = false
    interims = 0
    silences = 0
    parser.reset()
    node.begin()
    pool = upstream.pool(of: node)
    if !fresh, let kept = pool?.take(isRepeatable: exchange.tries.request.isRepeatable) {
      connection = kept
    } else {
      guard connect(node, upstream, hasBody: exchange.body.count > 0, server) else { return }
    }
    connection?.owner = self
    send()
    guard stage != .over else { return }
    watch(upstream)
  }

  private func connect(
    _ node: NodeState, _ upstream: WorkerUpstream, hasBody: Bool, _ server: String?
  ) -> Bool {
    let connection = worker.takeNodeConnection()
    self.connection = connection
    do throws(SystemError) {
      try connection.open(
        node, detour: server ?? worker.links.detour(to: node), through: worker.links)
    } catch {
      fail(error.blamesNode ? .couldNotConnect : .busy)
      return false
    }
    // A packet alone is one write; further requests must not wait for its acknowledgement.
    if hasBody || !upstream.settings.nodeProtocol.isUWSGI { connection.setNoDelay() }
    guard upstream.settings.tls != nil else { return true }
    do throws(TLSError) {
      try upstream.secure(connection, node)
    } catch {
      secureFailed(error)
      return false
    }
    return true
  }

  private func watch(_ upstream: WorkerUpstream) {
    do throws(SystemError) {
      try connection?.watch(sending: stage == .sending)
    } catch {
      return fail(.couldNotConnect)
    }
    let settings = upstream.settings
    wait(stage == .sending && !sentAnything ? settings.connectTimeout : settings.responseTimeout)
  }

  /// The answer has been read to its end: the connection is kept where it can carry another
  /// request, and closed otherwise.
  func finish() {
    if let pool, let connection, leavesNothing, response.keepsConnection, pool.keep(connection) {
      self.connection = nil
    }
    close()
  }

  /// Whether request and answer went whole, and not a byte came behind the answer.
  private var leavesNothing: Bool {
    guard let connection, let exchange, exchange.isSentWhole(headSent, bodySent), input.isEmpty,
      connection.ended == nil
    else { return false }
    return !connection.mayHaveMore || connection.isQuiet()
  }

  /// Ends the attempt and its connection; the exchange hears nothing more.
  func close() {
    guard stage != .over else { return }
    stage = .over
    disarm()
    if let connection {
      connection.close()
      worker.give(connection)
    }
    connection = nil
    pool = nil
    if input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
    node?.end()
    node = nil
    exchange?.upstream?.slotFreed()
    exchange = nil
    response.reset()
    worker.give(self)
  }

  /// Gives the connection up to a tunnel, with what came behind the head; the attempt is over.
  func handOver(_ rest: inout ByteBuffer) -> NodeConnection? {
    swap(&rest, &input)
    let connection = connection
    self.connection = nil
    close()
    return connection
  }

  private func fail(_ failure: AttemptFailure) {
    exchange?.attemptFailed(self, failure)
  }

  private func secureFailed(_ error: TLSError) {
    // Without a reason the connection just broke.
    guard !error.reasons.isEmpty, let node, let upstream = exchange?.upstream else {
      return fail(.couldNotConnect)
    }
    upstream.tell(error, of: node)
    fail(.couldNotSecure)
  }

  /// The connection had served a request before and may have been ended since.
  var isOnReused: Bool { connection?.isReused ?? false }
  var ended: NodeConnection.Ending? { connection?.ended }
  /// The server through which a node is reached that is not its own.
  var detour: String? { connection?.detour }

  /// The block that the answer is read into, while there is one.
  var inputBytes: Int { input.capacity }

  // MARK: Time

  func arm(_ span: Duration) {
    worker.loop.cancel(timer)
    timer = worker.loop.arm(self, after: span)
  }

  /// Waits so long for the connection or the head, and is told before when silence lasts.
  private func wait(_ span: Duration) {
    deadline = worker.loop.now + span
    worker.loop.cancel(timer)
    timer = worker.loop.arm(self, at: min(deadline, silentAt))
  }

  /// Whether nothing is late yet but the first byte.
  private func noticeSilence() -> Bool {
    guard stage == .sending || stage == .awaitingHead, worker.loop.now < deadline else {
      return false
    }
    silences += 1
    silentAt = Instant(nanoseconds: .max)
    timer = worker.loop.arm(self, at: deadline)
    guard !parser.hasBegun, let exchange,
      exchange.attemptSilent(self, isFirst: silences == 1), silences < Self.silencesMax
    else { return true }
    silentAt = worker.loop.now + Self.silencePeriod
    worker.loop.cancel(timer)
    timer = worker.loop.arm(self, at: min(deadline, silentAt))
    return true
  }

  func disarm() {
    worker.loop.cancel(timer)
    timer = .none
  }

  func timerFired(_ token: TimerToken) {
    timer = .none
    if noticeSilence() { return }
    switch stage {
    case .sending where !sentAnything: fail(.couldNotConnect)
    case .sending, .awaitingHead:
      fail(parser.hasBegun ? .headIncomplete(timedOut: true) : .responseTimeout)
    case .relaying: exchange?.answerStalled(self)
    case .over: break
    }
  }

  // MARK: Events

  func nodeReady(_ connection: NodeConnection, _ events: Readiness) {
    if let exchange { worker.underWay.turn(to: exchange.notedAt) }
    if stage == .sending { send() }
    guard stage != .over else { return }
    if events.isReadable || events.isEnding { receive() }
  }

  // MARK: The request

  private func send() {
    guard let exchange, let connection, !sendingFailed, shakeHands(connection) else { return }
    while headSent < exchange.headCount {
      guard let count = sent(exchange.sendHead(connection, from: headSent)) else { return }
      headSent += count
    }
    while bodySent < exchange.body.count {
      guard let count = sent(exchange.sendBody(connection, from: bodySent)) else { return }
      bodySent += count
    }
    requestSent()
  }

  /// `false` to wait, or when the attempt is over.
  private func shakeHands(_ connection: NodeConnection) -> Bool {
    do throws(TLSError) {
      return try connection.handshake()
    } catch {
      secureFailed(error)
      return false
    }
  }

  /// How many bytes went out; `nil` to stop, for whatever reason.
  private func sent(_ outcome: WriteOutcome) -> Int? {
    switch outcome {
    case .bytes(let count):
      if !sentAnything {
        sentAnything = true
        if silentAt != Instant(nanoseconds: .max) { silentAt = answerDue }
        if timer != .none, let upstream = exchange?.upstream {
          wait(upstream.settings.responseTimeout)
        }
      }
      return count
    case .wouldBlock: return nil
    case .failed(let error):
      guard sentAnything else {
        fail(nothingSent(error))
        return nil
      }
      // The instance may have answered before it had read everything: look before judging.
      sendingFailed = true
      requestSent()
      return nil
    }
  }

  private func reachedNobody(_ connection: NodeConnection) -> AttemptFailure {
    if isOnReused { return .resetBeforeResponse(sentAnything: false) }
    return connection.isRefusedAsBusy ? .busy : .couldNotConnect
  }

  private func nothingSent(_ error: SystemError) -> AttemptFailure {
    if isOnReused { return .resetBeforeResponse(sentAnything: false) }
    return error.blamesNode ? .couldNotConnect : .busy
  }

  private func requestSent() {
    if stage == .sending { stage = .awaitingHead }
  }

  // MARK: The answer

  /// Reads and passes on until nothing more is there or the reader has enough.
  func receive() {
    switch stage {
    case .sending, .awaitingHead: receiveHead()
    case .relaying: exchange?.relay(self)
    case .over: break
    }
  }

  private func receiveHead() {
    while stage == .sending || stage == .awaitingHead {
      let progress = fill()
      if !parseHead() { return }
      guard stage != .relaying else { return }
      if !progress {
        guard let ended else { return }
        return fail(failure(of: ended))
      }
    }
  }

  private func failure(of ending: NodeConnection.Ending) -> AttemptFailure {
    if !input.isEmpty || parser.hasBegun { return .headIncomplete(timedOut: false) }
    // What was sent may have come no further than the edge of the node's server.
    if let connection, connection.hasReachedNobody { return reachedNobody(connection) }
    if let connection, connection.hasLostServer { return .serverLost }
    return ending == .reset
      ? .resetBeforeResponse(sentAnything: sentAnything)
      : .closedBeforeResponse(sentAnything: sentAnything)
  }

  /// Parses what is there; `false` when the attempt is over.
  private func parseHead() -> Bool {
    guard let exchange else { return false }
    while !input.isEmpty {
      do throws(HTTPError) {
        let limits = exchange.snapshot.headLimits
        guard let count = try parser.parse(input.readable, into: &response, limits: limits) else {
          return true
        }
        input.consume(count)
      } catch {
        fail(.malformedResponse)
        return false
      }
      if (100..<200).contains(response.status), response.status != 101 {
        interims += 1
        guard interims <= Self.interimsMax else {
          fail(.malformedResponse)
          return false
        }
        exchange.interimArrived(self)
        parser.reset()
        response.reset()
        continue
      }
      guard response.status != 101 || exchange.mayOpenTunnel(self) else {
        fail(.malformedResponse)
        return false
      }
      stage = .relaying
      disarm()
      if response.status == 101 { exchange.openTunnel(self) } else { exchange.headArrived(self) }
      return stage != .over
    }
    return true
  }

  /// Gives an empty input back while nobody reads.
  func releaseInput() {
    if input.isEmpty, input.capacity > 0 { worker.buffers.give(input.takeStorage()) }
  }

  /// One read into the input; `false` when the socket is empty or the instance has ended.
  func fill() -> Bool {
    guard let connection, connection.mayHaveMore else { return false }
    if input.capacity == 0 { input = ByteBuffer(storage: worker.buffers.take()) }
    return connection.fill(&input)
  }
}

extension SystemError {
  /// Whether a connection that could not be made says anything about the node: not when its queue
  /// is full (EAGAIN on a unix socket), nor when this process has run out of something.
  var blamesNode: Bool {
    ![EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL].contains(code)
  }
}

@available(*, unavailable) extension Attempt: Sendable {}

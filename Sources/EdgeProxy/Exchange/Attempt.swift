internal import EventLoop
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
  private var pool: NodePool?
  private var timer = TimerToken.none
  private var progress = AttemptProgress()

  var input = ByteBuffer()
  var response = ResponseHead()
  private var parser = ResponseParser()

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
    let now = worker.loop.now
    let delay = upstream.state.lasting.latency.delay
    progress = AttemptProgress(startedAt: now, lateness: Lateness(startedAt: now, delay: delay))
    parser = ResponseParser(endsConnection: upstream.settings.nodeProtocol.isUWSGI)
    node.begin()
    pool = upstream.pool(of: node)
    if !fresh, let kept = pool?.take(isRepeatable: exchange.tries.request.isRepeatable) {
      connection = kept
    } else {
      guard connect(node, upstream, hasBody: exchange.request.body.count > 0, server) else {
        return
      }
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
      fail(AttemptFailure(ConnectFailure(error)))
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
      return fail(.couldNotConnect(ConnectFailure(error)))
    }
    let isConnecting = stage == .sending && !progress.sentAnything
    let settings = upstream.settings
    wait(isConnecting ? settings.connectTimeout : settings.responseTimeout)
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
    guard let connection, let exchange,
      exchange.request.isSentWhole(progress.headSent, progress.bodySent),
      input.isEmpty,
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

  private func fail(_ failure: AttemptFailure, _ detail: String? = nil) {
    progress.detail = detail ?? failure.advice
    exchange?.attemptFailed(self, failure)
  }

  private func secureFailed(_ error: TLSError) {
    let failure = AttemptFailure(error)
    fail(failure, failure == .couldNotSecure ? "\(error)" : nil)
  }

  var startedAt: Instant { progress.startedAt }
  var detail: String? { progress.detail }
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
    progress.lateness.wait(until: worker.loop.now + span)
    lookLater()
  }

  private func lookLater() {
    worker.loop.cancel(timer)
    timer = worker.loop.arm(self, at: progress.lateness.next)
  }

  /// Whether nothing is late yet but the first byte.
  private func noticeSilence() -> Bool {
    let now = worker.loop.now
    guard stage == .sending || stage == .awaitingHead,
      let count = progress.lateness.notice(at: now)
    else { return false }
    lookLater()
    guard !parser.hasBegun, let exchange, exchange.attemptSilent(self, isFirst: count == 1),
      progress.lateness.lookAgain(from: now)
    else { return true }
    lookLater()
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
    case .sending where !progress.sentAnything: connectTimedOut()
    case .sending, .awaitingHead:
      fail(parser.hasBegun ? .headIncomplete(timedOut: true) : .responseTimeout)
    case .relaying: exchange?.answerStalled(self)
    case .over: break
    }
  }

  private func connectTimedOut() {
    guard let connection, connection.awaitsTLS else { return fail(.couldNotConnect(.timedOut)) }
    fail(.couldNotSecure, "no answer to the TLS handshake")
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
    guard let exchange, let connection, !progress.sendingFailed, shakeHands(connection) else {
      return
    }
    while progress.headSent < exchange.request.headCount {
      let outcome = exchange.request.sendHead(to: connection, from: progress.headSent)
      guard let count = sent(outcome) else { return }
      progress.headSent += count
    }
    while progress.bodySent < exchange.request.body.count {
      let start = progress.bodySent
      let outcome = exchange.request.sendBody(to: connection, from: start, worker.buffers)
      guard let count = sent(outcome) else { return }
      progress.bodySent += count
    }
    if stage == .sending { stage = .awaitingHead }
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
      if !progress.sentAnything {
        progress.sentAnything = true
        progress.lateness.connected()
        if timer != .none, let upstream = exchange?.upstream {
          wait(upstream.settings.responseTimeout)
        }
      }
      return count
    case .wouldBlock: return nil
    case .failed(let error):
      guard progress.sentAnything else {
        fail(unsent(ConnectFailure(error)))
        return nil
      }
      // The instance may have answered before it had read everything: look before judging.
      progress.sendingFailed = true
      if stage == .sending { stage = .awaitingHead }
      return nil
    }
  }

  /// Nothing of the request has reached the node, which may just have too much to do.
  private func unsent(_ failure: ConnectFailure) -> AttemptFailure {
    if isOnReused { return .resetBeforeResponse(sentAnything: false) }
    return AttemptFailure(failure)
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
      let hasRead = fill()
      if !parseHead() { return }
      guard stage != .relaying else { return }
      if !hasRead {
        guard let ended else { return }
        return fail(failure(of: ended))
      }
    }
  }

  private func failure(of ending: NodeConnection.Ending) -> AttemptFailure {
    if let spoken = WrongProtocol(answer: input.readable) { return .wrongProtocol(spoken) }
    if !input.isEmpty || parser.hasBegun { return .headIncomplete(timedOut: false) }
    // What was sent may have come no further than the edge of the node's server.
    if let connection, connection.hasReachedNobody {
      return unsent(connection.isRefusedAsBusy ? .busy : .other)
    }
    if let connection, connection.hasLostServer { return .serverLost }
    return ending == .reset
      ? .resetBeforeResponse(sentAnything: progress.sentAnything)
      : .closedBeforeResponse(sentAnything: progress.sentAnything)
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
        fail(WrongProtocol(answer: input.readable).map { .wrongProtocol($0) } ?? .malformedResponse)
        return false
      }
      if response.status >= 400, isStrange(exchange) { return false }
      if (100..<200).contains(response.status), response.status != 101 {
        progress.interims += 1
        guard progress.interims <= Self.interimsMax else {
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

  /// Ends where the first answer of a node is one of another protocol; `true` then.
  private func isStrange(_ exchange: Exchange) -> Bool {
    guard let node, !node.hasEverAnswered, exchange.request.isPacket,
      let strange = WrongProtocol(refusal: response)
    else { return false }
    fail(.wrongProtocol(strange))
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

@available(*, unavailable) extension Attempt: Sendable {}

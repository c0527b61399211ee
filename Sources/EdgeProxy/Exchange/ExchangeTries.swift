internal import EventLoop
internal import HTTPCore

/// The tries of an exchange: which node next, and what to make of how a try ended.
extension Exchange: Waiter {
  /// The request is whole: writes it down and asks the first node.
  func dispatch() {
    guard let connection, let upstream else { return answerLocally(.status(503, "draining")) }
    if let request = rules?.request { head.apply(request) }
    do throws(HTTPError) {
      try encodeRequest(for: upstream, from: connection)
    } catch {
      return answerLocally(.refused(error))
    }
    // What every request takes is not worth a count, unless it waits for its client.
    if head.memoryBytes > Self.uncountedHeadBytes { countMemory() }
    stage = .trying
    dispatchedAt = worker.loop.now
    upstream.state.lasting.budget.deposit(now: worker.loop.now.nanoseconds)
    bind(to: upstream)
    recognise()
    tryNext()
  }

  /// Asks the next node; with none to be had the request waits for one.
  private func tryNext() {
    guard let upstream else { return }
    if tries.generation != upstream.generation { tries.renumber(upstream.generation) }
    guard mayBegin(upstream) else {
      if let fallback { return deliverFallback(fallback) }
      return answerLocally(.status(502, "tries-used-up"))
    }
    let request = Balancer.Request(
      tried: tries.tried, barred: barredNodes(upstream), mayBeRepeated: isRepeatable,
      affinity: affinity, bound: bound, now: worker.loop.now.nanoseconds,
      random: worker.random.next())
    let choice = Balancer.pick(upstream.state, request)
    switch choice {
    case .node(let index):
      ask(index, upstream)
    case .wait, .none:
      // An answer that is there is better than one that may come.
      if let fallback { return deliverFallback(fallback) }
      if choice == .wait { queue(upstream) } else { hold(upstream) }
    }
  }

  /// Asks the node with this number; with `server` that one connects to it.
  func ask(_ index: Int, _ upstream: WorkerUpstream, through server: String? = nil) {
    tries.begin(index)
    let role = upstream.state.roles[index]
    if isPacket { packet.setModifiers(role.modifier1, role.modifier2) }
    let node = upstream.state.nodes[index]
    ask(node, upstream, fresh: server != nil, through: server)
  }

  private func ask(
    _ node: NodeState, _ upstream: WorkerUpstream, fresh: Bool, through server: String? = nil
  ) {
    let attempt = worker.takeAttempt()
    self.attempt = attempt
    attempt.start(self, node, upstream: upstream, fresh: fresh, through: server)
  }

  /// The try ended without an answer to deliver.
  func attemptFailed(_ attempt: Attempt, _ failure: AttemptFailure) {
    guard isUnderWay(attempt), let upstream, let node = attempt.node else {
      return dropStale(attempt)
    }
    if attempt.isOnReused, let sent = failure.sentBeforeEnd {
      if hedge == nil, !sent || isRepeatable && !tries.isDeadly && mayBegin(upstream) {
        return askAgain(attempt, node, upstream, afterSending: sent)
      }
      // It says nothing of the node that it ended a connection when it had been idle.
      node.recordAbandoned(began: attempt.startedAt.nanoseconds)
    } else if attempt.detour != nil, failure.isUnsent {
      // That somebody else cannot connect either is nothing new.
      node.recordAbandoned(began: attempt.startedAt.nanoseconds)
    } else if tries.isDeadly, failure.isUnanswered {
      // It is the request that is to blame.
      node.recordAbandoned(began: attempt.startedAt.nanoseconds)
    } else {
      node.recordFailure(
        failure.nodeFailure, began: attempt.startedAt.nanoseconds,
        now: worker.loop.now.nanoseconds, random: worker.random.next())
    }
    noteTry(attempt, failure.word)
    noteUnreached(attempt, node, failure)
    tries.failed(failure, began: attempt.startedAt, at: worker.loop.now)
    if failure.isUnanswered { noteUnanswered() }
    if leaveToOther(attempt) { return attempt.close() }
    self.attempt = nil
    attempt.close()
    switch decide(failure, upstream) {
    case .tryAnother: tryNext()
    case .holdForInstance: hold(upstream)
    case .answer(let status, let reason):
      if let fallback { return deliverFallback(fallback) }
      if status == 431 {
        return answerLocally(
          .blockTooLarge(sent: blockBytes, limit: upstream.settings.bufferSizeBytes))
      }
      answerLocally(.status(status, reason))
    case .deliverUpstreamAnswer, .cut:
      if let fallback { return deliverFallback(fallback) }
      answerLocally(.status(502, "upstream"))
    }
  }

  /// The connection had been idle and was ended before the request reached anybody: the same node
  /// is asked at once on a fresh one, which cannot happen twice.
  private func askAgain(
    _ attempt: Attempt, _ node: NodeState, _ upstream: WorkerUpstream,
    afterSending sentAnything: Bool
  ) {
    noteTry(attempt, "stale")
    tries.beginAgain(afterSending: sentAnything)
    self.attempt = nil
    attempt.close()
    ask(node, upstream, fresh: true)
  }

  /// A complete head arrived: it is delivered, or another node is asked for a better one.
  func headArrived(_ attempt: Attempt) {
    guard isUnderWay(attempt), let upstream, let node = attempt.node else {
      return dropStale(attempt)
    }
    let now = worker.loop.now.nanoseconds
    node.recordSuccess(began: attempt.startedAt.nanoseconds, now: now)
    upstream.state.lasting.latency.record(now - attempt.startedAt.nanoseconds)
    noteReached(attempt, node)
    acquit()
    let answered = attempt.response.status
    let isListed = upstream.state.retry.lists(status: answered)
    if isListed, leaveToOther(attempt) {
      noteTry(attempt, "status")
      attempt.disarm()
      return fallback = attempt
    }
    if isListed, fallback == nil,
      decide(.retryableStatus(answered), upstream) == .tryAnother
    {
      noteTry(attempt, "status")
      attempt.disarm()
      fallback = attempt
      self.attempt = nil
      return tryNext()
    }
    let isHedge = attempt === hedge
    winHedge(attempt)
    noteTry(attempt, isHedge ? "hedged" : "ok")
    dropFallback()
    guard !mistakesForTunnel(answered) else {
      return answerLocally(.status(502, "websocket-not-agreed"))
    }
    deliver(attempt)
  }

  func interimArrived(_ attempt: Attempt) {
    // An HTTP/1.0 client does not know interim answers (RFC 9110 §15.2), and its 100 is ours.
    guard attempt === self.attempt, head.versionMinor == 1, attempt.response.status != 100 else {
      return
    }
    driver?.sendInterim { output in
      HeadSerializer.writeInterim(attempt.response, into: &output)
    }
  }

  /// The answer broke off after it had begun.
  func attemptBroke(_ attempt: Attempt, _ failure: NodeFailure) {
    attempt.node?.recordFailure(
      failure, began: attempt.startedAt.nanoseconds, now: worker.loop.now.nanoseconds,
      random: worker.random.next())
  }

  private func decide(_ failure: AttemptFailure, _ upstream: WorkerUpstream) -> RetryDecision {
    upstream.state.retry.decide(failure, retryFacts(upstream)) {
      upstream.state.lasting.budget.take(now: worker.loop.now.nanoseconds)
    }
  }

  /// Whether one more try may begin: the first always, others within `tries` and `within`.
  private func mayBegin(_ upstream: WorkerUpstream) -> Bool {
    tries.sent == 0 || upstream.state.retry.hasTriesLeft(retryFacts(upstream))
  }

  func retryFacts(_ upstream: WorkerUpstream) -> RetryFacts {
    let now = worker.loop.now
    return RetryFacts(
      isRepeatable: isRepeatable, isDeadly: tries.isDeadly, sent: tries.sent,
      closed: tries.closed, blockBytes: blockBytes,
      elapsed: now.nanoseconds - dispatchedAt.nanoseconds,
      hasOthers: upstream.state.hasUntried(tries.tried, barred: barredNodes(upstream)),
      mayHold: fallback == nil && (heldUntil.nanoseconds == 0 || now < heldUntil))
  }

  /// After a server was lost: the nodes of all servers that have said nothing since.
  private func barredNodes(_ upstream: WorkerUpstream) -> UInt128 {
    tries.lostSince.map { unheardNodes(upstream, since: $0) } ?? 0
  }

  /// Nodes of other servers from which nothing has come after `moment`, a bit each; these servers
  /// are asked for a sign of life.
  func unheardNodes(_ upstream: WorkerUpstream, since moment: Instant) -> UInt128 {
    var unheard: UInt128 = 0
    for (index, node) in upstream.state.nodes.enumerated() {
      guard let server = node.server, !worker.links.hasHeard(from: server, since: moment) else {
        continue
      }
      unheard |= 1 << UInt128(index)
    }
    return unheard
  }

  /// RFC 9110 §9.2.2, or the client's word that repeating does no harm.
  var isRepeatable: Bool {
    if head.method.isIdempotent { return true }
    return snapshot.configuration.routes[route].idempotencyKey
      && head.first(.idempotencyKey) != nil
  }

  // MARK: Waiting for an instance

  /// Waits until an instance is back, at most `hold`, in a queue of bounded length.
  private func hold(_ upstream: WorkerUpstream) {
    if takeDetour(upstream) { return }
    let now = worker.loop.now
    let isFirst = heldUntil.nanoseconds == 0
    if isFirst { heldUntil = now + upstream.settings.hold }
    if tries.sent > 0 {
      // After that it would be no use if an instance came back.
      heldUntil = min(heldUntil, dispatchedAt + upstream.settings.retry.within)
    }
    guard now < heldUntil else { return answerLocally(.status(503, "no-instance")) }
    guard upstream.holds.add(self, until: heldUntil, restsUntil: tries.restsUntil) else {
      worker.counters.refused(.held)
      return answerLocally(.status(503, "no-instance"))
    }
    if isFirst { worker.counters.waits.add() }
    stage = .held
  }

  func mayGoOn() {
    switch stage {
    case .held: released()
    case .queued: slotFreed()
    case .receiving, .trying, .answering, .done: break
    }
  }

  func waitEnded() {
    let cause: StaticString
    switch stage {
    case .held: cause = "no-instance"
    case .queued: cause = "queue-timeout"
    case .receiving, .trying, .answering, .done: return
    }
    stage = .trying
    answerLocally(.status(503, cause))
  }

  /// An instance may be back: all nodes may be tried again.
  private func released() {
    stage = .trying
    if let found = findUpstream(), found !== upstream {
      upstream = found
      tries.renumber(found.generation)
    }
    tries.beginRound()
    tryNext()
  }

  // MARK: Waiting for a node that has less to do

  /// Waits until a node has room for one more, at most `queue`.
  private func queue(_ upstream: WorkerUpstream) {
    let now = worker.loop.now
    let isNew = queuedUntil.nanoseconds == 0
    if isNew { queuedUntil = now + upstream.settings.queueTimeout }
    guard now < queuedUntil else { return answerLocally(.status(503, "queue-timeout")) }
    if !isNew {
      upstream.queue.goBack(self, until: queuedUntil)
    } else if upstream.queue.add(self, until: queuedUntil) {
      worker.counters.queued.add()
    } else {
      worker.counters.refused(.queued)
      return answerLocally(.status(503, "queue-full"))
    }
    stage = .queued
  }

  /// A node may have room.
  private func slotFreed() {
    stage = .trying
    tryNext()
  }

  // MARK: Ends

  private func deliverFallback(_ attempt: Attempt) {
    fallback = nil
    self.attempt = attempt
    deliver(attempt)
  }

  func dropFallback() {
    fallback?.close()
    fallback = nil
  }

  func dropStale(_ attempt: Attempt) {
    if attempt === fallback { fallback = nil }
    attempt.close()
  }

  /// Nobody waits for what the tries bring any more.
  func abandonTries() {
    if stage == .held { upstream?.holds.remove(self) }
    if stage == .queued { upstream?.queue.remove(self) }
    if let attempt {
      attempt.node?.recordAbandoned(began: attempt.startedAt.nanoseconds)
      attempt.close()
    }
    attempt = nil
    dropHedge()
    dropFallback()
    worker.loop.cancel(pump.patience)
  }

  func noteTry(_ attempt: Attempt, _ outcome: StaticString) {
    guard let node = attempt.node else { return }
    let spent = worker.loop.now.microseconds(since: attempt.startedAt)
    let name = attempt.detour.map { Array("\($0)/".utf8) + node.name } ?? node.name
    record.addTry(node: name, outcome: outcome, microseconds: spent)
    record.upstreamMicroseconds = spent
  }
}

extension AttemptFailure {
  /// What the failure says of the node.
  var nodeFailure: NodeFailure {
    switch self {
    case .couldNotConnect, .couldNotSecure: .connect
    case .busy: .busy
    case .resetBeforeResponse, .serverLost: .reset
    case .closedBeforeResponse: .closed
    case .responseTimeout: .timeout
    case .headIncomplete, .afterBytes, .retryableStatus: .cut
    case .malformedResponse: .malformed
    }
  }

  /// What the access log says of the try.
  var word: StaticString {
    switch self {
    case .couldNotConnect: "connect"
    case .couldNotSecure: "tls"
    case .busy: "busy"
    case .resetBeforeResponse: "reset"
    case .closedBeforeResponse: "closed"
    case .serverLost: "server-lost"
    case .responseTimeout: "timeout"
    case .headIncomplete(timedOut: false): "head-incomplete"
    case .headIncomplete(timedOut: true): "head-timeout"
    case .afterBytes: "cut"
    case .malformedResponse: "malformed"
    case .retryableStatus: "status"
    }
  }

  /// For a connection that ended before the first byte of an answer: whether anything of the
  /// request had gone.
  var sentBeforeEnd: Bool? {
    switch self {
    case .resetBeforeResponse(let sent), .closedBeforeResponse(let sent): sent
    default: nil
    }
  }

  /// Nothing of the request went out, so that this was no try of it.
  var isUnsent: Bool {
    switch self {
    case .couldNotConnect, .couldNotSecure, .busy: true
    default: sentBeforeEnd == false
    }
  }

  /// The request went out and the instance ended without a byte.
  var isUnanswered: Bool {
    switch self {
    case .resetBeforeResponse(sentAnything: true), .closedBeforeResponse(sentAnything: true): true
    default: false
    }
  }
}

extension ForwardedFacts {
  /// The two ends of the client's connection, as the application is told them.
  mutating func describe(_ connection: Connection, requestID: [UInt8]) {
    remoteAddress = connection.peer.text
    remotePort = UInt64(connection.peer.port)
    serverAddress = connection.listener.address
    serverPort = UInt64(connection.listener.port)
    isTLS = connection.listener.isTLS
    self.requestID = requestID
  }
}

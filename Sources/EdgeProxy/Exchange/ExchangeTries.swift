internal import EventLoop
internal import HTTPCore

/// The tries of an exchange: what happens is told to `Tries`, and its orders are carried out.
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
    let now = worker.loop.now
    upstream.state.lasting.budget.deposit(now: now.nanoseconds)
    tries = Tries(describeTries(upstream), generation: upstream.generation, at: now)
    goOn(upstream)
  }

  /// What `Tries` has to know of the request.
  private func describeTries(_ upstream: WorkerUpstream) -> Tries.Request {
    let settings = upstream.settings
    return Tries.Request(
      isRepeatable: isRepeatable,
      mayBeDoubled: (head.method == .get || head.method == .head) && body.count == 0
        && !facts.asksForWebSocket,
      isPacket: isPacket, blockBytes: blockBytes,
      affinity: settings.balance.isHash ? affinity(by: settings.hashOn) : nil,
      bound: settings.stickyCookie.isEmpty ? nil : boundNode(settings.stickyCookie),
      isDeadly: snapshot.deadly.isWatching(now: worker.loop.now.nanoseconds) && isDeadly)
  }

  /// RFC 9110 §9.2.2, or the client's word that repeating does no harm.
  private var isRepeatable: Bool {
    if head.method.isIdempotent { return true }
    return snapshot.configuration.routes[route].idempotencyKey
      && head.first(.idempotencyKey) != nil
  }

  // MARK: Orders

  /// Asks the next node.
  private func goOn(_ upstream: WorkerUpstream) {
    let order = tries.next(prospects(upstream))
    carryOut(order, upstream)
  }

  private func prospects(_ upstream: WorkerUpstream) -> Prospects<PeerLinks> {
    Prospects(
      state: upstream.state, generation: upstream.generation, servers: worker.links,
      now: worker.loop.now, random: worker.random.next())
  }

  private func carryOut(_ order: Tries.Order, _ upstream: WorkerUpstream) {
    switch order {
    case .nothing: break
    case .ask(let index): ask(index, upstream)
    case .through(let server, let index): ask(index, upstream, through: server)
    case .hold(let until, let restsUntil, let isFirst):
      guard upstream.holds.add(self, until: until, restsUntil: restsUntil) else {
        worker.counters.refused(.held)
        return answerLocally(.status(503, "no-instance"))
      }
      if isFirst { worker.counters.waits.add() }
      stage = .held
    case .queue(let until, let isFirst):
      if !isFirst {
        upstream.queue.goBack(self, until: until)
      } else if upstream.queue.add(self, until: until) {
        worker.counters.queued.add()
      } else {
        worker.counters.refused(.queued)
        return answerLocally(.status(503, "queue-full"))
      }
      stage = .queued
    case .deliverKept: deliverKept()
    case .refuseBlock(let sent, let limit): answerLocally(.blockTooLarge(sent: sent, limit: limit))
    case .answer(let status, let reason): answerLocally(.status(status, reason))
    }
  }

  /// Asks the node with this number; with `server` that one connects to it.
  private func ask(_ index: Int, _ upstream: WorkerUpstream, through server: String? = nil) {
    let role = upstream.state.roles[index]
    if isPacket { packet.setModifiers(role.modifier1, role.modifier2) }
    let node = upstream.state.nodes[index]
    ask(node, upstream, fresh: server != nil, through: server)
  }

  private func ask(
    _ node: NodeState, _ upstream: WorkerUpstream, fresh: Bool, through server: String? = nil
  ) {
    let attempt = worker.takeAttempt()
    attempts.begin(attempt)
    attempt.start(self, node, upstream: upstream, fresh: fresh, through: server)
  }

  // MARK: What an attempt tells

  /// The try ended without an answer to deliver.
  func attemptFailed(_ attempt: Attempt, _ cause: AttemptFailure) {
    guard let which = attempts.which(attempt), let upstream, let node = attempt.node else {
      return dropStale(attempt)
    }
    let failure = Tries.Failure(
      cause: cause, began: attempt.startedAt, isOnReused: attempt.isOnReused,
      isDetour: attempt.detour != nil)
    switch tries.failed(which, failure, prospects(upstream)) {
    case .again:
      noteTry(attempt, "stale")
      attempts.remove(which)
      attempt.close()
      return ask(node, upstream, fresh: true)
    case .over(blamesNode: true): attemptBroke(attempt, cause.nodeFailure)
    case .over(blamesNode: false): node.recordAbandoned(began: attempt.startedAt.nanoseconds)
    }
    noteTry(attempt, cause.word)
    if let server = attempt.detour, cause == .couldNotConnect || cause == .busy {
      worker.links.detours.failed(server, to: node, now: worker.loop.now)
    }
    if cause.isUnanswered, tries.endsInstances { rememberAsDeadly() }
    attempts.remove(which)
    attempt.close()
    let order = tries.next(after: which, cause, prospects(upstream))
    carryOut(order, upstream)
  }

  /// A complete head arrived: it is delivered, or another node is asked for a better one.
  func headArrived(_ attempt: Attempt) {
    guard let which = attempts.which(attempt), let upstream, let node = attempt.node else {
      return dropStale(attempt)
    }
    let now = worker.loop.now.nanoseconds
    node.recordSuccess(began: attempt.startedAt.nanoseconds, now: now)
    upstream.state.lasting.latency.record(now - attempt.startedAt.nanoseconds)
    noteReached(attempt, node)
    if tries.acquit() { forgetAsDeadly() }
    switch tries.head(which, status: attempt.response.status, prospects(upstream)) {
    case .keep(let order):
      noteTry(attempt, "status")
      attempt.disarm()
      attempts.keep(which)
      carryOut(order, upstream)
    case .deliver:
      if let loser = attempts.win(which) { drop(loser) }
      if which == .beside { upstream.state.lasting.countHedgeWon() }
      noteTry(attempt, which == .beside ? "hedged" : "ok")
      attempts.dropKept()?.close()
      guard !mistakesForTunnel(attempt.response.status) else {
        return answerLocally(.status(502, "websocket-not-agreed"))
      }
      deliver(attempt)
    }
  }

  /// Nothing has come from a try for much longer than usual; `true` to be told again in a moment.
  func attemptSilent(_ attempt: Attempt, isFirst: Bool) -> Bool {
    guard stage == .trying, let which = attempts.which(attempt), let upstream,
      let node = attempt.node
    else { return false }
    if isFirst, node.recordSilence() >= Self.silencesMax { worker.suspect(node) }
    switch tries.silent(which, began: attempt.startedAt, prospects(upstream)) {
    case .waitOn: return false
    case .lookAgain: return true
    case .beside(let index):
      upstream.state.lasting.countHedge()
      let beside = worker.takeAttempt()
      attempts.begin(beside: beside)
      beside.start(self, upstream.state.nodes[index], upstream: upstream, fresh: false)
      return false
    }
  }

  /// Tries in a row that a node may leave without a word.
  private static let silencesMax = 3

  func interimArrived(_ attempt: Attempt) {
    // An HTTP/1.0 client does not know interim answers (RFC 9110 §15.2), and its 100 is ours.
    guard attempt === attempts.first, head.versionMinor == 1, attempt.response.status != 100 else {
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

  /// A node has answered, one way or the other.
  func noteReached(_ attempt: Attempt, _ node: NodeState) {
    if let server = attempt.detour {
      // A way that was known before has its time already.
      guard tries.hasDetoured else { return }
      worker.links.detours.led(server, to: node, now: worker.loop.now)
    } else if !worker.links.detours.isEmpty {
      worker.links.detours.forget(node)
    }
  }

  // MARK: Waiting

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

  /// An instance may be back.
  private func released() {
    stage = .trying
    let found = findUpstream() ?? upstream
    guard let found else { return }
    let isOther = found !== upstream
    upstream = found
    let order = tries.released(isOther: isOther, prospects(found))
    carryOut(order, found)
  }

  /// A node may have room.
  private func slotFreed() {
    stage = .trying
    if let upstream { goOn(upstream) }
  }

  // MARK: Ends

  private func deliverKept() {
    guard let attempt = attempts.takeKept() else {
      return answerLocally(.status(502, "upstream"))
    }
    deliver(attempt)
  }

  func dropStale(_ attempt: Attempt) {
    if attempt === attempts.kept { _ = attempts.dropKept() }
    attempt.close()
  }

  private func drop(_ attempt: Attempt) {
    attempt.node?.recordAbandoned(began: attempt.startedAt.nanoseconds)
    noteTry(attempt, "lost")
    attempt.close()
  }

  /// Nobody waits for what the tries bring any more.
  func abandonTries() {
    if stage == .held { upstream?.holds.remove(self) }
    if stage == .queued { upstream?.queue.remove(self) }
    if let attempt = attempts.takeFirst() {
      attempt.node?.recordAbandoned(began: attempt.startedAt.nanoseconds)
      attempt.close()
    }
    if let beside = attempts.takeBeside() { drop(beside) }
    attempts.dropKept()?.close()
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

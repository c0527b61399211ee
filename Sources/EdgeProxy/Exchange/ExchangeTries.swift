internal import EventLoop
internal import HTTPCore

/// The tries of an exchange: what happens is told to `Tries`, and its orders are carried out.
extension Exchange {
  /// The request is whole: writes it down, and says which node is asked first; `nil` where it has
  /// been answered.
  func beginTries() -> Tries.Order? {
    guard let connection, let destination, let upstream else {
      answerLocally(.status(503, "draining"))
      return nil
    }
    if snapshot.stale != nil, !isQuestion { considerStale() }
    if let changes = destination.rules?.request { request.apply(changes) }
    request.describe(connection, client: record.client, requestID: record.requestID)
    let needsKey = request.head.isExtendedConnect
    do throws(HTTPError) {
      try request.encode(
        asPacket: upstream.settings.nodeProtocol.isUWSGI,
        closing: upstream.settings.keepAlive.connections == 0,
        webSocket: snapshot.configuration.routes[destination.route].webSocket,
        key: needsKey ? WebSocketKey.make(&worker.random) : [],
        path: isQuestion ? nil : snapshot.configuration.routes[destination.route].pathChange)
    } catch {
      answerLocally(.refused(error))
      return nil
    }
    // What every request takes is not worth a count, unless it waits for its client.
    if request.head.memoryBytes > Self.uncountedHeadBytes { countMemory() }
    stage = .trying
    let now = worker.loop.now
    upstream.state.lasting.budget.deposit(now: now.nanoseconds)
    tries = Tries(
      describeTries(upstream, destination.route), generation: upstream.generation, at: now)
    return tries.next(prospects(upstream))
  }

  /// What `Tries` has to know of the request.
  private func describeTries(_ upstream: WorkerUpstream, _ route: Int) -> Tries.Request {
    let isHashed = upstream.settings.balance.isHash
    let isSticky = !upstream.settings.stickyCookie.isEmpty
    return Tries.Request(
      isRepeatable: isRepeatable(route), mayBeDoubled: request.mayBeDoubled,
      isPacket: request.isPacket, blockBytes: request.blockBytes,
      affinity: isHashed ? request.affinity(by: upstream.settings.hashOn) : nil,
      bound: isSticky ? request.boundNode(upstream.settings.stickyCookie) : nil,
      isDeadly: isDeadly)
  }

  /// RFC 9110 §9.2.2, or the client's word that repeating does no harm.
  private func isRepeatable(_ route: Int) -> Bool {
    if request.head.method.isIdempotent { return true }
    return snapshot.configuration.routes[route].idempotencyKey
      && request.head.first(.idempotencyKey) != nil
  }

  /// The same request has just ended two instances; it is looked at only while any is remembered.
  private var isDeadly: Bool {
    let now = worker.loop.now.nanoseconds
    return snapshot.deadly.isWatching(now: now)
      && snapshot.deadly.contains(request.fingerprint(worker.buffers), now: now)
  }

  // MARK: Orders

  private func prospects(_ upstream: WorkerUpstream) -> Prospects<PeerLinks> {
    Prospects(
      state: upstream.state, generation: upstream.generation, servers: worker.links,
      now: worker.loop.now, random: worker.random.next())
  }

  func carryOut(_ order: Tries.Order) {
    guard let upstream else { return }
    switch order {
    case .nothing: break
    case .ask(let index): ask(index, upstream)
    case .through(let server, let index): ask(index, upstream, through: server)
    case .hold(let until, let restsUntil, let isFirst):
      guard upstream.holds.add(self, until: until, restsUntil: restsUntil) else {
        worker.counters.refused(.held)
        return answerForWant(503, upstream.state.absence)
      }
      if isFirst { worker.counters.waits.add() }
      stage = .waiting(for: .instance)
    case .queue(let until, let isFirst):
      if !isFirst {
        upstream.queue.goBack(self, until: until)
      } else if upstream.queue.add(self, until: until) {
        worker.counters.queued.add()
      } else {
        worker.counters.refused(.queued)
        return answerForWant(503, "queue-full")
      }
      stage = .waiting(for: .slot)
    case .deliverKept: deliverKept()
    case .refuseBlock(let sent, let limit): answerLocally(.blockTooLarge(sent: sent, limit: limit))
    case .answer(let status, let reason): answerForWant(status, reason)
    }
  }

  /// Asks the node with this number; with `server` that one connects to it.
  private func ask(_ index: Int, _ upstream: WorkerUpstream, through server: String? = nil) {
    request.setModifiers(upstream.state.roles[index])
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

  // MARK: The end of a try

  /// Closes the attempt and says what is done next; `nil` where its node is asked again already.
  func tryFailed(
    _ attempt: Attempt, _ which: Tries.Which, _ cause: AttemptFailure, _ upstream: WorkerUpstream
  ) -> Tries.Order? {
    guard let node = attempt.node else {
      dropStale(attempt)
      return nil
    }
    let failure = Tries.Failure(
      cause: cause, began: attempt.startedAt, isOnReused: attempt.isOnReused,
      isDetour: attempt.detour != nil)
    switch tries.failed(which, failure, prospects(upstream)) {
    case .again:
      noteTry(attempt, .stale)
      attempts.remove(which)
      attempt.close()
      ask(node, upstream, fresh: true)
      return nil
    case .over(blamesNode: true): attemptBroke(attempt, cause.nodeFailure)
    case .over(blamesNode: false): node.recordAbandoned(began: attempt.startedAt.nanoseconds)
    }
    let isStrange =
      cause.nodeFailure.maybeWrongProtocol
      && node.trouble?.failure == .wrongProtocol
    noteTry(attempt, isStrange ? .failed(.wrongProtocol) : cause.outcome)
    if let server = attempt.detour, cause.isConnectFailure {
      worker.links.detours.failed(server, to: node, now: worker.loop.now)
    }
    if cause.isUnanswered, tries.endsInstances {
      let now = worker.loop.now.nanoseconds
      snapshot.deadly.remember(request.fingerprint(worker.buffers), now: now)
    }
    attempts.remove(which)
    attempt.close()
    return tries.next(after: which, cause, prospects(upstream))
  }

  /// Decides whether an answer is delivered, or kept while another node is asked.
  func judge(
    _ attempt: Attempt, _ which: Tries.Which, _ upstream: WorkerUpstream
  ) -> Tries.Verdict {
    let now = worker.loop.now.nanoseconds
    upstream.state.lasting.latency.record(now - attempt.startedAt.nanoseconds)
    if let node = attempt.node {
      node.latency.record(now - attempt.startedAt.nanoseconds)
      node.recordSuccess(began: attempt.startedAt.nanoseconds, now: now)
      noteReached(attempt, node)
    }
    if tries.acquit() { snapshot.deadly.forget(request.fingerprint(worker.buffers)) }
    let verdict = tries.head(which, status: attempt.response.status, prospects(upstream))
    switch verdict {
    case .keep:
      noteTry(attempt, .status)
      attempt.disarm()
      attempts.keep(which)
    case .deliver:
      if let loser = attempts.win(which) { drop(loser) }
      if which == .beside { upstream.state.lasting.countHedgeWon() }
      noteTry(attempt, which == .beside ? .hedged : .ok)
      attempts.dropKept()?.close()
    }
    return verdict
  }

  func relayAnswer(of attempt: Attempt) {
    guard !mistakesForTunnel(attempt.response.status) else {
      return answerLocally(.status(502, "websocket-not-agreed"))
    }
    if attempt.response.status >= 500, let word = Self.errorWord(attempt.response.status),
      answerStale(word)
    {
      return
    }
    deliver(attempt)
  }

  /// Asks another node beside one that is silent, where that is allowed; `true` to look again.
  func lookForOther(
    than attempt: Attempt, _ which: Tries.Which, _ upstream: WorkerUpstream, isFirst: Bool
  ) -> Bool {
    guard let node = attempt.node else { return false }
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

  /// The answer broke off after it had begun.
  func attemptBroke(_ attempt: Attempt, _ failure: NodeFailure) {
    attempt.node?.recordFailure(
      failure, detail: attempt.detail, began: attempt.startedAt.nanoseconds,
      now: worker.loop.now.nanoseconds,
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

  /// An instance may be back.
  func released() -> Tries.Order? {
    stage = .trying
    guard let route = destination?.route,
      // A question has the route of the request that it is about, and another upstream.
      let found = isQuestion ? upstream : findUpstream(route) ?? upstream
    else { return nil }
    let isOther = found !== upstream
    if isOther { destination?.upstream = found }
    return tries.released(isOther: isOther, prospects(found))
  }

  /// A node may have room.
  func slotFreed() -> Tries.Order? {
    stage = .trying
    return upstream.map { tries.next(prospects($0)) }
  }

  // MARK: Ends

  private func deliverKept() {
    if let status = attempts.kept?.response.status, let word = Self.errorWord(status),
      answerStale(word)
    {
      return
    }
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
    noteTry(attempt, .lost)
    attempt.close()
  }

  /// Nobody waits for what the tries bring any more.
  func abandonTries() {
    if destination?.gate != nil { leaveGate() }
    if case .waiting(let awaited) = stage {
      switch awaited {
      case .instance: upstream?.holds.remove(self)
      case .slot: upstream?.queue.remove(self)
      case .site: worker.sites.remove(self)
      }
    }
    if let attempt = attempts.takeFirst() {
      attempt.node?.recordAbandoned(began: attempt.startedAt.nanoseconds)
      attempt.close()
    }
    if let beside = attempts.takeBeside() { drop(beside) }
    attempts.dropKept()?.close()
    worker.loop.cancel(answer.patience)
  }
}

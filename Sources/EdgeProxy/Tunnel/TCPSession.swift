internal import EventLoop
internal import HTTPCore

/// One connection of a client's that is passed on to a node of an upstream.
///
///     trying ──▶ relaying ──▶ over
///      │  ▲
///      ▼  │
///     waiting      in the upstream's queues: no node is there, or all have enough to do
///
/// Nothing of the client's goes to a node before one is connected, so any other may still be asked;
/// what the client sends meanwhile stays in its socket.
final class TCPSession: Listed {
  private enum Stage { case trying, held, queued, relaying, over }

  private let worker: Worker
  let client: SessionClient
  /// The client's.
  let address: IPAddress
  private let listener: SocketAddress
  private var upstream: WorkerUpstream
  private var stage = Stage.trying
  private var attempt: SessionAttempt?
  /// A server that takes nobody, kept in case that no better one is found: the client is to hear why.
  private var fallback: SessionAttempt?
  private var tried = TriedNodes()
  /// The generation of the nodes that the numbers in `tried` mean.
  private var generation: Int
  /// Tries of the present round.
  private var attempts = 0
  private let startedAt: Instant
  private var heldUntil = Instant(nanoseconds: 0)
  private var queuedUntil = Instant(nanoseconds: 0)
  var place = WaitPlace.none
  private let affinity: UInt64?
  private var record = AccessRecord()
  /// Its place among the connections of its client; `nil` once it is over.
  private var permit: ConnectionPermit?
  /// The place in the worker's list of sessions.
  var index = -1

  /// Silence of one side that ends a session once the other has ended.
  private static let halfOpenMax = Duration.minutes(10)

  init(
    _ client: SessionClient, at listener: SocketAddress, from source: ClientAddress,
    permit: consuming ConnectionPermit,
    upstream: WorkerUpstream, worker: Worker
  ) {
    self.client = client
    address = source.address
    self.listener = listener
    self.upstream = upstream
    self.worker = worker
    self.permit = consume permit
    generation = upstream.generation
    startedAt = worker.loop.now
    affinity = upstream.settings.balance.isHash ? StableHash.of(source.text) : nil
    record.client = source.text
    record.listener = Array(listener.description.utf8)
  }

  func start() throws(SystemError) {
    try client.start(self)
    tryNext()
  }

  /// The node whose going may end the session; `nil` while there is none, or where sessions stay.
  var nodeThatMatters: NodeState? {
    stage == .relaying && upstream.settings.cutsWhenDown ? attempt?.node : nil
  }

  /// Ends it for a reason of ours.
  func cut(_ cause: StaticString) {
    if stage == .relaying { client.cut(cause) } else { giveUp(cause) }
  }

  /// Before a node is connected the client has ended its side (`hasEnded`) or is gone altogether.
  ///
  /// Where the server speaks first, a client that has ended its side is gone: it cannot have said
  /// anything yet.
  func clientEnding(isGone: Bool, hasEnded: Bool) {
    guard isGone || hasEnded && upstream.settings.greeting != .none else { return }
    attempt?.node.recordAbandoned(began: attempt?.startedAt.nanoseconds ?? 0)
    giveUp("client-gone")
  }

  // MARK: Tries

  private func tryNext() {
    if generation != upstream.generation {
      // The numbers of the nodes mean others now.
      generation = upstream.generation
      tried = TriedNodes()
    }
    // A session must not be left in the queue of a node that has as many as it takes.
    let request = Balancer.Request(
      tried: tried, barred: upstream.state.withheld(), mayBeRepeated: false, affinity: affinity,
      now: worker.loop.now.nanoseconds, random: worker.random.next())
    switch Balancer.pick(upstream.state, request) {
    case .node(let index):
      tried.insert(index)
      attempts += 1
      let settings = upstream.settings
      let attempt = SessionAttempt(
        self, upstream.state.nodes[index], settings.greeting, worker: worker)
      self.attempt = attempt
      attempt.start(timeout: settings.connectTimeout)
    case .wait: queue()
    case .none: hold()
    }
  }

  func attemptSucceeded(_ attempt: SessionAttempt) {
    attempt.node.recordSuccess(
      began: attempt.startedAt.nanoseconds, now: worker.loop.now.nanoseconds)
    note(attempt, .ok)
    upstream.answered()
    dropFallback()
    relay(attempt)
  }

  /// The node is well and takes nobody.
  func attemptRefused(_ attempt: SessionAttempt) {
    attempt.node.recordFailure(
      .busy, began: attempt.startedAt.nanoseconds, now: worker.loop.now.nanoseconds,
      random: worker.random.next())
    note(attempt, .failed(.busy))
    guard fallback == nil, decide(mayHold: false) == .tryAnother else {
      dropFallback()
      return relay(attempt)
    }
    attempt.rest()
    fallback = attempt
    self.attempt = nil
    tryNext()
  }

  func attemptFailed(_ attempt: SessionAttempt, _ failure: NodeFailure) {
    attempt.node.recordFailure(
      failure, began: attempt.startedAt.nanoseconds, now: worker.loop.now.nanoseconds,
      random: worker.random.next())
    note(attempt, .failed(failure))
    drop(attempt)
    let now = worker.loop.now
    switch decide(mayHold: heldUntil.nanoseconds == 0 || now < heldUntil) {
    case .tryAnother: tryNext()
    case .holdForInstance: hold()
    case .answer(_, let reason): if !takeFallback() { giveUp(reason) }
    case .deliverUpstreamAnswer, .cut: giveUp(upstream.state.absence)
    }
  }

  /// Nothing was sent, so every failure is like a connection that could not be made.
  private func decide(mayHold: Bool) -> RetryDecision {
    let facts = RetryFacts(
      isRepeatable: true, sent: attempts, closed: 0, blockBytes: 0,
      elapsed: worker.loop.now.nanoseconds - startedAt.nanoseconds,
      hasOthers: upstream.state.hasUntried(tried, barred: upstream.state.withheld()),
      mayHold: mayHold)
    return upstream.state.retry.decide(.couldNotConnect(.other), facts) { false }
  }

  private func note(_ attempt: SessionAttempt, _ outcome: TryOutcome) {
    let spent = worker.loop.now.microseconds(since: attempt.startedAt)
    record.addTry(node: attempt.node.name, outcome: outcome.word, microseconds: spent)
    record.upstreamMicroseconds = spent
    upstream.counters.count(outcome, microseconds: spent)
  }

  /// Gives the client the refusal, where there is one.
  private func takeFallback() -> Bool {
    guard let fallback else { return false }
    self.fallback = nil
    attempt = fallback
    relay(fallback)
    return true
  }

  private func dropFallback() {
    guard let fallback else { return }
    self.fallback = nil
    drop(fallback)
  }

  private func drop(_ attempt: SessionAttempt) {
    if attempt === self.attempt { self.attempt = nil }
    attempt.close()
    upstream.slotFreed()
  }

  // MARK: Bytes

  private func relay(_ attempt: SessionAttempt) {
    stage = .relaying
    record.firstByteMicroseconds = worker.loop.now.microseconds(since: startedAt)
    let idle = upstream.settings.tunnelTimeout
    let tunnel = Tunnel(
      self, worker: worker,
      Tunnel.Manner(idle: idle, halfOpen: min(idle, Self.halfOpenMax), passesResets: true))
    attempt.handOver(to: tunnel)
    client.handOver(to: tunnel)
  }

  // MARK: The end

  /// The client is reset, as by a server that is not there.
  private func giveUp(_ cause: StaticString) {
    guard stage != .over else { return }
    if stage == .held { upstream.holds.remove(self) }
    if stage == .queued { upstream.queue.remove(self) }
    note(cause: cause)
    client.close(reset: true)
    finish()
  }

  private func finish() {
    stage = .over
    if let attempt { drop(attempt) }
    dropFallback()
    tunnelEnds()
    record.time = worker.wallClock(at: startedAt)
    record.totalMicroseconds = worker.loop.clockNow.microseconds(since: startedAt)
    record.upstream = upstream.state.name
    if record.triesCount == 0 { record.addUnresolved(upstream.state) }
    worker.sessions.ended(record)
  }
}

extension TCPSession: TunnelOwner {
  func note(cause: StaticString) {
    if record.cause == nil { record.cause = cause }
  }

  /// Its place is free at once, for a client that comes back in the same turn.
  func tunnelEnds() {
    permit = nil
    worker.sessions.remove(self)
  }

  func tunnelEnded(bytesIn: Int64, bytesOut: Int64) {
    record.bytesIn = bytesIn
    record.bytesOut = bytesOut
    finish()
  }
}

// MARK: Waiting

extension TCPSession: Waiter {
  func mayGoOn() {
    switch stage {
    case .held: released()
    case .queued: slotFreed()
    case .trying, .relaying, .over: break
    }
  }

  func waitEnded() {
    switch stage {
    case .held: giveUp(upstream.state.absence)
    case .queued: giveUp("queue-timeout")
    case .trying, .relaying, .over: break
    }
  }

  /// Waits until a node is back, at most `hold`, in a queue of bounded length.
  private func hold() {
    if takeFallback() { return }
    let now = worker.loop.now
    let isFirst = heldUntil.nanoseconds == 0
    if isFirst { heldUntil = now + upstream.settings.hold }
    guard now < heldUntil else { return giveUp(upstream.state.absence) }
    guard upstream.holds.add(self, until: heldUntil) else {
      worker.counters.refused(.held)
      return giveUp(upstream.state.absence)
    }
    if isFirst { worker.counters.waits.add() }
    stage = .held
  }

  private func released() {
    stage = .trying
    if let found = worker.sessions.upstream(at: listener), found !== upstream {
      upstream = found
      generation = found.generation
    }
    tried.beginRound()
    attempts = 0
    tryNext()
  }

  /// Waits until a node takes one more, at most `queue`.
  private func queue() {
    if takeFallback() { return }
    let now = worker.loop.now
    let isNew = queuedUntil.nanoseconds == 0
    if isNew { queuedUntil = now + upstream.settings.queueTimeout }
    guard now < queuedUntil else { return giveUp("queue-timeout") }
    if !isNew {
      upstream.queue.goBack(self, until: queuedUntil)
    } else if upstream.queue.add(self, until: queuedUntil) {
      worker.counters.queued.add()
    } else {
      worker.counters.refused(.queued)
      return giveUp("queue-full")
    }
    stage = .queued
  }

  private func slotFreed() {
    stage = .trying
    tryNext()
  }
}

@available(*, unavailable) extension TCPSession: Sendable {}

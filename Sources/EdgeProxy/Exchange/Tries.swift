internal import EventLoop

/// The tries of one request: which node is asked next, and what becomes of the request when a try ends.
///
///     begin ──▶ ask ──▶ failed ──▶ next ──▶ ask, hold, queue, answer
///                │  └─▶ head ───▶ deliver, or keep and ask another
///                └────▶ silent ─▶ another node beside it
///
/// Nothing is sent here and no clock is read: an exchange says what has happened, and carries out the
/// order that comes back. What may be tried again is in the table of `RetryPolicy`.
///
/// Tries are counted once over the whole life of the request, however often it waits in between. A try
/// counts from its beginning, since nobody can say how much of it was read. It is taken off again only
/// when it ends and no byte of the request had been sent. Nothing else lowers the count.
struct Tries: Sendable {
  let request: Request
  /// When the whole request was there.
  let beganAt: Instant

  /// Tries that may have been read, those under way included.
  private(set) var sent = 0
  /// Of those, how many ended in order before the first byte of an answer, and how many by a reset.
  private(set) var closed = 0
  private(set) var reset = 0
  /// A node that was tried is not asked again before this, unless there is news of the nodes.
  private(set) var restsUntil = Instant(nanoseconds: 0)
  /// When the last try began that ended with its server; `nil` while there was none.
  ///
  /// What took that server away may have taken others too, so from then on only servers are asked
  /// that were heard from later.
  private(set) var lostSince: Instant?

  /// The nodes tried since the request last waited for an instance.
  private(set) var tried = TriedNodes()
  /// Of those, nodes of other machines that could not be connected to.
  private(set) var unreached = TriedNodes()
  /// Says which nodes the numbers mean.
  private(set) var generation: Int

  /// The nodes that are being asked.
  private var first = 0
  private(set) var beside: Int?
  /// An answer with a status worth another try has been kept.
  private(set) var keepsAnswer = false
  /// A second node was asked beside a silent one.
  private(set) var hasHedged = false
  /// Another server was asked to connect.
  private(set) var hasDetoured = false
  private var isDeadly: Bool
  /// How long it may wait for an instance, and for a node that has less to do; `nil` while it never
  /// had to.
  private var heldUntil: Instant?
  private var queuedUntil: Instant?

  /// The first pause after a reset, and the longest.
  static let restMin = Duration.milliseconds(250)
  static let restMax = Duration.seconds(1)

  init(_ request: Request, generation: Int, at now: Instant) {
    self.request = request
    self.generation = generation
    beganAt = now
    isDeadly = request.isDeadly
  }

  // MARK: A try ends

  /// A try ended without an answer to deliver.
  ///
  /// The exchange closes it, and then goes on with `next(after:)`.
  mutating func failed(
    _ which: Which, _ failure: Failure, _ now: Prospects<some OtherServers>
  ) -> Ended {
    let cause = failure.cause
    var blamesNode = true
    if failure.isOnReused, let sentAnything = cause.sentBeforeEnd {
      // The connection had been idle and may have ended before the request arrived; on a fresh one
      // that cannot happen again. If a byte had been sent it is not certain, so this try stays counted.
      if beside == nil, !sentAnything || request.isRepeatable && !isDeadly && mayBegin(now) {
        if sentAnything { sent += 1 }
        return .again
      }
      // It says nothing of the node that it ended a connection when it had been idle.
      blamesNode = false
    } else if failure.isDetour, cause.isUnsent {
      // That another server cannot connect either is nothing new.
      blamesNode = false
    } else if isDeadly, cause.isUnanswered {
      // It is the request that is to blame.
      blamesNode = false
    }
    if cause.isUnreached, !failure.isDetour { noteUnreached(which, now) }
    count(failure, at: now.now)
    return .over(blamesNode: blamesNode)
  }

  /// The failed try has been closed.
  mutating func next(
    after which: Which, _ cause: AttemptFailure, _ now: Prospects<some OtherServers>
  ) -> Order {
    if leaveToOther(which) { return .nothing }
    switch decide(cause, now) {
    case .tryAnother: return next(now)
    case .holdForInstance: return hold(now)
    case _ where keepsAnswer: return .deliverKept
    case .answer(status: 431, _):
      return .refuseBlock(sent: request.blockBytes, limit: now.state.settings.bufferSizeBytes)
    case .answer(let status, let reason): return .answer(status: status, reason: reason)
    case .deliverUpstreamAnswer, .cut: return .answer(status: 502, reason: "upstream")
    }
  }

  /// A whole head has come: it is delivered, or another node is asked for a better one.
  mutating func head(
    _ which: Which, status: Int, _ now: Prospects<some OtherServers>
  ) -> Verdict {
    guard now.state.retry.lists(status: status) else { return .deliver }
    if leaveToOther(which) {
      keepsAnswer = true
      return .keep(.nothing)
    }
    guard !keepsAnswer, case .tryAnother = decide(.retryableStatus(status), now) else {
      return .deliver
    }
    keepsAnswer = true
    return .keep(next(now))
  }

  /// An instance has answered; `true` if the request had been held to end instances.
  mutating func acquit() -> Bool {
    guard endsInstances else { return false }
    isDeadly = false
    return true
  }

  /// It has ended two instances, now or a moment ago.
  ///
  /// A reset counts as well. It may mean that nobody read the request, since an instance that is
  /// reloaded drops its listen queue; then the first answer clears the request again.
  var endsInstances: Bool { isDeadly || closed + reset >= 2 }

  /// Nothing has come from a try for the upstream's delay: another node is asked as well, where that
  /// is allowed and one is there.
  ///
  /// What keeps another server silent may keep others too, so only servers are asked that were heard
  /// from since the try began.
  mutating func silent(
    _ which: Which, began: Instant, _ now: Prospects<some OtherServers>
  ) -> Silence {
    guard which == .first, mayHedge(now) else { return .waitOn }
    let state = now.state
    let unheard = state.nodes[first].server == nil ? 0 : now.unheard(since: began)
    let wanted = Balancer.Request(
      tried: tried, barred: unheard | state.withheld(bound: request.bound),
      affinity: request.affinity, now: now.now.nanoseconds, random: now.random)
    guard let index = Balancer.pickBeside(state, wanted) else {
      return unheard & ~tried.bits != 0 ? .lookAgain : .waitOn
    }
    guard agrees(state.roles[index], state.roles[first]), state.retry.mayHedge(facts(now)),
      state.lasting.budget.take(now: now.now.nanoseconds, leaving: RetryBudget.tokensMax / 2)
    else { return .waitOn }
    begin(index)
    beside = index
    hasHedged = true
    return .beside(index)
  }

  private func mayHedge(_ now: Prospects<some OtherServers>) -> Bool {
    request.mayBeDoubled && !hasHedged && !keepsAnswer && !isDeadly && generation == now.generation
  }

  /// A packet has the modifiers of its node: the same for both, or the first has gone out.
  private func agrees(_ role: NodeRole, _ other: NodeRole) -> Bool {
    !request.isPacket || role.modifier1 == other.modifier1 && role.modifier2 == other.modifier2
  }

  /// The try is over and the other, if there is one, goes on alone; `false` where there is none.
  private mutating func leaveToOther(_ which: Which) -> Bool {
    guard let beside else { return false }
    if which == .first { first = beside }
    self.beside = nil
    return true
  }

  // MARK: The next try

  /// Asks the next node; with none to be had the request waits for one.
  mutating func next(_ now: Prospects<some OtherServers>) -> Order {
    if generation != now.generation { renumber(now.generation) }
    guard mayBegin(now) else {
      return keepsAnswer ? .deliverKept : .answer(status: 502, reason: "tries-used-up")
    }
    let wanted = Balancer.Request(
      tried: tried, barred: barred(now), mayBeRepeated: request.isRepeatable,
      affinity: request.affinity, bound: request.bound, now: now.now.nanoseconds,
      random: now.random)
    switch Balancer.pick(now.state, wanted) {
    case .node(let index):
      begin(index)
      first = index
      return .ask(index)
    // An answer that is there is better than one that may come.
    case _ where keepsAnswer: return .deliverKept
    case .wait: return queue(now)
    case .none: return hold(now)
    }
  }

  /// An instance may be back: all nodes may be tried again, as far as tries are left.
  ///
  /// `isOther` where the application has become another upstream, whose numbers mean other nodes.
  mutating func released(isOther: Bool, _ now: Prospects<some OtherServers>) -> Order {
    if isOther { renumber(now.generation) }
    tried.beginRound()
    return next(now)
  }

  /// Waits until an instance is back, at most `hold`.
  private mutating func hold(_ now: Prospects<some OtherServers>) -> Order {
    if let order = detour(now) { return order }
    let isFirst = heldUntil == nil
    var until = heldUntil ?? now.now + now.state.settings.hold
    // After that it would be no use if an instance came back.
    if sent > 0 { until = min(until, beganAt + now.state.settings.retry.within) }
    heldUntil = until
    guard now.now < until else { return .answer(status: 503, reason: now.state.absence) }
    return .hold(until: until, restsUntil: restsUntil, isFirst: isFirst)
  }

  /// Asks another server to connect to a node to which this request could not, once for a request.
  ///
  /// A link that is cut between this server and the node's is not cut everywhere. The other server
  /// connects to the node directly or says that it cannot, so this is one hop, and nothing has been
  /// sent before: methods that must not be repeated may go as well. `nil` where there is no such node
  /// or server, or where tries or time are used up.
  private mutating func detour(_ now: Prospects<some OtherServers>) -> Order? {
    let state = now.state
    guard !hasDetoured, !unreached.isEmpty, generation == now.generation,
      state.retry.mayDetour(facts(now))
    else { return nil }
    let reachable = unreached.bits & ~state.withheld(bound: request.bound)
    let nodes = BitSequence(reachable).map { state.nodes[$0] }
    guard let (node, server) = now.servers.helper(for: nodes, random: now.random),
      let index = state.nodes.firstIndex(where: { $0 === node })
    else { return nil }
    hasDetoured = true
    begin(index)
    first = index
    return .through(server, index)
  }

  /// Waits until a node has room for one more, at most `queue`.
  private mutating func queue(_ now: Prospects<some OtherServers>) -> Order {
    let isFirst = queuedUntil == nil
    let until = queuedUntil ?? now.now + now.state.settings.queueTimeout
    queuedUntil = until
    guard now.now < until else { return .answer(status: 503, reason: "queue-timeout") }
    return .queue(until: until, isFirst: isFirst)
  }

  // MARK: Counts

  private mutating func begin(_ index: Int) {
    tried.insert(index)
    sent += 1
  }

  private mutating func count(_ failure: Failure, at now: Instant) {
    switch failure.cause {
    case let cause where cause.isUnsent: sent -= 1
    case .closedBeforeResponse: closed += 1
    case .resetBeforeResponse:
      reset += 1
      rest(from: now)
    case .serverLost:
      lostSince = max(failure.began, lostSince ?? failure.began)
      rest(from: now)
    default: break
    }
  }

  /// The instance may be ending and its successor not there yet, so nodes that were tried are left
  /// alone for a moment, and for longer from the second try on.
  private mutating func rest(from now: Instant) {
    restsUntil = now + (sent <= 1 ? Self.restMin : Self.restMax)
  }

  /// Forgets which nodes were asked, since the numbers mean other nodes in this generation.
  private mutating func renumber(_ generation: Int) {
    self.generation = generation
    tried = TriedNodes()
    unreached = TriedNodes()
  }

  /// TLS to a node goes no further than a socket of ours, and what is on this machine alone no other
  /// server can reach.
  private mutating func noteUnreached(_ which: Which, _ now: Prospects<some OtherServers>) {
    let index = which == .first ? first : beside ?? first
    guard generation == now.generation, now.state.settings.tls == nil else { return }
    let node = now.state.nodes[index]
    if node.server == nil, !node.address.isLocal { unreached.insert(index) }
  }

  // MARK: Facts

  private func decide(
    _ cause: AttemptFailure, _ now: Prospects<some OtherServers>
  ) -> RetryDecision {
    now.state.retry.decide(cause, facts(now)) {
      now.state.lasting.budget.take(now: now.now.nanoseconds)
    }
  }

  /// Whether one more try may begin: the first always, others within `tries` and `within`.
  private func mayBegin(_ now: Prospects<some OtherServers>) -> Bool {
    sent == 0 || now.state.retry.hasTriesLeft(facts(now))
  }

  private func facts(_ now: Prospects<some OtherServers>) -> RetryFacts {
    RetryFacts(
      isRepeatable: request.isRepeatable, isDeadly: isDeadly, sent: sent, closed: closed,
      blockBytes: request.blockBytes, elapsed: now.now.nanoseconds - beganAt.nanoseconds,
      hasOthers: now.state.hasUntried(tried, barred: barred(now)),
      mayHold: !keepsAnswer && heldUntil.map { now.now < $0 } ?? true)
  }

  /// Those that an operator keeps from requests, and after a server was lost the nodes of all servers that
  /// have said nothing since.
  private func barred(_ now: Prospects<some OtherServers>) -> UInt128 {
    (lostSince.map { now.unheard(since: $0) } ?? 0) | now.state.withheld(bound: request.bound)
  }
}

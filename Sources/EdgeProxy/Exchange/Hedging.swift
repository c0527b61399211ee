internal import EventLoop
internal import HTTPCore

/// The second try beside one that has been silent for much longer than its upstream usually takes.
///
/// Whichever brings a head first is the attempt from then on and the other is dropped, which says
/// nothing of its node. When one of them fails the other goes on alone.
extension Exchange {
  /// Tries in a row that a node may leave without a word.
  private static let silencesMax = 3

  /// Nothing has come from a try for the upstream's delay: another node is asked as well, where that
  /// is allowed and one is there.
  ///
  /// What keeps another server silent may keep others too, so only servers are asked that were heard
  /// from since the try began. `true` if one may be in a moment, which has not been heard from yet.
  func attemptSilent(_ attempt: Attempt, isFirst: Bool) -> Bool {
    guard stage == .trying, isUnderWay(attempt), let node = attempt.node else { return false }
    if isFirst, node.recordSilence() >= Self.silencesMax { worker.suspect(node) }
    guard attempt === self.attempt, mayHedge, let upstream else { return false }
    let now = worker.loop.now.nanoseconds
    let unheard = node.server == nil ? 0 : unheardNodes(upstream, since: attempt.startedAt)
    let request = Balancer.Request(
      tried: tries.tried, barred: unheard, affinity: affinity, now: now,
      random: worker.random.next())
    guard let index = Balancer.pickBeside(upstream.state, request) else {
      return unheard & ~tries.tried.bits != 0
    }
    guard agrees(upstream.state.roles[index], with: attempt, upstream),
      upstream.state.retry.mayHedge(retryFacts(upstream)),
      upstream.state.lasting.budget.take(now: now, leaving: RetryBudget.tokensMax / 2)
    else { return false }
    tries.begin(index)
    upstream.state.lasting.countHedge()
    let hedge = worker.takeAttempt()
    self.hedge = hedge
    tries.hasHedged = true
    hedge.start(self, upstream.state.nodes[index], upstream: upstream, fresh: false)
    return false
  }

  /// Reading twice does no harm and costs no body; everything else waits for its one try.
  private var mayHedge: Bool {
    guard !tries.hasHedged, fallback == nil, !tries.isDeadly, let upstream,
      tries.generation == upstream.generation
    else { return false }
    return (head.method == .get || head.method == .head) && body.count == 0
      && !facts.asksForWebSocket
  }

  /// A packet bears the modifiers of its node: the same for both, or the first has gone out.
  private func agrees(
    _ role: NodeRole, with attempt: Attempt, _ upstream: WorkerUpstream
  ) -> Bool {
    guard isPacket else { return true }
    let first = upstream.state.nodes.firstIndex { $0 === attempt.node }
    guard let first else { return false }
    let own = upstream.state.roles[first]
    return own.modifier1 == role.modifier1 && own.modifier2 == role.modifier2
  }

  /// Whether the exchange waits for what this attempt brings.
  func isUnderWay(_ attempt: Attempt) -> Bool { attempt === self.attempt || attempt === hedge }

  /// The attempt is over and the other, if there is one, goes on alone; `false` where there is none.
  func leaveToOther(_ attempt: Attempt) -> Bool {
    guard let hedge else { return false }
    if attempt === self.attempt { self.attempt = hedge }
    self.hedge = nil
    return true
  }

  /// The attempt has brought the answer: the other is dropped.
  func winHedge(_ attempt: Attempt) {
    guard let hedge, let first = self.attempt else { return }
    let isHedge = attempt === hedge
    drop(isHedge ? first : hedge)
    if isHedge { upstream?.state.lasting.countHedgeWon() }
    self.attempt = attempt
    self.hedge = nil
  }

  private func drop(_ attempt: Attempt) {
    attempt.node?.recordAbandoned(began: attempt.startedAt.nanoseconds)
    noteTry(attempt, "lost")
    attempt.close()
  }

  func dropHedge() {
    if let hedge { drop(hedge) }
    hedge = nil
  }
}

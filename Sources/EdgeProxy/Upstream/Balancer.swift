/// Chooses the node of an upstream that is tried next.
///
/// In this order: nodes on this server, other primaries, backups, nodes that are doubtful, and when
/// nothing else is left those that are out, the one whose pause ends first. Nodes this exchange has
/// tried come only after all that it has not, and the one tried last only when it is the only one. A
/// node that is out and whose pause is over is chosen like a healthy one, by one request at a time.
///
/// When a node on this server works on as many requests as it can, the others get the rest. When
/// all primaries have as many requests waiting as they work on, the request waits here, where no
/// instance can lose it.
enum Balancer {
  enum Choice: Equatable {
    case node(Int)
    /// All that could be asked have enough to do.
    case wait
    /// The upstream has no nodes.
    case none
  }

  /// What is known of the request.
  struct Request {
    var tried = TriedNodes()
    /// Nodes that are not to be asked now, whatever else there is, a bit each.
    var barred: UInt128 = 0
    /// One that may not is sent only where it is worked on at once: what waits in the queue of an
    /// instance is lost with it, and nobody can tell whether it had been taken out.
    var mayBeRepeated = true
    /// The number of what requests are bound to a node by, with `balance: hash`.
    var affinity: UInt64?
    /// The `mark` of the node that a sticky cookie names.
    var bound: UInt64?
    /// Nanoseconds of the monotonic clock.
    var now: Int64
    /// Any number; it spreads the second tries of many exchanges.
    var random: UInt64
  }

  /// A trial that falls to this exchange is begun here.
  static func pick(_ state: UpstreamState, _ request: Request) -> Choice {
    guard !state.nodes.isEmpty else { return .none }
    let last = lastBit(request.tried, state)
    let tried = request.tried.bits
    if state.hasUntried(request.tried, barred: request.barred) {
      let choice = pick(state, request, passOver: tried | last)
      return choice == .none ? pick(state, request, passOver: tried) : choice
    }
    let choice = pick(state, request, passOver: last)
    return choice == .none ? pick(state, request, passOver: 0) : choice
  }

  /// The node for a try beside another; `nil` unless a whole one is left that was not tried.
  static func pickBeside(_ state: UpstreamState, _ request: Request) -> Int? {
    let passOver = request.tried.bits | request.barred
    let candidates = Candidates(state, passOver: passOver, now: request.now)
    guard !candidates.isEmpty, let index = candidates.choose(state, request) else { return nil }
    let node = state.nodes[index]
    return node.condition.isOut || node.isSuspected ? nil : index
  }

  /// The last node of the round before, which `tried.bits` no longer has.
  private static func lastBit(_ tried: TriedNodes, _ state: UpstreamState) -> UInt128 {
    guard let last = tried.last, last < state.nodes.count else { return 0 }
    return 1 << UInt128(last)
  }

  private static func pick(
    _ state: UpstreamState, _ request: Request, passOver: UInt128
  ) -> Choice {
    var passOver = passOver | request.barred
    while true {
      let candidates = Candidates(state, passOver: passOver, now: request.now)
      guard !candidates.isEmpty else { break }
      guard let index = candidates.choose(state, request) else { return .wait }
      let node = state.nodes[index]
      if !node.condition.isOut || node.beginTrial(now: request.now) { return .node(index) }
      // Another worker took the trial in between.
      passOver |= 1 << UInt128(index)
    }
    return pickSoonest(state, passOver: passOver).map(Choice.node) ?? .none
  }

  private static func pickSoonest(_ state: UpstreamState, passOver: UInt128) -> Int? {
    var soonest: (index: Int, due: Int64)?
    for index in state.nodes.indices where passOver >> UInt128(index) & 1 == 0 {
      let condition = state.nodes[index].condition
      let due = condition.isOut ? condition.due : 0
      if soonest.map({ due < $0.due }) ?? true { soonest = (index, due) }
    }
    return soonest?.index
  }
}

/// Chooses the node of an upstream that is tried next.
///
/// In this order: primaries, then backups, then, when nothing else is left, nodes that are out, the
/// one whose pause ends first. Nodes this exchange has tried come only after all that it has not,
/// and the one tried last only when it is the only one. A node that is out and whose pause is over
/// is chosen like a healthy one, by one request at a time.
enum Balancer {
  /// The index of the next node; `nil` only for an upstream without nodes.
  ///
  /// `now` is in nanoseconds of the monotonic clock, `random` any number: it spreads the second
  /// tries of many exchanges. A trial that falls to this exchange is begun here.
  static func pick(
    _ state: UpstreamState, tried: TriedNodes, now: Int64, random: UInt64
  ) -> Int? {
    let turn = tried.isEmpty ? state.nextTurn() : UInt(truncatingIfNeeded: random)
    if tried.count < state.nodes.count,
      let index = pick(state, passOver: tried.bits | lastBit(tried, state), now: now, turn: turn)
        ?? pick(state, passOver: tried.bits, now: now, turn: turn)
    {
      return index
    }
    return pick(state, passOver: lastBit(tried, state), now: now, turn: turn)
      ?? pick(state, passOver: 0, now: now, turn: turn)
  }

  /// The last node of the round before, which `tried.bits` no longer has.
  private static func lastBit(_ tried: TriedNodes, _ state: UpstreamState) -> UInt128 {
    guard let last = tried.last, last < state.nodes.count else { return 0 }
    return 1 << UInt128(last)
  }

  private static func pick(
    _ state: UpstreamState, passOver: UInt128, now: Int64, turn: UInt
  ) -> Int? {
    pickAvailable(state, backups: false, passOver: passOver, now: now, turn: turn)
      ?? pickAvailable(state, backups: true, passOver: passOver, now: now, turn: turn)
      ?? pickSoonest(state, passOver: passOver)
  }

  /// One of the available nodes of a tier: of those with the fewest requests, or of all, by turns.
  private static func pickAvailable(
    _ state: UpstreamState, backups: Bool, passOver: UInt128, now: Int64, turn: UInt
  ) -> Int? {
    let byLoad = state.settings.balance == .leastRequests
    var passOver = passOver
    while true {
      var least = Int.max
      var ties: UInt128 = 0
      for index in state.nodes.indices where passOver >> UInt128(index) & 1 == 0 {
        let node = state.nodes[index]
        guard node.isBackup == backups, node.condition.isAvailable(now: now) else { continue }
        let load = byLoad ? node.inFlight : 0
        if load < least { (least, ties) = (load, 0) }
        if load == least { ties |= 1 << UInt128(index) }
      }
      guard ties != 0 else { return nil }
      let index = place(Int(turn % UInt(ties.nonzeroBitCount)), in: ties)
      let node = state.nodes[index]
      if !node.condition.isOut || node.beginTrial(now: now) { return index }
      // Another worker took the trial in between.
      passOver |= 1 << UInt128(index)
    }
  }

  /// Where the set bit with this many set bits below it stands.
  private static func place(_ rank: Int, in bits: UInt128) -> Int {
    var bits = bits
    for _ in 0..<rank { bits &= bits - 1 }
    return bits.trailingZeroBitCount
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

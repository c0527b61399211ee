internal import EventLoop
internal import Glibc

/// The nodes of one upstream that may be asked now, in tiers, a bit each.
struct Candidates {
  private var local: UInt128 = 0
  private var primaries: UInt128 = 0
  private var backups: UInt128 = 0
  private var doubtful: UInt128 = 0
  private let now: Int64

  init(_ state: UpstreamState, passOver: UInt128, now: Int64) {
    self.now = now
    for index in state.nodes.indices where passOver >> UInt128(index) & 1 == 0 {
      let node = state.nodes[index]
      guard node.condition.isAvailable(now: now) else { continue }
      let bit: UInt128 = 1 << UInt128(index)
      let role = state.roles[index]
      // A suspect is being checked; that takes two seconds at most.
      if role.isDoubtful || node.isSuspected {
        doubtful |= bit
      } else if node.isBackup {
        backups |= bit
      } else {
        primaries |= bit
        if role.isLocal { local |= bit }
      }
    }
  }

  var isEmpty: Bool { primaries | backups | doubtful == 0 }

  /// The node that is asked; `nil` when all of the best tier have enough to do.
  func choose(_ state: UpstreamState, _ request: Balancer.Request) -> Int? {
    let all = primaries | backups | doubtful
    if let bound = request.bound, let index = Self.node(bound, of: state, among: all) {
      return Self.takes(index, state, request) ? index : nil
    }
    let tier = primaries != 0 ? primaries : backups != 0 ? backups : doubtful
    if state.settings.balance.isHash, let affinity = request.affinity {
      let index = Self.highest(affinity, of: state, among: tier)
      return index.flatMap { Self.takes($0, state, request) ? $0 : nil }
    }
    let free = Self.filter(tier, state) { $0.hasFreeCore($1) }
    if local & free != 0 { return least(local & free, state, request) }
    if free != 0 { return least(free, state, request) }
    guard request.mayBeRepeated else { return nil }
    let roomy = Self.filter(tier, state) { $0.hasRoom($1) }
    return roomy == 0 ? nil : least(roomy, state, request)
  }

  private static func takes(
    _ index: Int, _ state: UpstreamState, _ request: Balancer.Request
  ) -> Bool {
    let (role, inFlight) = (state.roles[index], state.nodes[index].inFlight)
    return request.mayBeRepeated ? role.hasRoom(inFlight) : role.hasFreeCore(inFlight)
  }

  private static func filter(
    _ set: UInt128, _ state: UpstreamState, _ passes: (NodeRole, Int) -> Bool
  ) -> UInt128 {
    var kept: UInt128 = 0
    for index in BitSequence(set) where passes(state.roles[index], state.nodes[index].inFlight) {
      kept |= 1 << UInt128(index)
    }
    return kept
  }

  // MARK: By load

  /// The better of two: one whose turn it is, and one at random.
  ///
  /// Comparing two does nearly as well as comparing all, and servers that know the others' load
  /// only from what they send there themselves do not all run to the same node (Mitzenmacher, "The
  /// power of two choices in randomized load balancing").
  private func least(
    _ set: UInt128, _ state: UpstreamState, _ request: Balancer.Request
  ) -> Int {
    let first = inTurn(set, state, request)
    guard !state.settings.balance.isRoundRobin else { return first }
    let others = set & ~(1 << UInt128(first))
    guard others != 0 else { return first }
    let rank = Int(request.random >> 32) % others.nonzeroBitCount
    let second = BitSequence.place(rank, in: others)
    // a / x > b / y without a division.
    let load = state.nodes[first].inFlight * share(second, state)
    let other = state.nodes[second].inFlight * share(first, state)
    return load > other ? second : first
  }

  /// The node whose turn it is, each as often as its share says.
  private func inTurn(
    _ set: UInt128, _ state: UpstreamState, _ request: Balancer.Request
  ) -> Int {
    let turn =
      request.tried.isEmpty ? state.lasting.nextTurn() : UInt(truncatingIfNeeded: request.random)
    var total = 0
    var least = Int.max
    var most = 0
    for index in BitSequence(set) {
      let share = share(index, state)
      total += share
      least = min(least, share)
      most = max(most, share)
    }
    if least == most {
      return BitSequence.place(Int(turn % UInt(set.nonzeroBitCount)), in: set)
    }
    // Multiples of the golden ratio are spread evenly, so nodes take turns and not runs.
    let spread = UInt64(turn) &* 0x9e37_79b9_7f4a_7c15
    var place = Int(spread.multipliedFullWidth(by: UInt64(total)).high)
    for index in BitSequence(set) {
      place -= share(index, state)
      if place < 0 { return index }
    }
    return BitSequence.place(0, in: set)
  }

  /// A node's share, in hundredths; one that has just come back or joined begins with a tenth.
  private func share(_ index: Int, _ state: UpstreamState) -> Int {
    let whole = state.roles[index].share * 100
    let slow = state.settings.slowStart.nanoseconds / 1_000_000
    guard slow > 0 else { return whole }
    let age = state.nodes[index].condition.wholeFor(now: now)
    guard age < slow else { return whole }
    return max(whole / 10, Int(Int64(whole) * age / slow))
  }

  // MARK: By affinity

  /// Rendezvous hashing: the node with the highest number made of what is bound and of the node, so
  /// that a node that comes or goes moves only its own share (Thaler, Ravishankar 1998).
  ///
  /// A node is worth more the larger its share is: -share / ln(number).
  private static func highest(
    _ affinity: UInt64, of state: UpstreamState, among set: UInt128
  ) -> Int? {
    var best: (index: Int, score: Double)?
    for index in BitSequence(set) {
      let hash = StableHash.of(affinity, state.nodes[index].mark)
      let fraction = (Double(hash >> 11) + 0.5) / Double(1 << 53 as UInt64)
      let score = Double(state.roles[index].share) / -log(fraction)
      if best.map({ score > $0.score }) ?? true { best = (index, score) }
    }
    return best?.index
  }

  /// The node that a cookie names, if it may be asked.
  private static func node(
    _ mark: UInt64, of state: UpstreamState, among set: UInt128
  ) -> Int? {
    for index in BitSequence(set) where state.nodes[index].mark == mark { return index }
    return nil
  }
}

/// The places of the bits that are set, lowest first.
struct BitSequence: Sequence, IteratorProtocol {
  private var bits: UInt128

  init(_ bits: UInt128) { self.bits = bits }

  mutating func next() -> Int? {
    guard bits != 0 else { return nil }
    defer { bits &= bits - 1 }
    return bits.trailingZeroBitCount
  }

  /// Where the set bit with this many set bits below it stands.
  static func place(_ rank: Int, in bits: UInt128) -> Int {
    var bits = bits
    for _ in 0..<rank { bits &= bits - 1 }
    return bits.trailingZeroBitCount
  }
}

internal import EventLoop
internal import HTTPCore

/// Which addresses of the fleet live, and which are answered in DNS.
///
///     living ── not connected, or closed ──▶ away ── connected ──▶ returning ── for a while ──▶ living
///                                             ▲                       │
///                                             └──── not connected ────┘
///
/// A server says in etcd whether its own port is open and which addresses of others it cannot connect to. Each
/// server decides by itself, from what it sees and from the words of those that it can connect to. It does no I/O
/// and is told the time, of a clock that never goes back.
struct LivingAddresses {
  /// How one server sees an address.
  enum View: Equatable, Sendable {
    case connects
    case fails
    /// It has no way to try, or has not tried yet.
    case cannotSay
  }

  enum State: Equatable, Sendable {
    case living
    /// Connected since then without a break, and not yet for long enough.
    case returning(since: Instant)
    case away(since: Instant)
  }

  /// Everything that is known at one moment.
  struct Evidence {
    /// This server's name.
    var node: String
    /// All servers, with this one.
    var servers: [KnownServer]
    /// Whether this server's own port is open.
    var isOpen: Bool
    /// How this server sees the addresses of the others; those that it has not tried are missing.
    var views: [IPAddress: View]
    /// What the other servers say that are in etcd; none while etcd is away.
    var sights: [String: ServerSight]
  }

  /// An address that has become another.
  struct Change: Equatable {
    var address: IPAddress
    var isAnswered: Bool
    /// It was not known before.
    var isNew = false
    /// It is well, and waits for its turn: enough others live again.
    var isReturning = false
  }

  private struct Record {
    var state: State
    /// Since when it is in this state.
    var since: Instant
    /// The same in seconds since 1970, once it was told.
    var time: Int64?
    /// When it was lost, as long as that is within `lossSpan`; the last few.
    var losses: [Instant] = []
  }

  /// How long an address has to be well before it is answered again.
  var returnAfter: Duration
  private var records: [IPAddress: Record] = [:]
  /// What is answered: all addresses of one family in an order that stays, then those of the other.
  private(set) var answer: [IPAddress] = []

  /// An address that is lost more often than this within the span has to be well for twice as long each time.
  private static let lossesMax = 3
  private static let lossSpan = Duration.seconds(3600)
  private static let longestReturn = Duration.seconds(600)

  init(returnAfter: Duration) { self.returnAfter = returnAfter }

  func state(_ address: IPAddress) -> State? { records[address]?.state }

  /// Since when the address is in its state, in seconds since 1970.
  ///
  /// It is reckoned once from a clock that stands at `wallTime` now, and told the same until the state changes.
  mutating func time(_ address: IPAddress, now: Instant, wallTime: Int64) -> Int64? {
    guard let record = records[address] else { return nil }
    let time = record.time ?? wallTime - (now - record.since).components.seconds
    records[address]?.time = time
    return time
  }

  /// Whether addresses that are away are answered, because too few others are there; those of `own` count for none.
  func hasTooFew(besides own: [IPAddress]) -> Bool {
    answer.contains {
      guard case .away = records[$0]?.state else { return false }
      return !own.contains($0)
    }
  }

  /// Takes what is known now, and returns which addresses are answered no longer, or newly.
  ///
  /// An address that was not known before has to be well for a while. With `isStart` it is taken as living: this
  /// server, or the fleet, has just begun, and knows nothing of those that the others may answer for long.
  mutating func update(_ evidence: Evidence, isStart: Bool, now: Instant) -> [Change] {
    let electorate = Electorate(evidence)
    let addresses = evidence.addresses
    var next: [IPAddress: Record] = [:]
    for address in addresses {
      let record =
        records[address] ?? Record(state: isStart ? .living : .away(since: now), since: now)
      next[address] = moved(record, by: electorate.verdict(address), now: now)
    }
    let known = Set(records.keys)
    records = next
    let previous = answer
    answer = Self.answer(addresses) { next[$0]?.state ?? .living }
    return changes(from: previous, of: known)
  }

  private func changes(from previous: [IPAddress], of known: Set<IPAddress>) -> [Change] {
    let (before, after) = (Set(previous), Set(answer))
    let gone = previous.filter { !after.contains($0) }.map { address in
      let isReturning = if case .returning = records[address]?.state { true } else { false }
      return Change(address: address, isAnswered: false, isReturning: isReturning)
    }
    return gone
      + answer.filter { !before.contains($0) }.map {
        Change(address: $0, isAnswered: true, isNew: !known.contains($0))
      }
  }

  private func moved(
    _ previous: Record, by verdict: Electorate.Verdict, now: Instant
  ) -> Record {
    var record = previous
    switch (record.state, verdict) {
    case (_, .unknown), (.living, .connected), (.away, .lost): break
    case (.living, .lost):
      record.losses = record.losses.filter { $0 + Self.lossSpan > now }.suffix(15) + [now]
      record.state = .away(since: now)
    case (.returning, .lost): record.state = .away(since: now)
    case (.away, .connected): record.state = .returning(since: now)
    case (.returning, .connected): break
    }
    if verdict == .connected, case .returning(let since) = record.state,
      now >= since + wait(record, now: now)
    {
      record.state = .living
    }
    if record.state != previous.state { (record.since, record.time) = (now, nil) }
    return record
  }

  /// How long the address has to be well.
  private func wait(_ record: Record, now: Instant) -> Duration {
    let losses = record.losses.count { $0 + Self.lossSpan > now }
    var wait = returnAfter
    let longest = max(returnAfter, Self.longestReturn)
    for _ in 0..<max(0, losses - Self.lossesMax) {
      wait = min(longest, wait + max(wait, .seconds(1)))
    }
    return wait
  }

  /// The addresses to answer: those that live; with them those that return, or all that are known, where the
  /// first would be fewer than two or fewer than half.
  ///
  /// Each family is looked at by itself.
  static func answer(_ known: [IPAddress], _ state: (IPAddress) -> State) -> [IPAddress] {
    var answer: [IPAddress] = []
    for family in ServerSight.Family.allCases {
      let all = known.filter { $0.family == family }
      let living = all.filter { state($0) == .living }
      let better = all.filter { if case .away = state($0) { false } else { true } }
      let sets = [living, better]
      answer += sets.first { $0.count >= 2 && $0.count >= all.count - $0.count } ?? all
    }
    return answer
  }
}

extension LivingAddresses.Evidence {
  /// Each address once, in the order of the servers' numbers.
  var addresses: [IPAddress] {
    var seen: Set<IPAddress> = []
    return servers.flatMap(\.addresses).filter { seen.insert($0).inserted }
  }
}

/// Whose word counts about whose address.
///
/// A server has a vote while this one can connect to it, for the last word of a dead one stays in etcd for a
/// while; and this server has one itself. None has a vote about its own addresses.
struct Electorate {
  enum Verdict: Equatable {
    case connected
    /// Its server has closed the port, or too few servers connect to it.
    case lost
    /// Nobody can tell.
    case unknown
  }

  /// How often the voters say something else than that they connect.
  private struct Count {
    var fails = 0
    var unsure = 0
  }

  private let evidence: LivingAddresses.Evidence
  /// The other servers with a vote.
  private let voters: [String: ServerSight]
  private let owners: [IPAddress: [String]]
  private var counts: [IPAddress: Count] = [:]
  private var blind: [ServerSight.Family: Int] = [:]

  init(_ evidence: LivingAddresses.Evidence) {
    self.evidence = evidence
    var voters: [String: ServerSight] = [:]
    var owners: [IPAddress: [String]] = [:]
    for server in evidence.servers {
      for address in server.addresses { owners[address, default: []].append(server.node) }
      let isReached = server.addresses.contains { evidence.views[$0] == .connects }
      if isReached, server.node != evidence.node {
        voters[server.node] = evidence.sights[server.node]
      }
    }
    self.voters = voters
    self.owners = owners
    for sight in voters.values {
      for address in sight.fails { counts[address, default: Count()].fails += 1 }
      for address in sight.unsure { counts[address, default: Count()].unsure += 1 }
      for family in sight.blind { blind[family, default: 0] += 1 }
    }
  }

  /// How often voters connect to an address, and how often they fail.
  func votes(_ address: IPAddress) -> (connects: Int, fails: Int) {
    let count = counts[address] ?? Count()
    var connects = voters.count - count.fails - count.unsure - blind[address.family, default: 0]
    var fails = count.fails
    for owner in owners[address] ?? [] {
      switch voters[owner]?.view(address) {
      case .connects: connects -= 1
      case .fails: fails -= 1
      case .cannotSay, nil: break
      }
    }
    guard !isOwn(address) else { return (connects, fails) }
    switch evidence.views[address] {
    case .connects: connects += 1
    case .fails: fails += 1
    case .cannotSay, nil: break
    }
    return (connects, fails)
  }

  private func isOwn(_ address: IPAddress) -> Bool {
    owners[address]?.contains(evidence.node) ?? false
  }

  /// Whether a server of the fleet has the address.
  func isKnown(_ address: IPAddress) -> Bool { owners[address] != nil }

  /// Whether the servers of an address say that their port is closed.
  func isClosed(_ address: IPAddress) -> Bool { isSaidOpen(address) == false }

  /// What the servers of an address say of their port; `nil` where none of them is in etcd.
  private func isSaidOpen(_ address: IPAddress) -> Bool? {
    let words = (owners[address] ?? []).compactMap { owner in
      owner == evidence.node ? evidence.isOpen : evidence.sights[owner]?.isOpen
    }
    return words.isEmpty ? nil : words.contains(true)
  }

  func verdict(_ address: IPAddress) -> Verdict {
    let isOpen = isSaidOpen(address)
    if isOpen == false { return .lost }
    let (connects, fails) = votes(address)
    if connects + fails == 0 { return isOpen == true ? .connected : .unknown }
    if connects >= 2 { return .connected }
    return connects == 1 && (isOpen == true || fails == 0) ? .connected : .lost
  }

  /// The names of the servers that connect to an address, and of those that cannot.
  func witnesses(_ address: IPAddress) -> (connects: [String], fails: [String]) {
    var (connects, fails): ([String], [String]) = ([], [])
    var views = voters.map { ($0.key, $0.value.view(address)) }
    views.append((evidence.node, evidence.views[address] ?? .cannotSay))
    let owners = owners[address] ?? []
    for (node, view) in views where !owners.contains(node) {
      if view == .connects { connects.append(node) }
      if view == .fails { fails.append(node) }
    }
    return (connects.sorted(), fails.sorted())
  }
}

internal import EventLoop

/// Nodes that could not be reached directly a moment ago, and the servers through which they could,
/// or could not.
///
/// A link may be cut between two servers and whole between both and a third. What is known is known
/// for a second: then one connection tries the direct way, while the others go on as they did, so that
/// not each of them waits for what does not come.
struct Detours {
  private struct Entry {
    /// Kept alive, so that no other node is taken for it.
    let node: NodeState
    let server: String
    /// The server has reached the node; otherwise it could not.
    let leads: Bool
    var until: Instant
  }

  private var entries: [Entry] = []

  static let period = Duration.seconds(1)
  /// The oldest of more are forgotten, which costs a try.
  static let countMax = 256

  var isEmpty: Bool { entries.isEmpty }

  /// Through which server to reach a node now; `nil` for the direct way.
  ///
  /// Once in a period that is the direct way, for the connection that comes first.
  mutating func way(to node: NodeState, now: Instant) -> String? {
    guard let index = entries.firstIndex(where: { $0.node === node && $0.leads }) else {
      return nil
    }
    guard now >= entries[index].until else { return entries[index].server }
    entries[index].until = now + Self.period
    return nil
  }

  /// One of `nodes`, none of which could be reached, and the server to ask for it: the one that led
  /// there before, else one of the `living`, else any that is `known`; `nil` where nobody is left.
  ///
  /// A server that could not reach a node is not asked for it again within the period.
  func choose(
    _ nodes: [NodeState], living: [String], known: [String], now: Instant, random: UInt64
  ) -> (node: NodeState, server: String)? {
    guard !nodes.isEmpty else { return nil }
    let start = Int(random % UInt64(nodes.count))
    for node in nodes[start...] + nodes[..<start] {
      if let server = entries.first(where: { $0.node === node && $0.leads })?.server {
        return (node, server)
      }
      for servers in [living, known] {
        let able = servers.filter { !hasFailed($0, to: node, now: now) }
        guard !able.isEmpty else { continue }
        return (node, able[Int((random >> 32) % UInt64(able.count))])
      }
    }
    return nil
  }

  private func hasFailed(_ server: String, to node: NodeState, now: Instant) -> Bool {
    entries.contains {
      $0.node === node && $0.server == server && !$0.leads && now < $0.until
    }
  }

  /// A server has reached a node that we could not.
  mutating func led(_ server: String, to node: NodeState, now: Instant) {
    if entries.contains(where: { $0.node === node && $0.server == server && $0.leads }) { return }
    entries.removeAll { $0.node === node && ($0.leads || $0.server == server) }
    add(Entry(node: node, server: server, leads: true, until: now + Self.period), now)
  }

  /// A server could not reach a node either.
  mutating func failed(_ server: String, to node: NodeState, now: Instant) {
    entries.removeAll { $0.node === node && $0.server == server }
    add(Entry(node: node, server: server, leads: false, until: now + Self.period), now)
  }

  /// The direct way has been whole.
  mutating func forget(_ node: NodeState) { entries.removeAll { $0.node === node } }

  private mutating func add(_ entry: Entry, _ now: Instant) {
    entries.removeAll { !$0.leads && $0.until <= now }
    if entries.count >= Self.countMax { entries.removeFirst() }
    entries.append(entry)
  }
}

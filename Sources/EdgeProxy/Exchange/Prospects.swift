internal import EventLoop

/// What the tries of a request ask about other servers.
protocol OtherServers {
  /// Whether a server has sent anything after `moment`; if not, it is asked for a sign of life.
  func hasHeard(from server: String, since moment: Instant) -> Bool
  /// One of `nodes`, none of which could be reached from here, and a server that may reach it.
  func helper(
    for nodes: [NodeState], random: UInt64
  ) -> (node: NodeState, server: String)?
}

extension PeerLinks: OtherServers {}

/// What `Tries` decides from at one moment: the nodes, the other servers, the time and a number.
struct Prospects<Servers: OtherServers> {
  let state: UpstreamState
  /// Changes with the nodes of `state`.
  let generation: Int
  let servers: Servers
  let now: Instant
  /// Any number; it spreads the second tries of many requests.
  let random: UInt64

  /// Nodes of other servers from which nothing has come after `moment`, a bit each; these servers
  /// are asked for a sign of life.
  func unheard(since moment: Instant) -> UInt128 {
    var unheard: UInt128 = 0
    for (index, node) in state.nodes.enumerated() {
      guard let server = node.server, !servers.hasHeard(from: server, since: moment) else {
        continue
      }
      unheard |= 1 << UInt128(index)
    }
    return unheard
  }
}

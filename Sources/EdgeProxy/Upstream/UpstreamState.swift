internal import Configuration
internal import EventLoop
internal import HTTPCore

/// One upstream as all workers see it, with the nodes that it has at one time.
///
/// An upstream that is discovered gets another state with each change of its nodes; what lasts is
/// in `lasting` and in the nodes themselves.
final class UpstreamState: Sendable {
  let settings: UpstreamSettings
  /// The name in bytes, for the logs.
  let name: [UInt8]
  /// The host name under which its nodes announce themselves; empty for an upstream whose nodes are
  /// in the configuration.
  let key: [UInt8]
  /// In a lasting order; a node's place is its index.
  let nodes: [NodeState]
  /// What the node of the same index is to this upstream.
  let roles: [NodeRole]
  /// The same object in all states of an upstream.
  let lasting: LastingState
  let retry: RetryPolicy
  /// Names among its nodes that lead nowhere yet.
  let unresolved: [HostAndPort]

  /// Those of the configuration.
  ///
  /// A name is as many nodes as it has addresses, and nodes that are `everywhere` are on each of the
  /// neighbours as well, as far as there is room; nodes of `previous` stay what they are.
  convenience init(
    _ settings: UpstreamSettings, neighbours: Neighbours = .none, hosts: HostAddresses = .none,
    previous: UpstreamState? = nil
  ) {
    let lasting = previous?.lasting ?? LastingState()
    let servers = [nil] + (settings.isEverywhere ? neighbours.servers.map(Optional.some) : [])
    var taken: Set<SocketAddress> = []
    let here = settings.nodes.flatMap { node in
      hosts[node.address].filter { taken.insert($0).inserted }.map { (address: $0, node: node) }
    }
    let places = servers.flatMap { server in
      here.map { (server: server, address: $0.address, node: $0.node) }
    }.prefix(TriedNodes.nodesMax)
    let nodes = places.map { server, address, node in
      let host = node.address.named?.host
      return previous?.node(at: address, on: server, host: host, isBackup: node.backup)
        ?? NodeState(
          address: address, server: server, own: neighbours.own, host: host,
          isBackup: node.backup, cap: lasting.cap, thresholds: settings.thresholds)
    }
    let roles = places.map { server, _, node in
      NodeRole(
        modifier1: settings.modifier1, modifier2: settings.modifier2, weight: node.weight,
        cores: node.cores, isLocal: settings.isEverywhere && server == nil)
    }
    self.init(
      settings, key: [], nodes: nodes, roles: roles, lasting: lasting,
      unresolved: settings.hosts.filter { hosts[$0]?.isEmpty ?? true })
  }

  /// Those of an application that announces itself; nodes of `previous` stay what they are.
  ///
  /// A node that joins others at `now` begins with a small share.
  convenience init(
    _ settings: UpstreamSettings, _ application: Application, neighbours: Neighbours = .none,
    previous: UpstreamState?, now: Int64
  ) {
    let lasting = previous?.lasting ?? LastingState()
    let joins = previous.map { !$0.nodes.isEmpty } ?? false
    let instances = application.instances.filter { neighbours.reach($0.server) }
      .prefix(TriedNodes.nodesMax)
    let nodes = instances.map { instance in
      previous?.node(at: instance.address, on: instance.server, isBackup: instance.isBackup)
        ?? NodeState(
          address: instance.address, server: instance.server, own: neighbours.own,
          isBackup: instance.isBackup, cap: lasting.cap, thresholds: settings.thresholds,
          joined: joins ? now : nil)
    }
    let roles = instances.map { instance in
      NodeRole(
        modifier1: instance.modifier1, modifier2: instance.modifier2,
        weight: max(instance.weight, 1), cores: max(instance.cores, 0),
        isLocal: instance.isLocal, isDoubtful: instance.isDoubtful)
    }
    self.init(settings, key: application.key, nodes: nodes, roles: roles, lasting: lasting)
  }

  private init(
    _ settings: UpstreamSettings, key: [UInt8], nodes: [NodeState], roles: [NodeRole],
    lasting: LastingState, unresolved: [HostAndPort] = []
  ) {
    precondition(nodes.count <= TriedNodes.nodesMax && nodes.count == roles.count)
    self.settings = settings
    self.key = key
    self.nodes = nodes
    self.roles = roles
    self.lasting = lasting
    self.unresolved = unresolved
    name = Array(settings.name.utf8)
    retry = RetryPolicy(settings.retry, bufferSizeBytes: settings.bufferSizeBytes)
    lasting.cap.admit(nodes)
  }

  private func node(
    at address: SocketAddress, on server: String?, host: String? = nil, isBackup: Bool
  ) -> NodeState? {
    nodes.first {
      $0.address == address && $0.server == server && $0.host == host ?? address.host
        && $0.isBackup == isBackup
    }
  }

  /// Nobody is left: it has no nodes, or all of them are down or get nothing new.
  var isDown: Bool { nodes.allSatisfy { $0.isDown || $0.standing != .enabled } }

  /// The nodes from which an operator keeps a request, a bit each; `bound` is the mark of the one that its
  /// cookie names.
  func withheld(bound: UInt64? = nil) -> UInt128 {
    guard lasting.hasOrders else { return 0 }
    var bits: UInt128 = 0
    for (index, node) in nodes.enumerated() {
      switch node.standing {
      case .enabled: break
      case .draining where node.mark == bound: break
      case .draining, .disabled: bits |= 1 << UInt128(index)
      }
    }
    return bits
  }

  /// The standing of its nodes has been set.
  ///
  /// Those that get nothing do not count when it is asked whether one more may go out.
  func takeStandings() {
    let asked = nodes.filter { $0.standing == .enabled }
    lasting.setOrders(asked.count < nodes.count)
    lasting.cap.admit(asked)
  }

  /// Why a request is answered that has waited for a node in vain.
  var absence: StaticString {
    if nodes.isEmpty { return unresolved.isEmpty ? "no-instance" : "unresolved" }
    return withheld().nonzeroBitCount == nodes.count ? "nodes-disabled" : "no-instance"
  }

  /// Nodes that are out at the moment; never more than half.
  var outCount: Int { lasting.cap.count }

  /// Whether a node is left that this exchange has not tried, and that is not `barred`.
  func hasUntried(_ tried: TriedNodes, barred: UInt128 = 0) -> Bool {
    (tried.bits | barred).nonzeroBitCount < nodes.count
  }
}

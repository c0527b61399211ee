internal import CertStore
internal import EventLoop
internal import Logging
internal import TLS

/// What this server learns from others: of its fleet, and of where names lead.
extension Server {
  static func wallClock() -> Int64 { WallTime.seconds }

  /// Begins to follow etcd, where there is one; nothing waits for it.
  func share(_ tickets: TicketKeeper) {
    fleet = FleetLink(configuration, encryption: encryption, loop: loop, logger: logger)
    fleet?.follow(certificates) { [unowned self] in install($0) }
    if let etcd = configuration.etcd, !configuration.listen.peers.isEmpty {
      let keeper = PeerKeeper(configuration, prefix: etcd.prefix, logger: logger) {
        [unowned self] in
        takePeers()
        step()
      }
      peers = keeper
      fleet?.follow(keeper)
    }
    if configuration.tls.tickets == .etcd { fleet?.follow(tickets, copy: certificates) }
    if configuration.listen.closeWhenUnable == .fleet {
      let neighbours = NeighbourPorts(links) { [unowned self] in
        peers?.peering.directory.all.map(\.name) ?? []
      }
      fleet?.agreeOnPorts(neighbours) { [unowned self] in step() }
    }
  }

  /// Takes over which other servers there are, and whether this one can prove that it belongs to them.
  func takePeers() {
    guard let peering = peers?.peering, !workers.handles.isEmpty else { return }
    links.install(peering)
    workers.post { $0.install(peering) }
    openPeers()
    let neighbours = peering.neighbours(of: configuration.node)
    guard neighbours != plan.neighbours else { return }
    applications.install(neighbours, now: loop.now)
    install(neighbours, lookups.addresses)
  }

  /// Takes over where the names among the nodes lead.
  func takeHosts() {
    install(plan.neighbours, lookups.addresses)
    step()
  }

  /// The upstreams of the configuration have other nodes.
  private func install(_ neighbours: Neighbours, _ hosts: HostAddresses) {
    plan = SnapshotPlan(
      configuration, applications: applications.tables, neighbours: neighbours, hosts: hosts,
      previous: plan)
    followNodes()
    let plan = plan
    workers.post { $0.install(plan) }
  }

  func openPeers() {
    guard peers?.peering.credentials != nil, !ability.isDraining else { return }
    ports.openPeers(workers.handles)
  }

  func ticketKeysChanged() {
    guard let keys = tickets?.keys else { return }
    workers.post { $0.install(keys) }
  }
}

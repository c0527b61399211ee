internal import CertStore
internal import Configuration
internal import EventLoop
internal import Logging
internal import TLS

/// What this server learns from others: of its fleet, and of where names lead.
extension Server {
  static func wallClock() -> Int64 { WallTime.seconds }

  /// Begins to follow etcd, where there is one; nothing waits for it.
  func share(_ tickets: TicketKeeper) {
    fleet = FleetLink(
      configuration, encryption: certificates.encryption, loop: loop, logger: logger,
      warnings: warnings)
    fleet?.follow(certificates)
    operations.share(fleet.map { fleet in { fleet.orders(heard: $0) } })
    findAddresses()
    if configuration.acme != nil { fleet?.follow(challenges) }
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

  /// Takes over what this server shares with others, how it reaches etcd, and what it seals with.
  func shareAgain(after previous: Configuration, _ keys: EncryptionKeys?) {
    guard configuration.sharing != previous.sharing || keys != fleet?.encryption else {
      if let shared = configuration.etcd { fleet?.move(to: shared.etcd) }
      if previous.issuedDirectory != configuration.issuedDirectory { orders.end() }
      return
    }
    orders.end()
    if let fleet {
      fleet.retire()
      retired.append(fleet)
    }
    if configuration.etcd == nil || configuration.acme == nil { challenges.deliver([]) {} }
    peers?.end()
    peers = nil
    if let tickets {
      if configuration.tls.tickets != .etcd { tickets.unshare() }
      share(tickets)
    }
    if let discovery {
      if let fleet, configuration.sharing.instances {
        fleet.share(discovery)
      } else {
        discovery.unshare()
      }
    }
    takePeers()
    logger.notice("what is shared with other servers has changed")
  }

  /// Takes over which other servers there are, and whether this one can prove that it belongs to them.
  func takePeers() {
    let peering = peers?.peering ?? .none
    guard !workers.handles.isEmpty else { return }
    links.install(peering)
    workers.post { $0.install(peering) }
    openPeers()
    let neighbours =
      peers == nil ? configuration.neighbours : peering.neighbours(of: configuration.node)
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

/// What a link to the fleet is made from: with other parts there is another link.
struct Sharing: Equatable {
  /// `nil` for a server that shares nothing.
  let prefix: String?
  let certificates: CertificateSettings.EtcdSource?
  let tickets: Bool
  let ports: Bool
  let instances: Bool
  let peers: Bool
  let challenges: Bool
  let addressing: Addressing?
  let records: Bool
}

extension Configuration {
  fileprivate var sharing: Sharing {
    Sharing(
      prefix: etcd?.prefix, certificates: certificates.etcd, tickets: tls.tickets == .etcd,
      ports: listen.closeWhenUnable == .fleet, instances: subscriptions?.isShared ?? false,
      peers: !listen.peers.isEmpty, challenges: acme != nil, addressing: addressing,
      records: records != nil)
  }
}

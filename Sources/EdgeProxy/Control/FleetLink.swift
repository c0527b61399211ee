internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import Logging
internal import TLS

/// This server's link to its fleet: etcd, what is followed there, and whether that works.
final class FleetLink {
  private let configuration: Configuration
  private let settings: SharedSettings
  let encryption: EncryptionKeys?
  private let logger: Logger
  private let writes: EtcdWrites
  private let loop: EventLoop
  private let client: EtcdClient
  /// The member of etcd that this server begins with.
  private let first: Int
  private var certificates: CertificateFeed?
  private var tickets: SharedTickets?
  private var instances: SharedInstances?
  private var challenges: (feed: ChallengeFeed, sight: ChallengeSight)?
  private let name: NameClaim
  private var issuance: EtcdIssuance?
  private var addresses: FleetAddresses?
  private var records: EtcdRecords?
  private var operations: SharedOrders?
  /// The agreement on which ports may be closed; `nil` where there is none.
  private(set) var ports: FleetPorts?
  /// Why etcd tells nothing, as it was last written to the log.
  private var reported: String?
  private var silentBeats = 0

  /// Beats without news from etcd before that is worth a line: a lost member is replaced in less.
  private static let silentBeatsMax = 3

  /// `nil` for a server that shares nothing.
  init?(
    _ configuration: Configuration, encryption: EncryptionKeys?, loop: EventLoop, logger: Logger,
    warnings: Warnings
  ) {
    guard let settings = configuration.etcd else { return nil }
    writes = EtcdWrites(prefix: settings.prefix, warnings: warnings, logger: logger)
    self.configuration = configuration
    self.settings = settings
    self.encryption = encryption
    self.logger = logger
    self.loop = loop
    // Each server begins with another member, so that none has them all.
    first = configuration.node.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff }
    client = EtcdClient(settings.etcd, on: loop, first: first)
    name = NameClaim(
      client, on: loop, prefix: settings.prefix, node: configuration.node,
      identity: ServerIdentity.make(state: configuration.state), warnings: warnings,
      logger: logger, writes: writes)
  }

  func follow(_ keeper: CertificateKeeper) { certificates = keeper.follow(client) }

  /// Follows the fleet's ticket keys, and keeps them beside the certificates.
  func follow(_ keeper: TicketKeeper, copy: CertificateKeeper) {
    let encryption = encryption
    let shared = SharedTickets(
      client, prefix: settings.prefix, node: configuration.node, encryption: encryption,
      logger: logger, writes: writes, now: keeper.now
    ) { [unowned keeper] in keeper.take($0) }
    tickets = shared
    keeper.share(shared, copy: copy.savedTicketKeys(encryption)) { [unowned copy] in
      copy.save($0, encryption)
    }
  }

  /// Follows what CAs are to be shown, whichever server asked them.
  func follow(_ delivery: ChallengeDelivery) {
    let sight = ChallengeSight(
      client, on: loop, prefix: settings.prefix, node: configuration.node, writes: writes)
    let feed = ChallengeFeed(client, prefix: settings.prefix, logger: logger) {
      [weak sight] values, revision in
      delivery.deliver(values) { sight?.reached(revision) }
    }
    challenges = (feed, sight)
  }

  /// Makes known to the fleet what CAs are to be shown; it lies in etcd under `lease`.
  func challenges(under lease: @escaping () -> Int64?) -> (any ChallengePublisher)? {
    guard let sight = challenges?.sight else { return nil }
    return SharedChallenges(
      client, on: loop, prefix: settings.prefix, node: configuration.node, sight: sight,
      writes: writes, lease: lease)
  }

  /// Follows which servers belong to the fleet.
  func follow(_ peers: PeerKeeper) { peers.follow(client) }

  /// Begins to follow the instances that are announced to the other servers.
  func share(_ discovery: Discovery) {
    let isReached = !configuration.listen.peers.isEmpty
    discovery.share(configuration.node, local: isReached) { previous, heard in
      let shared = SharedInstances(
        client, on: loop, prefix: settings.prefix, node: configuration.node, logger: logger,
        writes: writes, previous: previous, heard: heard)
      instances = shared
      return shared
    }
  }

  /// Where the fleet keeps its orders; `certificates` is what the keys of certificates begin with.
  func issuanceStore(certificates prefix: String) -> EtcdIssuance {
    let store = EtcdIssuance(
      client, on: loop, prefix: settings.prefix, certificatePrefix: prefix,
      node: configuration.node, encryption: encryption, writes: writes)
    issuance = store
    return store
  }

  /// Where the servers tell each other who lives.
  func addressStore(state: String) -> FleetAddresses.Store {
    FleetAddresses.Store(
      client: client, prefix: settings.prefix, writes: writes, copy: FleetCopy(state: state))
  }

  /// Ends these with the link.
  func follow(_ addresses: FleetAddresses) { self.addresses = addresses }

  /// Where the fleet keeps whose turn it is to change records, and what was changed.
  func recordStore() -> EtcdRecords {
    let store = EtcdRecords(
      client, on: loop, prefix: settings.prefix, node: configuration.node, writes: writes)
    records = store
    return store
  }

  /// Where operators' orders are.
  func orders(heard: @escaping SharedOrders.Heard) -> SharedOrders {
    let orders = SharedOrders(
      client, on: loop, prefix: settings.prefix, writes: writes, heard: heard)
    operations = orders
    return orders
  }

  /// Begins to agree with the other servers on whose port may be closed.
  func agreeOnPorts(_ neighbours: NeighbourPorts, changed: @escaping () -> Void) {
    ports = FleetPorts(
      client, on: loop, prefix: settings.prefix, node: configuration.node, neighbours: neighbours,
      writes: writes, changed: changed)
  }

  /// Whether etcd tells of every change now; every link follows the names of its servers, and many no more.
  var isSynced: Bool {
    [
      name.isSynced, certificates?.isSynced, tickets?.isSynced, instances?.isSynced,
      addresses?.isSynced, operations?.isSynced,
    ].allSatisfy { $0 ?? true }
  }

  private var failure: String? { certificates?.failure ?? client.lastFailure }

  func everySecond() {
    name.everySecond(now: loop.clockNow)
    if isSynced {
      silentBeats = 0
      guard reported != nil else { return }
      reported = nil
      logger.notice("etcd tells of changes again", metadata: ["member": "\(client.endpoint)"])
      return
    }
    silentBeats += 1
    guard silentBeats >= Self.silentBeatsMax, reported == nil else { return }
    let reason = failure ?? "no answer yet"
    reported = reason
    logger.warning(
      "etcd does not tell of changes; what is there is served", metadata: ["reason": "\(reason)"])
  }

  // MARK: Another configuration

  /// Goes on with other members of etcd, or as another user of it.
  func move(to etcd: EtcdSettings) { client.move(to: etcd, first: first) }

  /// When the leases are given up, once it is retired.
  private var givesUpAt: Instant?
  private var hasGivenUp = false

  /// How long the link that follows has for writing what the leases of this one keep in etcd.
  private static let handover = Duration.seconds(5)

  /// Follows nothing any more: another link does.
  func retire() {
    writes.retire()
    certificates?.end()
    tickets?.stop()
    instances?.stop()
    challenges?.feed.end()
    challenges?.sight.stop()
    ports?.stop()
    addresses?.stop()
    operations?.stop()
    name.stop()
    givesUpAt = loop.now + Self.handover
  }

  /// Called every second once it is retired; `true` when nothing is left of it.
  func hasFaded(now: Instant) -> Bool {
    guard let givesUpAt, now >= givesUpAt else { return false }
    guard hasGivenUp else {
      hasGivenUp = true
      tickets?.end()
      instances?.end()
      challenges?.sight.end()
      ports?.end()
      addresses?.end()
      name.end()
      return false
    }
    client.close()
    return true
  }

  /// How long the end of the process waits for etcd to hear of it.
  private static let farewell = Duration.milliseconds(500)

  /// Ends what is followed; turns the loop for a moment, until etcd has heard of it.
  ///
  /// A connection that closes with bytes unread takes back what was sent last.
  func close() {
    tickets?.end()
    challenges?.sight.end()
    ports?.end()
    addresses?.end()
    name.end()
    let deadline = loop.clockNow + Self.farewell
    let alarm = Alarm(on: loop) {}
    alarm.set(after: Self.farewell)
    while !isOver, loop.clockNow < deadline {
      guard (try? loop.turn(mayWait: true)) != nil else { break }
    }
    alarm.cancel()
    client.close()
  }

  private var isOver: Bool {
    [
      tickets?.isOver, challenges?.sight.isOver, ports?.isOver, name.isOver, issuance?.isOver,
      addresses?.isOver, records?.isOver,
    ].allSatisfy { $0 ?? true }
  }
}

// MARK: Administration

extension FleetLink {
  var section: StatusSection {
    EtcdSection(
      endpoint: client.endpoint.description, isReachable: client.isReachable, isSynced: isSynced,
      revision: certificates?.lastSeen, failure: isSynced ? nil : failure,
      refusedWrites: writes.refused
    ).section
  }
}

internal import CertStore
internal import Etcd
internal import EventLoop
internal import Logging

/// The fleet's instances in etcd: this server tells those that announce themselves to it, under a
/// lease, and hears of those of the others.
///
/// Nothing waits for etcd. While it is away everything stays as it was; a lease that runs out makes
/// instances doubtful, and the registry keeps the last ones.
final class SharedInstances {
  enum News: Equatable {
    case told(SharedInstance)
    /// The server that shared it does not share it any more, or is gone.
    case lapsed(SharedInstance)
  }

  private let client: EtcdClient
  private let prefix: String
  private let node: String
  private let logger: Logger
  private let writes: EtcdWrites
  private let heard: ([News]) -> Void
  private var publication: Publication
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private var retry: Alarm?
  /// Values that cannot be read, so that each is written to the log once.
  private var refused: Set<[UInt8]> = []
  /// What the other servers tell, by its key in etcd; no more than `instancesMax`.
  private var known: [[UInt8]: SharedInstance] = [:]
  /// Those that another link had heard of, until the first listing says whether they are still told.
  private var unconfirmed: Set<[UInt8]> = []
  /// The keys in etcd that vouch for an instance; it lapses with the last of them.
  private var vouchers: [Identity: Set<[UInt8]>] = [:]

  private struct Identity: Hashable {
    let key: [UInt8]
    let address: SocketAddress
    let server: String?

    init(_ instance: SharedInstance) {
      key = instance.key
      address = instance.address
      server = instance.server
    }
  }

  /// Longer than an election of etcd and the restart of an edge, so that neither makes instances
  /// doubtful.
  private static let timeToLive = Duration.seconds(20)
  private static let retryAfter = Duration.seconds(1)
  /// Instances of other servers that are taken.
  static let instancesMax = 50_000

  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String, logger: Logger,
    writes: EtcdWrites, previous: SharedInstances? = nil, heard: @escaping ([News]) -> Void
  ) {
    self.writes = writes
    self.client = client
    self.prefix = prefix
    self.node = node
    self.logger = logger
    self.heard = heard
    publication = Publication(prefix: prefix)
    if let previous {
      (known, vouchers) = (previous.known, previous.vouchers)
      unconfirmed = Set(known.keys)
    }
    retry = Alarm(on: loop) { [unowned self] in write() }
    watch = RangeWatch(client, .prefix(Array((prefix + SharedInstance.directory).utf8))) {
      [unowned self] in told($0)
    }
    lease = KeptLease(
      client, timeToLive: Self.timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        publication.gained($0)
        write()
      },
      lost: { [unowned self] in publication.lost() },
      failed: { writes.failed(.leases, $0) })
    watch?.start()
  }

  /// What the others tell is in doubt from now on.
  func lapse() { heard(known.values.map { .lapsed($0) }) }

  /// Hears of nothing any more.
  func stop() { watch?.end() }

  /// Has etcd delete what this server told.
  func end() {
    retry?.cancel()
    lease?.end()
  }

  /// Whether etcd tells of every change now, and knows what this server has to tell.
  var isSynced: Bool { watch?.isSynced ?? false }

  /// Tells the fleet what this server hears of itself.
  func publish(_ instances: [SharedInstance]) {
    publication.want(instances)
    write()
  }

  private func write() {
    guard let lease = publication.presentLease, let transaction = publication.next() else { return }
    client.txn(transaction) { [weak self] result in
      guard let self else { return }
      writes.ended(.instances, result)
      switch result {
      case .success:
        publication.ended(succeeded: true, lease: lease)
        write()
      case .failure(let error):
        publication.ended(succeeded: false, lease: lease)
        logger.debug("instances were not shared", metadata: ["error": "\(error)"])
        retry?.set(after: Self.retryAfter)
      }
    }
  }

  private func told(_ changes: Changes) {
    var news: [News] = []
    let missing = unconfirmed.subtracting(changes.put.map(\.key))
    unconfirmed = []
    for key in changes.removed + missing {
      refused.remove(key)
      guard let instance = known.removeValue(forKey: key) else { continue }
      news.append(removed(key, instance))
    }
    for keyValue in changes.put {
      let instance: SharedInstance
      do throws(InstanceRefusal) {
        instance = try SharedInstance(
          storedKey: keyValue.key, value: keyValue.value, prefix: prefix)
      } catch {
        refuse(keyValue.key, error)
        continue
      }
      guard instance.node != node else { continue }
      guard known.count < Self.instancesMax || known[keyValue.key] != nil else { continue }
      known[keyValue.key] = instance
      vouchers[Identity(instance), default: []].insert(keyValue.key)
      news.append(.told(instance))
    }
    if !news.isEmpty { heard(news) }
  }

  /// One server less tells of an instance; another may do so still.
  private func removed(_ key: [UInt8], _ instance: SharedInstance) -> News {
    let identity = Identity(instance)
    vouchers[identity]?.remove(key)
    if let other = vouchers[identity]?.first, let told = known[other] { return .told(told) }
    vouchers[identity] = nil
    return .lapsed(instance)
  }

  private func refuse(_ key: [UInt8], _ refusal: InstanceRefusal) {
    guard refused.count < 100, refused.insert(key).inserted else { return }
    logger.warning(
      "an instance of etcd refused",
      metadata: ["key": "\(KeyText.text(key))", "reason": "\(refusal.reason)"])
  }
}

internal import Etcd
internal import EventLoop

/// What a fleet knows of its records, in etcd below `PREFIX records/`.
///
///     holder    the server that changes them, under its lease
///     state     `RecordState`, written by the holder before and after each change
final class EtcdRecords: RecordStore {
  private let client: EtcdClient
  private let loop: EventLoop
  private let directory: [UInt8]
  private let stateKey: [UInt8]
  private let writes: EtcdWrites
  private var place: HeldPlace
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private(set) var text: [UInt8]?
  /// Since when the text is so; what etcd tells of a time before is no news.
  private var revision: Int64 = 0
  private var isRead = false
  private var isAsking = false
  var changed: () -> Void = {}

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "records/"
  static let holderName = directory + "holder"
  static let stateName = directory + "state"
  /// How long the place of a server that died stays taken: longer than an election of etcd.
  private static let timeToLive = Duration.seconds(15)

  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String, writes: EtcdWrites
  ) {
    self.client = client
    self.loop = loop
    self.writes = writes
    directory = Array((prefix + Self.directory).utf8)
    stateKey = Array((prefix + Self.stateName).utf8)
    place = HeldPlace(key: Array((prefix + Self.holderName).utf8), node: node)
    watch = RangeWatch(client, .prefix(directory)) { [unowned self] in told($0) }
    lease = KeptLease(
      client, timeToLive: Self.timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        place.lease = $0
        takePlace()
        changed()
      },
      lost: { [unowned self] in
        place.lease = nil
        changed()
      },
      failed: { writes.failed(.leases, $0) })
    watch?.start()
  }

  var isHolder: Bool { isRead && place.isOurs }

  var holder: String? { place.holder }

  var failure: String? {
    guard let watch, watch.isSynced else {
      return "etcd is away: \(watch?.failure ?? client.lastFailure ?? "no answer yet")"
    }
    return nil
  }

  private func told(_ changes: Changes) {
    if changes.isListing { isRead = true }
    place.apply(changes)
    if changes.removed.contains(stateKey) { text = nil }
    if let keyValue = changes.put.first(where: { $0.key == stateKey }),
      changes.isListing || keyValue.modRevision >= revision
    {
      (text, revision) = (keyValue.value, keyValue.modRevision)
    }
    takePlace()
    changed()
  }

  private func takePlace() {
    guard isRead, !isAsking, let claim = place.claim else { return }
    isAsking = true
    client.txn(claim) { [weak self] result in
      guard let self else { return }
      isAsking = false
      writes.ended(.records, result)
    }
  }

  func everySecond() { takePlace() }

  func write(_ text: [UInt8], _ done: @escaping (RecordStoreFailure?) -> Void) {
    guard isRead, let fence = place.fence else { return loop.soon { done(.fencedOff) } }
    let put = RequestOp.put(PutRequest(key: stateKey, value: text))
    client.txn(TxnRequest(compare: [fence], success: [put])) { [weak self] result in
      guard let self else { return }
      writes.ended(.records, result)
      switch result {
      case .success(let response) where response.succeeded:
        (self.text, revision) = (text, response.header.revision)
        done(nil)
      case .success: done(.fencedOff)
      case .failure(let error): done(.failed("etcd: \(error)"))
      }
    }
  }

  func end() {
    watch?.end()
    place.forget()
    lease?.end()
  }

  var isOver: Bool { lease?.isOver ?? true }
}

@available(*, unavailable) extension EtcdRecords: Sendable {}

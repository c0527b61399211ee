internal import Etcd
internal import EventLoop

/// One key of this server in etcd that is there for as long as the server is, and the range of keys that it
/// stands in, which has those of the other servers.
///
/// It is written again whenever its value has changed and under each new lease, one write at a time.
final class LeasedKey {
  private let client: EtcdClient
  private let loop: EventLoop
  private let key: [UInt8]
  private let value: () -> [UInt8]
  private let kind: EtcdWrites.Kind
  private let writes: EtcdWrites
  private let retryAfter: Duration
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private var leaseIdentifier: Int64?
  private var retry: Alarm?
  private var isWriting = false
  private var told: Told?
  /// Since when etcd has not taken what this server has to say; `nil` while it has the present value.
  private(set) var unheardSince: Instant?

  /// What etcd took last, and under which lease.
  private struct Told: Equatable {
    var value: [UInt8]
    var lease: Int64
  }

  /// `value` is asked whenever there may be something to write; `changed` hears of all keys of `range`.
  ///
  /// A server that dies is gone from the range after `timeToLive`. A write that fails is tried again after
  /// `retryAfter`.
  init(
    _ client: EtcdClient, on loop: EventLoop, key: [UInt8], in range: KeyRange,
    timeToLive: Duration, retryAfter: Duration = .seconds(1), kind: EtcdWrites.Kind,
    writes: EtcdWrites, value: @escaping () -> [UInt8], changed: @escaping (Changes) -> Void
  ) {
    self.client = client
    self.loop = loop
    self.key = key
    self.value = value
    self.kind = kind
    self.writes = writes
    self.retryAfter = retryAfter
    unheardSince = loop.now
    retry = Alarm(on: loop) { [unowned self] in write() }
    watch = RangeWatch(client, range, changed: changed)
    lease = KeptLease(
      client, timeToLive: timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        leaseIdentifier = $0
        write()
      },
      lost: { [unowned self] in
        leaseIdentifier = nil
        note()
      },
      failed: { writes.failed(.leases, $0) })
  }

  /// Begins to hear of the range; the owner is whole by now.
  func start() { watch?.start() }

  /// Whether etcd tells of every change of the range now.
  var isSynced: Bool { watch?.isSynced ?? false }

  /// The value that etcd took last, under whichever lease; `nil` before the first.
  var toldValue: [UInt8]? { told?.value }

  /// Has etcd take the value where it is not what etcd took last.
  func write() {
    note()
    guard let lease = leaseIdentifier, unheardSince != nil, !isWriting else { return }
    isWriting = true
    let told = Told(value: value(), lease: lease)
    client.put(PutRequest(key: key, value: told.value, lease: lease)) { [weak self] result in
      guard let self else { return }
      isWriting = false
      writes.ended(kind, result)
      guard case .success = result else { return retry?.set(after: retryAfter) ?? () }
      self.told = told
      write()
    }
  }

  private func note() {
    let isHeard = leaseIdentifier.map { told == Told(value: value(), lease: $0) } ?? false
    unheardSince = isHeard ? nil : unheardSince ?? loop.now
  }

  /// Hears of nothing any more.
  func stop() { watch?.end() }

  /// Has etcd delete the key.
  func end() {
    leaseIdentifier = nil
    retry?.cancel()
    lease?.end()
  }

  /// Whether etcd has heard of the end.
  var isOver: Bool { lease?.isOver ?? true }
}

@available(*, unavailable) extension LeasedKey: Sendable {}

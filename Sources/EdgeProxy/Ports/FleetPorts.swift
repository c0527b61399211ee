internal import Etcd
internal import EventLoop
internal import Logging

/// Agrees with the other servers, through etcd, on whose https port may be closed.
///
/// A server that cannot ask etcd goes by what it knew last, and by what the other edges say of
/// their ports. A server that hears none of them is cut off from its fleet: the others see its
/// lease end and go on without it. With an open port it would show errors to clients that every
/// other server could serve.
final class FleetPorts {
  private let client: EtcdClient
  private let loop: EventLoop
  /// What the keys of all servers begin with.
  private let directory: [UInt8]
  private let key: [UInt8]
  private let neighbours: NeighbourPorts
  private let writes: EtcdWrites
  private let changed: () -> Void
  private var floor = FleetFloor()
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private var leaseIdentifier: Int64?
  private var retry: Alarm?
  private var isClosing = false
  private var isClosed = false
  /// Since when this server has wanted its port closed.
  private var closingSince = Instant(nanoseconds: 0)
  /// What etcd was last told, and under which lease.
  private var told: (isClosing: Bool, lease: Int64)?
  private var isWriting = false

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "ports/"
  /// After this a server that is gone is none of the fleet.
  private static let timeToLive = Duration.seconds(15)
  private static let retryAfter = Duration.seconds(1)
  /// etcd takes the wish within this time, or is away: a member that is cut off from the others keeps its
  /// watches for three election timeouts, more than three seconds.
  private static let takesWithin = Duration.seconds(1)
  /// After this the other edges are asked, so that their answers are there if it is.
  private static let slowAfter = Duration.milliseconds(200)

  /// `changed` is called when the answer may have.
  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String,
    neighbours: NeighbourPorts, writes: EtcdWrites, changed: @escaping () -> Void
  ) {
    self.writes = writes
    self.neighbours = neighbours
    self.client = client
    self.loop = loop
    self.changed = changed
    directory = Array((prefix + Self.directory).utf8)
    key = directory + node.utf8
    retry = Alarm(on: loop) { [unowned self] in write() }
    watch = RangeWatch(client, .prefix(directory)) {
      [unowned self] in
      floor.apply($0)
      changed()
    }
    lease = KeptLease(
      client, timeToLive: Self.timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        leaseIdentifier = $0
        write()
      },
      lost: { [unowned self] in leaseIdentifier = nil },
      failed: { writes.failed(.leases, $0) })
    watch?.start()
  }

  /// Whether this server's port may be closed; `nil` where that is not agreed yet.
  var mayBeClosed: Bool? {
    guard isClosing else { return nil }
    if hasAgreement { return floor.permits(key) }
    // After a restart nothing has been heard of those that are known to be there.
    let serversMin = neighbours.count + 1
    // Of two that would say the same key the closed one counts.
    let heard = [[UInt8]: Bool](
      neighbours.heard.map { (directory + $0.key.utf8, $0.value) }, uniquingKeysWith: { $0 && $1 })
    if isClosed {
      return neighbours.count == 0
        || floor.mightStayClosed(key, heard: heard, serversMin: serversMin)
    }
    return floor.mightPermit(key, heard: heard, serversMin: serversMin) ? true : nil
  }

  /// Whether etcd says now what has been agreed.
  private var hasAgreement: Bool { (watch?.isSynced ?? false) && !isUnheard }

  /// Whether etcd has not taken the wish although it has had the time to.
  private var isUnheard: Bool {
    told?.isClosing != true && loop.now >= closingSince + Self.takesWithin
  }

  /// Whether etcd takes so long with the wish that it may be away.
  private var isSlow: Bool {
    floor.permits(key) == nil && loop.now >= closingSince + Self.slowAfter
  }

  /// Servers that are there, and those of them that want to be closed.
  var counts: (servers: Int, closing: Int) { (floor.count, floor.closingCount) }

  /// Says whether this server wants its port closed, and whether it is.
  func tell(isClosing: Bool, isClosed: Bool) {
    self.isClosed = isClosed
    if isClosing != self.isClosing {
      self.isClosing = isClosing
      if isClosing { closingSince = loop.now }
      write()
    }
    if isClosing, !hasAgreement || isSlow { neighbours.ask() }
  }

  private func write() {
    guard let lease = leaseIdentifier, !isWriting else { return }
    let isClosing = isClosing
    if let told, told.isClosing == isClosing, told.lease == lease { return }
    isWriting = true
    let put = PutRequest(
      key: key, value: isClosing ? FleetFloor.closing : FleetFloor.open, lease: lease)
    client.put(put) { [weak self] result in
      guard let self else { return }
      isWriting = false
      writes.ended(.port, result)
      guard case .success = result else { return retry?.set(after: Self.retryAfter) ?? () }
      told = (isClosing, lease)
      write()
    }
  }

  /// Hears of nothing any more.
  func stop() { watch?.end() }

  /// Leaves the fleet, whose half becomes smaller at once.
  func end() {
    leaseIdentifier = nil
    retry?.cancel()
    lease?.end()
  }

  /// Whether etcd has heard of it.
  var isOver: Bool { lease?.isOver ?? true }
}

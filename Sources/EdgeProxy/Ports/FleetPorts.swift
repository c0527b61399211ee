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
  private let loop: EventLoop
  /// What the keys of all servers begin with.
  private let directory: [UInt8]
  private let key: [UInt8]
  private let neighbours: NeighbourPorts
  private var floor = FleetFloor()
  private var word: LeasedKey?
  private var isClosing = false
  private var isClosed = false
  /// Since when this server has wanted its port closed.
  private var closingSince = Instant(nanoseconds: 0)

  /// What the part of a key is called that follows the prefix of the fleet.
  static let directory = "ports/"
  /// After this a server that is gone is none of the fleet.
  private static let timeToLive = Duration.seconds(15)
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
    self.neighbours = neighbours
    self.loop = loop
    directory = Array((prefix + Self.directory).utf8)
    key = directory + node.utf8
    word = LeasedKey(
      client, on: loop, key: key, in: .prefix(directory), timeToLive: Self.timeToLive, kind: .port,
      writes: writes,
      value: { [unowned self] in isClosing ? FleetFloor.closing : FleetFloor.open },
      changed: { [unowned self] in
        floor.apply($0)
        changed()
      })
    word?.start()
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
  private var hasAgreement: Bool { (word?.isSynced ?? false) && !isUnheard }

  /// Whether etcd has not taken the wish although it has had the time to.
  private var isUnheard: Bool {
    word?.toldValue != FleetFloor.closing && loop.now >= closingSince + Self.takesWithin
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
      word?.write()
    }
    if isClosing, !hasAgreement || isSlow { neighbours.ask() }
  }

  /// Hears of nothing any more.
  func stop() { word?.stop() }

  /// Leaves the fleet, whose half becomes smaller at once.
  func end() { word?.end() }

  /// Whether etcd has heard of it.
  var isOver: Bool { word?.isOver ?? true }
}

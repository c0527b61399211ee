internal import Etcd
internal import EventLoop
internal import Logging

/// Says in etcd, under a lease, that this server has its name, and warns of others that say the same:
/// servers of one name ignore what the other announces, and decide about their ports as one.
final class NameClaim {
  private let node: String
  private let warnings: Warnings
  private let logger: Logger
  private var rivals: NameRivals
  private var key: LeasedKey?

  private static let warning = "node name"

  init(
    _ client: EtcdClient, on loop: EventLoop, prefix: String, node: String, identity: String,
    warnings: Warnings, logger: Logger, writes: EtcdWrites
  ) {
    self.node = node
    self.warnings = warnings
    self.logger = logger
    rivals = NameRivals(prefix: prefix, node: node, identity: identity)
    key = LeasedKey(
      client, on: loop, key: rivals.key, in: rivals.range, timeToLive: NameRivals.timeToLive,
      kind: .name, writes: writes, value: { NameRivals.value(place: ServerIdentity.place()) },
      changed: { [unowned self] in rivals.apply($0, now: loop.clockNow) })
    key?.start()
  }

  /// Whether etcd tells of every change of the names now.
  var isSynced: Bool { key?.isSynced ?? false }

  func everySecond(now: Instant) {
    let places = rivals.places(now: now)
    guard !places.isEmpty else {
      if warnings.clear(Self.warning) {
        logger.notice("no other server has the name of this one", metadata: ["node": "\(node)"])
      }
      return
    }
    let told = Self.told(node, places)
    guard warnings.raise(Self.warning, told.text, advice: told.advice) else { return }
    logger.warning(
      "another server has the same node name",
      metadata: [
        "node": "\(node)", "at": "\(places.joined(separator: ", "))", "advice": "\(told.advice)",
      ])
  }

  /// What is wrong where servers at these places have this server's name, and what to do.
  static func told(_ node: String, _ places: [String]) -> (text: String, advice: String) {
    (
      "another server has the node name '\(node)' too, at \(places.joined(separator: ", ")); they"
        + " do not know each other's instances, and both may close their port",
      "give each server a 'node' of its own and restart it"
    )
  }

  /// Follows the others no more.
  func stop() {
    key?.stop()
    warnings.clear(Self.warning)
  }

  func end() { key?.end() }

  /// Whether etcd has heard of the end.
  var isOver: Bool { key?.isOver ?? true }
}

@available(*, unavailable) extension NameClaim: Sendable {}

internal import Calendar
internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop
internal import Logging

/// Keeps the list of the servers of the fleet, and this server's own certificate.
///
/// etcd tells of the other servers; the last of it is kept on disk for a start without etcd. The own
/// credentials are files, and looked at each second, so that `node join` needs no restart.
final class PeerKeeper {
  private let node: String
  private let state: String
  private let prefix: String
  private let logger: Logger
  private let changed: () -> Void
  private let copy: PeerCopy
  private var entries: [String: PeerEntry] = [:]
  /// Keys whose values cannot be read, so that each is told once.
  private var refused: Set<[UInt8]> = []
  private var watch: RangeWatch?
  /// Why the credentials are not used, as it was last told.
  private var failure: String?
  /// Why the copy on disk is not what is known, as it was last told.
  private var copyFailure: String?
  /// The last warning about this server's part in the fleet.
  private var warned: String?
  private(set) var peering = Peering.none

  /// Before a certificate ends this is worth a warning.
  private static let expiryWarning: Int64 = 30 * 86_400

  /// `changed` is called when `peering` has.
  init(
    _ configuration: Configuration, prefix: String, logger: Logger,
    changed: @escaping () -> Void
  ) {
    node = configuration.node
    state = configuration.state
    self.prefix = prefix
    self.logger = logger
    self.changed = changed
    copy = PeerCopy(state: configuration.state)
    let (kept, mistakes) = copy.load(prefix: prefix)
    for entry in kept { entries[entry.node] = entry }
    for mistake in mistakes.prefix(10) {
      logger.error(
        "a part of the copy of the fleet's servers was not read", metadata: ["line": "\(mistake)"])
    }
    peering = Peering(credentials: readCredentials(), directory: directory)
  }

  func follow(_ client: EtcdClient) {
    let range = KeyRange.prefix(Array((prefix + PeerEntry.directory).utf8))
    watch = RangeWatch(client, range) { [unowned self] in told($0) }
    watch?.start()
  }

  /// Hears of nothing any more.
  func end() { watch?.end() }

  private var directory: PeerDirectory {
    PeerDirectory(entries.values.map(\.peer), own: node)
  }

  // MARK: What etcd tells

  private func told(_ changes: Changes) {
    for key in changes.removed {
      refused.remove(key)
      guard let node = PeerEntry.node(key: key, prefix: prefix) else { continue }
      if entries.removeValue(forKey: node) != nil {
        logger.notice("a server has left the fleet", metadata: ["server": "\(node)"])
      }
    }
    for keyValue in changes.put { take(keyValue) }
    let mistake = copy.save(Array(entries.values), prefix: prefix)
    if let mistake, mistake != copyFailure {
      logger.warning("the fleet's servers are not kept on disk: \(mistake)")
    }
    copyFailure = mistake
    update()
  }

  private func take(_ keyValue: KeyValue) {
    guard let entry = PeerEntry(key: keyValue.key, value: keyValue.value, prefix: prefix),
      entries.count < PeerEntry.countMax || entries[entry.node] != nil
    else {
      guard refused.count < 100, refused.insert(keyValue.key).inserted else { return }
      return logger.warning(
        "a server of etcd refused", metadata: ["key": "\(KeyText.text(keyValue.key))"])
    }
    entries[entry.node] = entry
  }

  // MARK: What this server has

  func everySecond() {
    update()
    warn()
  }

  private func update() {
    let next = Peering(credentials: readCredentials(), directory: directory)
    guard next != peering else { return }
    if next.credentials != nil, next.credentials != peering.credentials {
      logger.notice("this server proves to others who it is", metadata: ["server": "\(node)"])
    }
    peering = next
    changed()
  }

  /// The credentials on disk; while they cannot be read, the last ones that could.
  private func readCredentials() -> PeerCredentials? {
    do throws(PeerCredentialsError) {
      let found = try PeerCredentials.load(state: state)
      if let found, found.certificate.node != node {
        throw PeerCredentialsError(
          "the certificate is of '\(found.certificate.node)', and 'node' is '\(node)'")
      }
      failure = nil
      return found
    } catch {
      if failure != error.description {
        failure = error.description
        logger.error("credentials of this server refused", metadata: ["reason": "\(error)"])
      }
      return peering.credentials
    }
  }

  /// A problem that an administrator should solve; `nil` while all is well.
  private var warning: String? {
    guard let credentials = peering.credentials else {
      return failure ?? "this server has not joined the fleet: 'edgeproxy node join'"
    }
    if watch?.isSynced ?? false, entries[node]?.certificate != credentials.certificate {
      return "the others do not know this server's certificate: 'edgeproxy node join'"
    }
    if credentials.certificate.notAfter - WallTime.seconds < Self.expiryWarning {
      return "this server's certificate ends \(UTC.text(credentials.certificate.notAfter)):"
        + " 'edgeproxy node join'"
    }
    return failure
  }

  private func warn() {
    let present = warning
    guard present != warned else { return }
    warned = present
    if let present { logger.warning("\(present)") }
  }

  /// The section about the fleet; `counters` are those of all loops.
  func section(_ counters: [PeerCounters]) -> StatusSection {
    PeersSection(peering: peering, counters: counters, warning: warning).section
  }
}

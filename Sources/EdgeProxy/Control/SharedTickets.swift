internal import Etcd
internal import EventLoop
internal import Logging
internal import TLS

/// The fleet's ticket keys in etcd: every server follows them, and one of them rotates them.
///
/// The server that holds the key `tickets/holder` under a lease rotates them; when it dies, another
/// takes that key. A write is guarded by the revision that was read, so that two holders could do
/// no harm.
final class SharedTickets {
  private let client: EtcdClient
  private let node: String
  private let encryption: EncryptionKeys?
  private let logger: Logger
  private let writes: EtcdWrites
  private let now: () -> Int64
  private let changed: (TicketKeyring) -> Void

  private let keyringKey: [UInt8]
  private let holderKey: [UInt8]
  private var watch: RangeWatch?
  private var lease: KeptLease?
  private var leaseIdentifier: Int64?
  private enum Stored {
    case nothing
    case keyring(TicketKeyring)
    /// It lies there unencrypted from before there were encryption keys.
    case outdated
    /// It is somebody else's, or the encryption key is missing here.
    case foreign
  }

  /// What etcd has, and the revision that guards a write; `nil` before it was read.
  private var stored: (state: Stored, revision: Int64)?
  private var holderIsThere = false
  /// This server is the one that rotates.
  private(set) var isHolder = false
  private var isWriting = false
  /// Why the last write failed, which is tried each second; `nil` after one that did not.
  private var writeFailure: String?
  /// Why the keys of etcd are not used; `nil` while they are.
  private(set) var failure: String?

  /// What the keyring is called under the prefix.
  static let keyringName = "tickets/keys"
  /// What the key of the server that rotates is called under the prefix.
  static let holderName = "tickets/holder"
  private static let timeToLive = Duration.seconds(15)

  init(
    _ client: EtcdClient, prefix: String, node: String, encryption: EncryptionKeys?,
    logger: Logger, writes: EtcdWrites, now: @escaping () -> Int64,
    changed: @escaping (TicketKeyring) -> Void
  ) {
    self.writes = writes
    self.client = client
    self.node = node
    self.encryption = encryption
    self.logger = logger
    self.now = now
    self.changed = changed
    keyringKey = Array((prefix + Self.keyringName).utf8)
    holderKey = Array((prefix + Self.holderName).utf8)
    watch = RangeWatch(client, .prefix(Array("\(prefix)tickets/".utf8))) { [unowned self] in
      told($0)
    }
    lease = KeptLease(
      client, timeToLive: Self.timeToLive,
      gained: { [unowned self] in
        writes.succeeded(.leases)
        leaseIdentifier = $0
        becomeHolder()
      },
      lost: { [unowned self] in
        leaseIdentifier = nil
        isHolder = false
      },
      failed: { writes.failed(.leases, $0) })
    watch?.start()
  }

  var isSynced: Bool { watch?.isSynced ?? false }

  /// Hears of nothing any more.
  func stop() { watch?.end() }

  /// Gives the holder's key up, so that another server need not wait for its end.
  func end() {
    leaseIdentifier = nil
    isHolder = false
    lease?.end()
  }

  /// Whether etcd has heard of it.
  var isOver: Bool { lease?.isOver ?? true }

  private func told(_ changes: Changes) {
    if changes.removed.contains(holderKey) { holderIsThere = false }
    if changes.removed.contains(keyringKey) { stored = (.nothing, 0) }
    if stored == nil { stored = (.nothing, 0) }
    for keyValue in changes.put {
      if keyValue.key == holderKey {
        holderIsThere = true
        isHolder = keyValue.lease != 0 && keyValue.lease == leaseIdentifier
      } else if keyValue.key == keyringKey {
        take(keyValue)
      }
    }
    becomeHolder()
    rotateIfDue()
  }

  private func take(_ keyValue: KeyValue) {
    do throws(TicketKeyringError) {
      let keyring = try TicketKeyring(decoding: keyValue.value, with: encryption)
      stored = (.keyring(keyring), keyValue.modRevision)
      failure = nil
      changed(keyring)
    } catch {
      stored = (error == .notSealed ? .outdated : .foreign, keyValue.modRevision)
      guard failure != error.description else { return }
      failure = error.description
      logger.error(
        "ticket keys of etcd refused", metadata: ["reason": "\(error)"])
    }
  }

  private func becomeHolder() {
    guard stored != nil, !holderIsThere, let leaseIdentifier else { return }
    holderIsThere = true
    let transaction = TxnRequest(
      compare: [Compare(.key(holderKey), .equal, .version(0))],
      success: [
        .put(PutRequest(key: holderKey, value: Array(node.utf8), lease: leaseIdentifier))
      ])
    client.txn(transaction) { [weak self] result in
      // The watch tells which server the holder is.
      guard let self else { return }
      writes.ended(.tickets, result)
      if case .failure = result, !isHolder { holderIsThere = false }
    }
  }

  /// Called every second: a write that was refused is tried again.
  func everySecond() {
    becomeHolder()
    rotateIfDue()
  }

  /// Writes the first keyring, and the next one when its time has come.
  private func rotateIfDue() {
    guard isHolder, !isWriting, isSynced, let stored else { return }
    do throws(TLSError) {
      let next: TicketKeyring
      switch stored.state {
      case .foreign: return
      case .nothing, .outdated: next = try TicketKeyring(now: now())
      case .keyring(let keyring):
        guard keyring.isDue(now: now()) else { return }
        next = try keyring.rotated(now: now())
      }
      write(try next.encoded(with: encryption), over: stored.revision)
    } catch {
      logger.error("ticket keys were not rotated", metadata: ["error": "\(error)"])
    }
  }

  private func write(_ value: [UInt8], over revision: Int64) {
    isWriting = true
    let transaction = TxnRequest(
      compare: [Compare(.key(keyringKey), .equal, .modRevision(revision))],
      success: [.put(PutRequest(key: keyringKey, value: value))])
    client.txn(transaction) { [weak self] result in
      guard let self else { return }
      isWriting = false
      writes.ended(.tickets, result)
      guard case .failure(let error) = result, !error.isRefusal else { return writeFailure = nil }
      guard writeFailure != "\(error)" else { return }
      writeFailure = "\(error)"
      logger.warning("ticket keys were not rotated", metadata: ["error": "\(error)"])
    }
  }
}

internal import CertStore
internal import Configuration
internal import Etcd
internal import EventLoop

/// Changes of etcd's certificates.
struct CertificateNews: Sendable {
  var changes: [StoredChange]
  /// The range that was read for the first time: what is not among the changes is not there, so that a
  /// deletion is noticed that happened while nobody watched.
  var listed: KeyRange?
  /// Whether all that is asked for was read once.
  var isComplete: Bool
}

/// What etcd tells about certificates: the keys under the prefix, and the legacy pair at the root.
///
/// The private key of the pair is called after the domain, which its chain names; so the chain is
/// watched first, and then the few keys that may belong to it.
final class CertificateFeed {
  private let client: EtcdClient
  private let source: CertificateSettings.EtcdSource
  private let told: (CertificateNews) -> Void
  private var watches: [KeyRange: RangeWatch] = [:]
  private var listed: Set<KeyRange> = []
  /// The keys at the root that may belong to the chain that is there now.
  private var legacyKeys: Set<KeyRange> = []

  /// How many keys of etcd are watched for the one that fits a legacy chain.
  private static let legacyKeysMax = 16

  init(
    _ client: EtcdClient, _ source: CertificateSettings.EtcdSource,
    told: @escaping (CertificateNews) -> Void
  ) {
    self.client = client
    self.source = source
    self.told = told
  }

  func start() {
    watch(.prefix(Array(source.prefix.utf8)))
    if source.legacy { watch(.key(LegacyPair.chainKey)) }
  }

  func end() {
    for watch in watches.values { watch.end() }
  }

  /// Whether etcd does not let us read.
  var isDenied: Bool { watches.values.contains { $0.isDenied } }

  /// Whether all that is asked for was read once.
  var isListed: Bool { !watches.isEmpty && watches.keys.allSatisfy(listed.contains) }

  /// Whether etcd tells of every change now.
  var isSynced: Bool { !watches.isEmpty && watches.values.allSatisfy(\.isSynced) }

  /// The revision up to which every change is known; `nil` before the first listing.
  var lastSeen: Int64? { watches.values.compactMap(\.lastSeen).min() }

  /// Why etcd does not tell of changes; `nil` while it does.
  var failure: String? { watches.values.lazy.compactMap(\.failure).first }

  private func watch(_ range: KeyRange) {
    guard watches[range] == nil else { return }
    let watch = RangeWatch(client, range) { [unowned self] in changed(range, $0) }
    watches[range] = watch
    watch.start()
  }

  private func changed(_ range: KeyRange, _ changes: Changes) {
    var told: [StoredChange] = changes.put.map { .put(StoredValue(key: $0.key, value: $0.value)) }
    told += changes.removed.map { .deleted(key: $0) }
    let isFirst = listed.insert(range).inserted
    if range == .key(LegacyPair.chainKey), let chain = changes.put.last {
      followKeys(of: chain.value)
    }
    self.told(
      CertificateNews(
        changes: told, listed: isFirst ? range : nil, isComplete: isListed))
  }

  /// Watches the keys that may belong to a chain, and no longer those of the chains before.
  private func followKeys(of chain: [UInt8]) {
    let keys = Set(LegacyPair.keys(of: chain).prefix(Self.legacyKeysMax).map { KeyRange.key($0) })
    // A chain that is only half written names nobody.
    guard !keys.isEmpty else { return }
    for key in legacyKeys.subtracting(keys) {
      watches.removeValue(forKey: key)?.end()
      listed.remove(key)
    }
    legacyKeys = keys
    for key in keys { watch(key) }
  }
}

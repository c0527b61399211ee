package import TLS

/// The certificates that etcd has, and what is served of them.
///
/// Whatever comes in is judged like a stranger's words. A value that is bad in any way is refused with
/// its reason while the last good one of its key goes on. Silence of etcd is no input: what is served
/// then stays, and only a listing or a change can take a certificate away.
package struct EtcdCertificates: Sendable {
  private struct Source {
    var offer: CertificateOffer
    /// SHA-256 of what the offer was read from, so that the same value is not read twice.
    var digest: [UInt8]?
    var served: ServedCertificate?
  }

  private let keys: EncryptionKeys?
  private let readsLegacy: Bool
  private var sources: [[UInt8]: Source] = [:]
  /// The values at the root that may make a pair.
  private var legacy: [[UInt8]: [UInt8]] = [:]
  /// What they come to, until one of them changes.
  private var legacyOffer: CertificateOffer?
  /// They are from the copy, and etcd has said nothing of them yet.
  private var legacyIsCopy = false
  /// What the values that came together were read as, until they are taken one after the other.
  private var readAhead: [[UInt8]: (value: [UInt8], offer: CertificateOffer)] = [:]
  /// Why some keys are not read at all.
  private var unread: [[UInt8]: CertStore.Refusal] = [:]

  /// Hosts that have routes, normalised; `*.` first for a wildcard.
  package var routedHosts: [[UInt8]] = []
  /// Certificates that are served from elsewhere.
  var neighbours: [EntryBuilder.Item] = []
  package private(set) var refusals: [CertStore.Refusal] = []
  /// When everything was judged last, in seconds since 1970, and for how long that stays the same.
  private(set) var judgedAt: Int64 = 0
  private(set) var unchanged = UnchangedTime()

  /// How many keys are read; the rest is reported, and some of it by name.
  package static let sourcesMax = 12_000
  private static let unreadMax = 100
  /// What a key may measure, in bytes.
  package static let keyBytesMax = 1024

  package init(keys: EncryptionKeys?, readsLegacy: Bool) {
    self.keys = keys
    self.readsLegacy = readsLegacy
  }

  var items: [EntryBuilder.Item] { sources.values.compactMap(\.served?.item) }

  /// What to keep on disk: what is served, and what would be but for its dates.
  ///
  /// The latter so that a server that starts with a wrong clock does not forget its certificates.
  package var copy: [CopyRecord] {
    sources.values.compactMap { source in
      if let served = source.served { return served.record }
      if case .certificate(_, let record, _, _) = source.offer { return record }
      return nil
    }
  }

  // MARK: Input

  /// What has changed in etcd, in order; `true` when other certificates are served than before.
  package mutating func apply(
    _ changes: [StoredChange], now: Int64, with tools: ParsingTools = ParsingTools()
  ) -> Bool {
    read(changes.compactMap(\.stored), isCopy: false, tools)
    defer { readAhead = [:] }
    for change in changes {
      switch change {
      case .put(let stored): put(stored, with: tools)
      case .deleted(let key):
        unread[key] = nil
        if isLegacy(key) { setLegacy(key, nil) } else { forget(key) }
      }
    }
    return settle(now: now)
  }

  /// The copy on disk, for the time until etcd answers; what etcd has told already stays.
  package mutating func loadCopy(
    _ records: [CopyRecord], now: Int64, with tools: ParsingTools = ParsingTools()
  ) -> Bool {
    read(records.filter { $0.values.count == 1 }.map { $0.values[0] }, isCopy: true, tools)
    defer { readAhead = [:] }
    for record in records where sources[record.key] == nil {
      if isLegacy(record.key) {
        for stored in record.values { put(stored, isCopy: true, with: tools) }
      } else if record.values.count == 1 {
        put(record.values[0], isCopy: true, with: tools)
      }
    }
    return settle(now: now)
  }

  /// Judges everything again, because time has passed or the routes or neighbours have changed.
  package mutating func settle(now: Int64) -> Bool {
    settleLegacy()
    var rules = CertificateRules(now: now, hosts: routedHosts, neighbours: neighbours)
    for (key, source) in sources.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      rules.consider(key, source.offer, old: source.served)
    }
    rules.conclude()
    var isChanged = false
    for (key, source) in sources {
      let next = rules.served[key]
      if next?.item.certificate != source.served?.item.certificate { isChanged = true }
      sources[key]?.served = next
      if case .absent = source.offer, next == nil { sources[key] = nil }
    }
    refusals = rules.refusals + unread.values.sorted { $0.source < $1.source }
    (judgedAt, unchanged) = (now, rules.unchanged)
    return isChanged
  }

  // MARK: Sources

  private func isLegacy(_ key: [UInt8]) -> Bool { readsLegacy && LegacyPair.isPart(key) }

  /// Reads what is new of these values on all processors, where there are many.
  private mutating func read(_ values: [StoredValue], isCopy: Bool, _ tools: ParsingTools) {
    guard values.count > 1 else { return }
    let news = values.prefix(Self.sourcesMax).filter {
      !isLegacy($0.key) && $0.key.count <= Self.keyBytesMax
        && sources[$0.key]?.digest != Hash.sha256($0.value)
    }
    let offers = SharedWork.map(news, with: tools) { [keys] stored, tools in
      CertificateOffer(stored, keys: keys, isCopy: isCopy, with: tools)
    }
    for (stored, offer) in zip(news, offers) { readAhead[stored.key] = (stored.value, offer) }
  }

  private mutating func put(
    _ stored: StoredValue, isCopy: Bool = false, with tools: ParsingTools
  ) {
    guard stored.key.count <= Self.keyBytesMax else {
      return leave(
        stored.key,
        "a key of \(stored.key.count) bytes is not read; the limit is \(Self.keyBytesMax)")
    }
    let isKnown = isLegacy(stored.key) ? legacy[stored.key] != nil : sources[stored.key] != nil
    guard isKnown || sources.count + legacy.count < Self.sourcesMax else {
      return leave(stored.key, "it is not read: there are more than \(Self.sourcesMax) keys")
    }
    unread[stored.key] = nil
    if isLegacy(stored.key) {
      // Of what is too large only so much is kept as tells that it is.
      let value = Array(stored.value.prefix(Certificate.bytesMax + 1))
      return setLegacy(stored.key, value, isCopy: isCopy)
    }
    let digest = Hash.sha256(stored.value)
    var source = sources[stored.key] ?? Source(offer: .absent)
    guard source.digest != digest else { return }
    if let (value, offer) = readAhead[stored.key], value == stored.value {
      source.offer = offer
    } else {
      source.offer = CertificateOffer(stored, keys: keys, isCopy: isCopy, with: tools)
    }
    // The same value from etcd is judged otherwise than from the copy where it is unsealed.
    source.digest = source.offer.isUnsealed ? nil : digest
    sources[stored.key] = source
  }

  private mutating func setLegacy(_ key: [UInt8], _ value: [UInt8]?, isCopy: Bool = false) {
    legacy[key] = value
    legacyOffer = nil
    legacyIsCopy = isCopy
  }

  private mutating func leave(_ key: [UInt8], _ reason: String) {
    guard unread.count < Self.unreadMax else { return }
    unread[key] = CertStore.Refusal(source: KeyText.text(key), reason: reason)
  }

  private mutating func forget(_ key: [UInt8]) {
    sources[key]?.offer = .absent
    sources[key]?.digest = nil
  }

  private mutating func settleLegacy() {
    guard readsLegacy else { return }
    let offer = legacyOffer ?? LegacyPair.offer(legacy, keys: keys, isCopy: legacyIsCopy)
    legacyOffer = offer
    let served = sources[LegacyPair.chainKey]?.served
    sources[LegacyPair.chainKey] = Source(offer: offer, served: served)
  }
}

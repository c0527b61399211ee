internal import TLS

/// A certificate that is served, and what it was made of.
struct ServedCertificate: Sendable {
  var item: EntryBuilder.Item
  var record: CopyRecord
  /// Its key is plain although there are encryption keys: it was kept from before.
  var isUnsealed = false
}

/// Decides once what becomes of all certificates of etcd together.
///
/// Each offer is judged by itself, then the replacements against the routed hosts, then the deletions
/// against what is left: so the order in which etcd tells things does not matter, and a name never loses
/// its last certificate by a deletion or by a replacement that forgot it.
///
/// An unsealed certificate that was kept from before there were encryption keys goes on only where
/// nothing else covers its names, as one that was deleted.
struct CertificateRules {
  /// Seconds since 1970.
  let now: Int64
  let routed: RoutedNames
  /// Certificates that are served from elsewhere.
  let neighbours: [EntryBuilder.Item]

  private(set) var served: [[UInt8]: ServedCertificate] = [:]
  private(set) var refusals: [CertStore.Refusal] = []
  /// How long the judgement stays the same.
  private(set) var unchanged = UnchangedTime()
  private var replaced: [(key: [UInt8], old: ServedCertificate)] = []
  private var deleted: [[UInt8]] = []
  private var unsealed: [[UInt8]] = []

  init(now: Int64, hosts: [[UInt8]], neighbours: [EntryBuilder.Item]) {
    self.now = now
    routed = RoutedNames(hosts)
    self.neighbours = neighbours
  }

  /// What etcd has under `key`, and what is served for it so far.
  mutating func consider(_ key: [UInt8], _ offer: CertificateOffer, old: ServedCertificate?) {
    if let old { unchanged.consider(old.item.certificate, now: now) }
    switch offer {
    case .removed: break
    case .absent:
      guard let old else { return }
      served[key] = old
      deleted.append(key)
    case .refused(let reason):
      served[key] = old
      refuse(key, reason)
      if old?.isUnsealed == true { unsealed.append(key) }
    case .certificate(let certificate, let record, let name, let isUnsealed):
      unchanged.consider(certificate, now: now)
      if isUnsealed { unsealed.append(key) }
      if var same = old, same.item.certificate == certificate {
        // One that expires while it is served goes on.
        same.item.source = name
        same.record = record
        same.isUnsealed = isUnsealed
        served[key] = same
        return
      }
      do throws(CertificateError) {
        let item = try EntryBuilder.Item(certificate, source: name, now: now)
        served[key] = ServedCertificate(item: item, record: record, isUnsealed: isUnsealed)
        if let old { replaced.append((key, old)) }
      } catch {
        served[key] = old
        refuse(key, "\(error)")
      }
    }
  }

  /// Judges replacements and deletions, after everything was considered.
  mutating func conclude() {
    takeBackWhatUncovers()
    delete()
  }

  private mutating func takeBackWhatUncovers() {
    let open = replaced.filter { isValid($0.old.item) }
    var coverage = Coverage(valid)
    let replacements = open.map {
      RoutedNames.Replacement(old: $0.old.item, new: served[$0.key]?.item)
    }
    for (number, name) in routed.uncovered(by: replacements, &coverage) {
      let (key, old) = open[number]
      served[key] = old
      refuse(key, "it would leave the routed host \(KeyText.text(name)) without a certificate")
    }
  }

  /// The unsealed go first, then the oldest, so that of two for one name the one that answers stays.
  private mutating func delete() {
    guard !deleted.isEmpty || !unsealed.isEmpty else { return }
    let order = unsealed.sorted(by: isOlder) + deleted.sorted(by: isOlder)
    var coverage = Coverage(valid)
    for key in order {
      guard let old = served.removeValue(forKey: key) else { continue }
      if isValid(old.item) { coverage.remove(old.item) }
      guard let name = old.item.names.first(where: { !coverage.covers($0) }) else { continue }
      if isValid(old.item) { coverage.insert(old.item) }
      served[key] = old
      // Of an unsealed one the reason has been told.
      guard !old.isUnsealed || deleted.contains(key) else { continue }
      refuse(key, "deleted in etcd, kept: nothing else covers \(KeyText.text(name))")
    }
  }

  private func isOlder(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard let left = served[left]?.item, let right = served[right]?.item else { return false }
    return right.isNewer(than: left)
  }

  private var valid: [EntryBuilder.Item] {
    (served.values.map(\.item) + neighbours).filter(isValid)
  }

  private func isValid(_ item: EntryBuilder.Item) -> Bool { item.certificate.notAfter >= now }

  private mutating func refuse(_ key: [UInt8], _ reason: String) {
    let source = served[key].map(\.item.source) ?? KeyText.text(key)
    refusals.append(CertStore.Refusal(source: source, reason: reason))
  }
}

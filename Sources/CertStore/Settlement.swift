internal import TLS

/// A certificate that is served, and what it was made of.
struct ServedCertificate: Sendable {
  var item: EntryBuilder.Item
  var record: CopyRecord
}

/// Decides once what becomes of all certificates of etcd together.
///
/// Each offer is judged by itself, then the replacements against the routed hosts, then the deletions
/// against what is left: so the order in which etcd tells things does not matter, and a name never loses
/// its last certificate by a deletion or by a replacement that forgot it.
struct Settlement {
  /// Seconds since 1970.
  let now: Int64
  /// Normalised hosts that have routes, `*.` first for a wildcard.
  let hosts: [[UInt8]]
  /// Certificates that are served from elsewhere.
  let neighbours: [EntryBuilder.Item]

  private(set) var served: [[UInt8]: ServedCertificate] = [:]
  private(set) var refusals: [CertStore.Refusal] = []
  /// When the first of those that are not valid yet will be.
  private(set) var nextValidAt: Int64?
  private var replaced: [(key: [UInt8], old: ServedCertificate)] = []
  private var deleted: [[UInt8]] = []

  init(now: Int64, hosts: [[UInt8]], neighbours: [EntryBuilder.Item]) {
    self.now = now
    self.hosts = hosts
    self.neighbours = neighbours
  }

  /// What etcd has under `key`, and what is served for it so far.
  mutating func consider(_ key: [UInt8], _ offer: CertificateOffer, old: ServedCertificate?) {
    switch offer {
    case .removed: break
    case .absent:
      guard let old else { return }
      served[key] = old
      deleted.append(key)
    case .refused(let reason):
      served[key] = old
      refuse(key, reason)
    case .certificate(let certificate, let record, let name):
      if var same = old, same.item.certificate == certificate {
        // One that expires while it is served goes on.
        same.item.source = name
        same.record = record
        served[key] = same
        return
      }
      do throws(CertificateError) {
        let item = try EntryBuilder.Item(certificate, source: name, now: now)
        served[key] = ServedCertificate(item: item, record: record)
        if let old { replaced.append((key, old)) }
      } catch {
        served[key] = old
        refuse(key, "\(error)")
        if case .notYetValid(let from) = error { nextValidAt = min(from, nextValidAt ?? from) }
      }
    }
  }

  /// Judges replacements and deletions, after everything was considered.
  mutating func conclude() {
    takeBackWhatUncovers()
    delete()
  }

  private mutating func takeBackWhatUncovers() {
    var open = replaced.filter { isValid($0.old.item) }
    while !open.isEmpty {
      let coverage = Coverage(valid)
      // One at a time: the old certificate may cover what another replacement has lost.
      var found: (index: Int, host: [UInt8])?
      search: for index in open.indices {
        let entry = Coverage([open[index].old.item])
        for host in hosts where entry.covers(host) && !coverage.covers(host) {
          found = (index, host)
          break search
        }
      }
      guard let found else { return }
      let (key, old) = open.remove(at: found.index)
      served[key] = old
      refuse(
        key, "it would leave the routed host \(KeyText.text(found.host)) without a certificate")
    }
  }

  /// The shortest-lived goes first, so that of two for one name the better one stays.
  private mutating func delete() {
    let order = deleted.sorted { end($0) < end($1) }
    for key in order {
      guard let old = served.removeValue(forKey: key) else { continue }
      let coverage = Coverage(valid)
      guard let name = old.item.names.first(where: { !coverage.covers($0) }) else { continue }
      served[key] = old
      refuse(key, "deleted in etcd, kept: nothing else covers \(KeyText.text(name))")
    }
  }

  private func end(_ key: [UInt8]) -> Int64 { served[key]?.item.certificate.notAfter ?? 0 }

  private var valid: [EntryBuilder.Item] {
    (served.values.map(\.item) + neighbours).filter(isValid)
  }

  private func isValid(_ item: EntryBuilder.Item) -> Bool { item.certificate.notAfter >= now }

  private mutating func refuse(_ key: [UInt8], _ reason: String) {
    let source = served[key].map(\.item.source) ?? KeyText.text(key)
    refusals.append(CertStore.Refusal(source: source, reason: reason))
  }
}

/// The names that a set of certificates answers for.
struct Coverage {
  private let names: NameTable<Bool>

  init(_ items: [EntryBuilder.Item]) {
    names = NameTable(items.flatMap(\.names).map { ($0, true) })
  }

  /// Whether a host, or a wildcard as a whole, is covered.
  func covers(_ name: [UInt8]) -> Bool { names.lookup(name.span) != nil }
}

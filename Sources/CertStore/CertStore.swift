package import TLS

/// The certificates that are served, kept in step with where they come from: directories, etcd, or both.
///
/// All feed one index. Where two have a certificate for a name, the newer one answers, wherever it comes
/// from; one of each kind of key may stand side by side.
///
/// An expired certificate is refused at the start, and as a replacement: the port is bound only
/// with a valid one, because a browser goes from a closed port to the next server, and from a
/// warning page nowhere. One that expires while it is served goes on: its whole fleet has the same
/// one, so closing would leave no server at all, and users who ignore the warning are still served.
package final class CertStore {
  /// What became of one source in the last load.
  package struct Refusal: Sendable, Hashable {
    package let source: String
    package let reason: String
    /// The pair from before goes on, and another half of the new one may be on its way.
    package let mayBeHalfWritten: Bool

    package init(source: String, reason: String, mayBeHalfWritten: Bool = false) {
      self.source = source
      self.reason = reason
      self.mayBeHalfWritten = mayBeHalfWritten
    }
  }

  private let directories: [DirectoryCertificates]
  /// What etcd has told; `nil` where it is not asked.
  package private(set) var etcd: EtcdCertificates?
  private let defaultName: String?
  /// For whatever is read here.
  package let tools: ParsingTools
  package private(set) var index = CertificateIndex.empty
  /// When everything was judged last, in seconds since 1970, and for how long that stays the same.
  private var judgedAt: Int64 = 0
  private var unchanged: UnchangedTime?

  package convenience init(
    directory: CertificateDirectory?, etcd: EtcdCertificates? = nil, defaultName: String?
  ) {
    self.init(
      directories: directory.map { [$0] } ?? [], etcd: etcd, defaultName: defaultName)
  }

  package init(
    directories: [CertificateDirectory], etcd: EtcdCertificates?, defaultName: String?
  ) {
    let tools = ParsingTools()
    self.tools = tools
    self.directories = directories.map { DirectoryCertificates($0, tools) }
    self.etcd = etcd
    self.defaultName = defaultName
  }

  package var refusals: [Refusal] {
    directories.flatMap(\.refusals) + (etcd?.refusals ?? [])
  }

  private var directoryItems: [EntryBuilder.Item] { directories.flatMap(\.items) }

  /// Whether loading at `now` would come to the same as far as dates are concerned.
  ///
  /// Otherwise one that was refused has become valid, one that is served has ended, or the clock was set.
  package func holds(at now: Int64) -> Bool { unchanged?.contains(now) ?? true }

  /// Hosts that have routes, normalised, `*.` first for a wildcard: no change leaves them uncovered.
  ///
  /// What this changes shows after the next `load`.
  package func route(_ hosts: [[UInt8]]) {
    for directory in directories { directory.routedHosts = hosts }
    etcd?.routedHosts = hosts
  }

  /// Reads the directories again and judges everything by the time; `true` when the index has changed.
  package func load(now: Int64) -> Bool {
    var isChanged = false
    for directory in directories {
      let others = directories.filter { $0 !== directory }.flatMap(\.items)
      if directory.load(now: now, elsewhere: others + (etcd?.items ?? [])) { isChanged = true }
    }
    judgedAt = now
    return settle(isChanged) { $0.settle(now: now) }
  }

  /// Takes what etcd tells (`EtcdCertificates` has the inputs); `true` when the index has changed.
  package func update(_ input: (inout EtcdCertificates) -> Bool) -> Bool {
    settle(false, input)
  }

  private func settle(_ directoryChanged: Bool, _ input: (inout EtcdCertificates) -> Bool) -> Bool {
    var isChanged = directoryChanged
    if var next = etcd.take() {
      next.neighbours = directoryItems
      if input(&next) { isChanged = true }
      judgedAt = next.judgedAt
      etcd = next
    }
    // Where one that is served has ended, another may have to answer. At first there is no index yet,
    // though etcd may have been judged by the store before this one.
    let isOver = !(unchanged?.contains(judgedAt) ?? false)
    var together = UnchangedTime()
    for directory in directories { together.intersect(directory.unchanged) }
    if let etcd { together.intersect(etcd.unchanged) }
    unchanged = together
    guard isChanged || isOver else { return false }
    let items = directoryItems + (etcd?.items ?? [])
    let next = CertificateIndex(
      items, defaultName: defaultName, now: judgedAt, previous: index.entries)
    guard isChanged || !next.answers(as: index) else { return false }
    index = next
    return true
  }
}

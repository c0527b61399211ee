/// The certificates that are served, kept in step with where they come from: a directory, etcd, or both.
///
/// Both feed one index. Where both have a certificate for a name, the one that is valid longer answers,
/// wherever it comes from; one of each kind of key may stand side by side.
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
  }

  private let directory: DirectoryCertificates?
  /// What etcd has told; `nil` where it is not asked.
  package private(set) var etcd: EtcdCertificates?
  private let defaultName: String?
  package private(set) var index = CertificateIndex.empty

  package init(
    directory: CertificateDirectory?, etcd: EtcdCertificates? = nil, defaultName: String?
  ) {
    self.directory = directory.map { DirectoryCertificates($0) }
    self.etcd = etcd
    self.defaultName = defaultName
  }

  package var refusals: [Refusal] { (directory?.refusals ?? []) + (etcd?.refusals ?? []) }

  /// When the next of the refused certificates becomes valid, in seconds since 1970; loading again
  /// then takes it.
  package var nextValidAt: Int64? {
    [directory?.nextValidAt, etcd?.nextValidAt].compactMap { $0 }.min()
  }

  /// Reads the directory again and judges everything by the time; `true` when the index has changed.
  package func load(now: Int64) -> Bool {
    let isChanged = directory?.load(now: now, elsewhere: etcd?.items ?? []) ?? false
    return settle(isChanged) { $0.settle(now: now) }
  }

  /// Takes what etcd tells (`EtcdCertificates` has the inputs); `true` when the index has changed.
  package func update(_ input: (inout EtcdCertificates) -> Bool) -> Bool {
    settle(false, input)
  }

  private func settle(_ directoryChanged: Bool, _ input: (inout EtcdCertificates) -> Bool) -> Bool {
    var isChanged = directoryChanged
    if var next = etcd.take() {
      next.neighbours = directory?.items ?? []
      if input(&next) { isChanged = true }
      etcd = next
    }
    guard isChanged else { return false }
    let items = (directory?.items ?? []) + (etcd?.items ?? [])
    index = CertificateIndex(
      entries: EntryBuilder.entries(items.sorted { $0.source < $1.source }),
      defaultName: defaultName)
    return true
  }
}

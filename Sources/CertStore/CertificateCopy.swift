package import TLS

/// The last good certificates of etcd on disk, so that a server that starts without etcd serves.
///
/// Each certificate is one file, replaced whole or not at all, so that whatever happens in between, every
/// file is a good certificate of some moment. A file that was damaged is refused with its reason and the
/// others are used; what is read is then judged like what etcd tells. Private keys lie there as etcd had
/// them, encrypted or plain, in files of mode 0600.
package final class CertificateCopy {
  private let directory: PrivateDirectory
  /// SHA-256 of what each file is known to hold.
  private var digests: [String: [UInt8]] = [:]
  /// What is being written.
  private var saving: Saving?

  private struct Saving {
    var left: ArraySlice<CopyRecord>
    var wanted: Set<String> = []
    var failure: CopyError?
    var isWritten = false
  }

  private static let ticketKeysName = "ticket-keys"

  package init(_ path: String) { directory = PrivateDirectory(path: path) }

  // MARK: Certificates

  /// What the copy holds and what in it was refused; nothing where there is no copy yet.
  package func load() throws(CopyError) -> (
    records: [CopyRecord], refusals: [CertStore.Refusal]
  ) {
    directory.removeLeftovers()
    var records: [CopyRecord] = []
    var refusals: [CertStore.Refusal] = []
    for name in try directory.names() where CopyFile.isName(name) {
      let path = directory.path(name)
      guard records.count < EtcdCertificates.sourcesMax else {
        refusals.append(
          CertStore.Refusal(
            source: path,
            reason: "it is not read: there are more than \(EtcdCertificates.sourcesMax) files"))
        break
      }
      do throws(CopyError) {
        guard let bytes = try directory.read(name, bytesMax: CopyFile.bytesMax) else { continue }
        guard let record = CopyFile.decode(bytes) else {
          throw .refused(path: path, reason: "the file is damaged")
        }
        guard CopyFile.name(record.key) == name else {
          throw .refused(path: path, reason: "the file has the name of another certificate")
        }
        digests[name] = Hash.sha256(bytes)
        records.append(record)
      } catch {
        refusals.append(CertStore.Refusal(source: path, reason: Self.reason(error)))
      }
    }
    return (records, refusals)
  }

  private static func reason(_ error: CopyError) -> String {
    switch error {
    case .failed(_, let error): "\(error)"
    case .refused(_, let reason): reason
    }
  }

  /// Makes the copy hold these and no others; files that are right already are left alone.
  ///
  /// After an error what could be written is, and nothing was taken away; the first error is thrown.
  package func save(_ records: [CopyRecord]) throws(CopyError) {
    try begin(records)
    while try !proceed(files: records.count + 1) {}
  }

  /// Begins to make the copy hold these and no others; what was begun before is given up.
  package func begin(_ records: [CopyRecord]) throws(CopyError) {
    saving = nil
    try directory.prepare()
    saving = Saving(left: records[...])
  }

  /// Goes on with the next `files`; `true` once all are done.
  ///
  /// Each file that is written waits for the disk, so that ten thousand take a minute.
  package func proceed(files: Int) throws(CopyError) -> Bool {
    guard var now = saving.take() else { return true }
    for record in now.left.prefix(files) {
      let name = CopyFile.name(record.key)
      now.wanted.insert(name)
      do throws(CopyError) {
        let bytes = CopyFile.encode(record)
        let isReadable = { CopyFile.decode(bytes) == record }
        if try put(name, bytes, bytesMax: CopyFile.bytesMax, isReadable: isReadable) {
          now.isWritten = true
        }
      } catch {
        now.failure = now.failure ?? error
      }
    }
    now.left = now.left.dropFirst(files)
    guard now.left.isEmpty else {
      saving = now
      return false
    }
    try conclude(now)
    return true
  }

  private func conclude(_ done: Saving) throws(CopyError) {
    if done.isWritten { try directory.sync() }
    if let failure = done.failure { throw failure }
    let surplus = try directory.names().filter { CopyFile.isName($0) && !done.wanted.contains($0) }
    guard !surplus.isEmpty else { return }
    for name in surplus {
      digests[name] = nil
      try directory.remove(name)
    }
    try directory.sync()
  }

  // MARK: Ticket keys

  /// The keyring that was saved last; `nil` where there is none.
  package func loadTicketKeys(
    with keys: EncryptionKeys?
  ) throws(CopyError) -> TicketKeyring? {
    let name = Self.ticketKeysName
    guard let bytes = try directory.read(name, bytesMax: TicketKeyring.encodedBytesMax) else {
      return nil
    }
    do throws(TicketKeyringError) {
      return try TicketKeyring(decoding: bytes, with: keys)
    } catch {
      throw .refused(path: directory.path(name), reason: "\(error)")
    }
  }

  /// Keeps a keyring, encoded as etcd has it.
  package func saveTicketKeys(_ encoded: [UInt8]) throws(CopyError) {
    try directory.prepare()
    if try put(Self.ticketKeysName, encoded, bytesMax: TicketKeyring.encodedBytesMax) {
      try directory.sync()
    }
  }

  // MARK: Files

  /// Writes a file that does not hold `bytes` yet; `true` when it did not.
  ///
  /// What could not be read back is not written, because it would take a good file's place.
  private func put(
    _ name: String, _ bytes: [UInt8], bytesMax: Int, isReadable: () -> Bool = { true }
  ) throws(CopyError) -> Bool {
    let digest = Hash.sha256(bytes)
    if let known = digests[name], known == digest, directory.has(name) { return false }
    if let old = try? directory.read(name, bytesMax: bytesMax), old == bytes {
      digests[name] = digest
      return false
    }
    guard isReadable() else {
      throw .refused(path: directory.path(name), reason: "it could not be read back")
    }
    digests[name] = nil
    try directory.write(name, bytes)
    digests[name] = digest
    return true
  }
}

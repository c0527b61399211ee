internal import TLS

/// What etcd has for one certificate now.
enum CertificateOffer: Sendable {
  case absent
  /// The operator has said that the certificate is to go.
  case removed
  /// It reads well; its dates and what it would do to others are judged when it is to be served.
  case certificate(Certificate, CopyRecord, name: String)
  case refused(String)

  /// The first line of a value that confirms a removal.
  private static let tombstone = Array("EDGEPROXY REMOVED".utf8)

  /// Reads a value as a stranger's.
  init(_ stored: StoredValue, keys: EncryptionKeys?) {
    if Self.isTombstone(stored.value) {
      self = .removed
      return
    }
    do throws(CertificateError) {
      let bundle = try CertificateBundle(reading: stored.value, keys: keys)
      self = .certificate(
        bundle.certificate, CopyRecord([stored]), name: KeyText.text(stored.key))
    } catch {
      self = .refused("\(error)")
    }
  }

  static func isTombstone(_ value: [UInt8]) -> Bool {
    var line = value.prefix(64).prefix { $0 != UInt8(ascii: "\n") }
    while let last = line.last, last == 0x20 || last == 0x09 || last == 0x0d { line.removeLast() }
    return line == tombstone[...]
  }
}

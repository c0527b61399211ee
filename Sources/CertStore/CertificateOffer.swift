internal import TLS

/// What etcd has for one certificate now.
enum CertificateOffer: Sendable {
  case absent
  /// The operator has said that the certificate is to go.
  case removed
  /// It reads well; its dates and what it would do to others are judged when it is to be served.
  case certificate(Certificate, CopyRecord, name: String)
  case refused(String)

  /// Reads a value as a stranger's.
  init(_ stored: StoredValue, keys: EncryptionKeys?) {
    if Tombstone.isOne(stored.value) {
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
}

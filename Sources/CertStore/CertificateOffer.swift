internal import TLS

/// What etcd has for one certificate now.
enum CertificateOffer: Sendable {
  case absent
  /// The operator has said that the certificate is to go.
  case removed
  /// It reads well; its dates and what it would do to others are judged when it is to be served.
  ///
  /// One that `isUnsealed` has a plain key although there are encryption keys; such a one comes from
  /// this server's own copy alone.
  case certificate(Certificate, CopyRecord, name: String, isUnsealed: Bool = false)
  case refused(String)

  /// Reads a value as a stranger's.
  ///
  /// A certificate that this server kept from before there were encryption keys is served until
  /// etcd has the same encrypted: an attacker who can only write to etcd cannot write to the copy.
  init(
    _ stored: StoredValue, keys: EncryptionKeys?, isCopy: Bool = false, with tools: ParsingTools
  ) {
    if Tombstone.isOne(stored.value) {
      self = .removed
      return
    }
    do throws(CertificateError) {
      let bundle = try CertificateBundle(
        reading: stored.value, keys: keys, allowsPlain: isCopy, with: tools)
      self = .certificate(
        bundle.certificate, CopyRecord([stored]), name: KeyText.text(stored.key),
        isUnsealed: bundle.isPlain && keys != nil)
    } catch {
      self = .refused("\(error)")
    }
  }

  var isUnsealed: Bool {
    if case .certificate(_, _, _, isUnsealed: true) = self { true } else { false }
  }
}

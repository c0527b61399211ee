internal import COpenSSL

/// The certificate of a server of the fleet, as far as it is told to others.
package struct NodeCertificate: Equatable, Sendable {
  /// SHA-256 of its DER.
  package let fingerprint: [UInt8]
  /// The common name: which server it is.
  package let node: String
  /// Seconds since 1970.
  package let notAfter: Int64

  /// What the text of one may measure, in bytes.
  package static let bytesMax = 16 << 10

  /// Reads the first certificate of PEM text; `nil` where there is none.
  package init?(pem: [UInt8]) {
    guard pem.count <= Self.bytesMax else { return nil }
    ERR_clear_error()
    defer { ERR_clear_error() }
    // SAFETY: the certificate is ours, and freed when all has been copied out of it.
    guard let certificate = unsafe PEMText.certificate(pem) else { return nil }
    defer { unsafe X509_free(certificate) }
    guard let fingerprint = unsafe CertificateFacts.fingerprint(certificate),
      let node = unsafe Self.commonName(certificate),
      let notAfter = unsafe CertificateFacts.seconds(X509_get0_notAfter(certificate))
    else { return nil }
    self.fingerprint = fingerprint
    self.node = node
    self.notAfter = notAfter
  }

  private static func commonName(_ certificate: OpaquePointer) -> String? {
    let subject = unsafe X509_get_subject_name(certificate)
    let place = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
    guard place >= 0,
      let text = unsafe X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place))
    else { return nil }
    let count = Int(unsafe ASN1_STRING_length(text))
    // SAFETY: the certificate owns the text and lives until it is copied.
    let bytes = unsafe UnsafeBufferPointer(start: ASN1_STRING_get0_data(text), count: count)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }
}

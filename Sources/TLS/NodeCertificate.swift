internal import COpenSSL
internal import Glibc

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
    // SAFETY: the BIO reads the array's memory within the closure that lends it.
    let found = unsafe pem.withUnsafeBytes { raw -> OpaquePointer? in
      guard let bio = unsafe BIO_new_mem_buf(raw.baseAddress, Int32(raw.count)) else { return nil }
      defer { unsafe BIO_free(bio) }
      return unsafe PEM_read_bio_X509(bio, nil, refusePassphrase, nil)
    }
    guard let certificate = unsafe found else { return nil }
    defer { unsafe X509_free(certificate) }
    var digest = [UInt8](repeating: 0, count: Fingerprint.count)
    // SAFETY: the digest has the size that SHA-256 writes.
    guard unsafe X509_digest(certificate, EVP_sha256(), &digest, nil) == 1,
      let node = unsafe Self.commonName(certificate)
    else { return nil }
    fingerprint = digest
    self.node = node
    var parts = unsafe tm()
    guard unsafe ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 else { return nil }
    notAfter = Int64(unsafe timegm(&parts))
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

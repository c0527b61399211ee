internal import COpenSSL

/// How an authority is asked about a certificate of its own, RFC 9773 §4.1: the key identifier of who
/// issued it and its serial number, in Base64 with a dot between them.
package enum CertificateIdentifier {
  /// For the first certificate of PEM text; `nil` where there is none, or it names no key of its issuer.
  package static func text(of chainPEM: [UInt8]) -> String? {
    guard chainPEM.count <= Certificate.bytesMax else { return nil }
    ERR_clear_error()
    defer { ERR_clear_error() }
    // SAFETY: the callee frees what it is given.
    return unsafe text(owned: PEMText.certificate(chainPEM))
  }

  package static func text(of certificate: Certificate) -> String? {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard let first = certificate.chain.first else { return nil }
    // SAFETY: as above.
    return unsafe text(owned: SetContext.parse(first))
  }

  /// Frees the certificate.
  private static func text(owned certificate: OpaquePointer?) -> String? {
    guard let certificate = unsafe certificate else { return nil }
    // SAFETY: the certificate is ours and owns key identifier and serial number, which are copied before
    // it is freed; the length is that of the identifier.
    defer { unsafe X509_free(certificate) }
    guard let identifier = unsafe X509_get0_authority_key_id(certificate) else { return nil }
    let count = Int(unsafe ASN1_STRING_length(identifier))
    let bytes = unsafe Array(
      UnsafeBufferPointer(start: ASN1_STRING_get0_data(identifier), count: count))
    let serial = unsafe PEMObjects.encoded {
      unsafe i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), $0)
    }
    guard !bytes.isEmpty, let value = content(serial) else { return nil }
    return "\(Base64URL.encode(bytes)).\(Base64URL.encode(value))"
  }

  /// The value of a short DER integer without tag and length, a leading zero byte included.
  private static func content(_ der: [UInt8]) -> [UInt8]? {
    guard der.count > 2, der[1] < 0x80, Int(der[1]) == der.count - 2 else { return nil }
    return Array(der.dropFirst(2))
  }
}

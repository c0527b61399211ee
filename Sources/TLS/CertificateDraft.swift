internal import COpenSSL

/// A certificate while it is made, or one that issues.
// SAFETY: this object owns the certificate and frees it once, in `deinit`; OpenSSL gets it for
// calls only, and copies names, extensions and keys.
@safe
final class CertificateDraft {
  private let raw: OpaquePointer

  init(pem: [UInt8]) throws(TLSError) {
    ERR_clear_error()
    guard let found = unsafe PEMText.certificate(pem) else {
      throw TLSError(draining: "PEM_read_bio_X509")
    }
    unsafe raw = found
  }

  init(
    name: String, key: SigningKey, from: Int64, until: Int64
  ) throws(TLSError) {
    ERR_clear_error()
    guard let made = unsafe X509_new() else { throw TLSError(draining: "X509_new") }
    unsafe raw = made
    let text = Array(name.utf8)
    // SAFETY: OpenSSL copies the name; everything set belongs to the certificate.
    let isMade =
      unsafe X509_set_version(made, 2) == 1
      && Self.setSerial(made)
      && ASN1_TIME_set(X509_getm_notBefore(made), Int(from)) != nil
      && ASN1_TIME_set(X509_getm_notAfter(made), Int(until)) != nil
      && X509_NAME_add_entry_by_txt(
        X509_get_subject_name(made), "CN", MBSTRING_UTF8, text, Int32(text.count), -1, 0) == 1
      && X509_set_pubkey(made, key.raw) == 1
    guard isMade else { throw TLSError(draining: "X509") }
  }

  deinit { unsafe X509_free(raw) }

  /// 127 random bits: positive, and never the same twice.
  private static func setSerial(_ certificate: OpaquePointer) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 16)
    guard unsafe RAND_bytes(&bytes, 16) == 1 else { return false }
    bytes[0] &= 0x7f
    let number = unsafe BN_bin2bn(bytes, 16, nil)
    defer { unsafe BN_free(number) }
    return unsafe BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil
  }

  /// Adds an extension in OpenSSL's words.
  func add(_ identifier: Int32, _ value: String) throws(TLSError) {
    // SAFETY: the extension is ours until `add` below frees it.
    unsafe try add(X509V3_EXT_conf_nid(nil, nil, identifier, value))
  }

  /// Adds an extension that OpenSSL has no name for: its object identifier, and its value in DER.
  func add(_ identifier: String, _ value: String) throws(TLSError) {
    // SAFETY: as above.
    unsafe try add(X509V3_EXT_conf(nil, nil, identifier, value))
  }

  /// Frees the extension, which is copied.
  private func add(_ made: OpaquePointer?) throws(TLSError) {
    guard let made = unsafe made else { throw TLSError(draining: "X509V3_EXT_conf") }
    defer { unsafe X509_EXTENSION_free(made) }
    guard unsafe X509_add_ext(raw, made, -1) == 1 else { throw TLSError(draining: "X509_add_ext") }
  }

  func sign(
    issuer: CertificateDraft, with key: SigningKey
  ) throws(TLSError) {
    guard unsafe X509_set_issuer_name(raw, X509_get_subject_name(issuer.raw)) == 1,
      unsafe X509_sign(raw, key.raw, EVP_sha256()) > 0
    else { throw TLSError(draining: "X509_sign") }
  }

  func pem() throws(TLSError) -> [UInt8] {
    unsafe try PEMText.write { bio in unsafe PEM_write_bio_X509(bio, raw) }
  }
}

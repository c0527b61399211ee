internal import COpenSSL

/// What a certificate is asked for with, RFC 2986: the public key, and the names as the only content.
///
/// The subject stays empty, since a common name may have 64 bytes at most and says nothing besides.
package enum CertificateRequest {
  /// How many names one certificate may have; public authorities take no more.
  package static let namesMax = 100

  /// The request in DER, signed by the key.
  ///
  /// `mustStaple` asks for the TLS feature status_request (RFC 7633).
  package static func der(
    names: [String], key: SigningKey, mustStaple: Bool = false
  ) throws(TLSError) -> [UInt8] {
    ERR_clear_error()
    let text = try SubjectNames.text(names)
    // SAFETY: request and list are ours and freed here; OpenSSL copies the extensions and counts a
    // reference to the key.
    guard let request = unsafe X509_REQ_new(),
      let extensions = unsafe shim_sk_X509_EXTENSION_new_null()
    else { throw TLSError(draining: "X509_REQ_new") }
    defer {
      unsafe X509_REQ_free(request)
      unsafe shim_sk_X509_EXTENSION_pop_free(extensions)
    }
    unsafe try add(NID_subject_alt_name, text, to: extensions)
    if mustStaple { unsafe try add(NID_tlsfeature, "status_request", to: extensions) }
    guard unsafe X509_REQ_set_version(request, 0) == 1,
      unsafe X509_REQ_set_pubkey(request, key.raw) == 1,
      unsafe X509_REQ_add_extensions(request, extensions) == 1,
      unsafe X509_REQ_sign(request, key.raw, EVP_sha256()) > 0
    else { throw TLSError(draining: "X509_REQ_sign") }
    return unsafe PEMObjects.encoded { unsafe i2d_X509_REQ(request, $0) }
  }

  private static func add(
    _ identifier: Int32, _ value: String, to list: OpaquePointer
  ) throws(TLSError) {
    // SAFETY: the list owns what was put into it; what it did not take is freed here.
    guard let made = unsafe X509V3_EXT_conf_nid(nil, nil, identifier, value) else {
      throw TLSError(draining: "X509V3_EXT_conf_nid")
    }
    guard unsafe shim_sk_X509_EXTENSION_push(list, made) > 0 else {
      unsafe X509_EXTENSION_free(made)
      throw TLSError(draining: "sk_X509_EXTENSION_push")
    }
  }
}

/// DNS names as OpenSSL takes them for a subject alternative name.
enum SubjectNames {
  /// The longest DNS name in text, RFC 1035 §2.3.4.
  private static let nameBytesMax = 253

  /// Throws where a name has other characters than DNS names have: the text is a small language.
  static func text(_ names: [String]) throws(TLSError) -> String {
    guard (1...CertificateRequest.namesMax).contains(names.count) else {
      throw TLSError(
        "subjectAltName",
        reason: "\(names.count) names instead of 1 to \(CertificateRequest.namesMax)")
    }
    for name in names {
      guard (1...nameBytesMax).contains(name.utf8.count), name.utf8.allSatisfy(isOfName) else {
        throw TLSError("subjectAltName", reason: "'\(name)' is no DNS name")
      }
    }
    return names.map { "DNS:" + $0 }.joined(separator: ",")
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "*"):
      true
    default: false
    }
  }
}

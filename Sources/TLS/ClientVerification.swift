internal import COpenSSL

/// A client whose certificate was verified: what the certificate says of it, as ASCII text.
package struct VerifiedClient: Sendable, Equatable {
  /// The distinguished names as RFC 4514 writes them: `CN=printer 7,O=Example`.
  package let subject: [UInt8]
  package let issuer: [UInt8]
  /// The serial number in hexadecimal, upper case.
  package let serial: [UInt8]
  /// SHA-256 of the certificate in DER, in hexadecimal, lower case.
  package let fingerprint: [UInt8]
}

/// Why a client's certificate is refused.
package struct ClientRefusal: Error, Equatable, Sendable {
  package let reason: String
  /// The subject, from a certificate that nobody vouches for; empty where it cannot be told.
  package let subject: [UInt8]

  package init(reason: String, subject: [UInt8] = []) {
    self.reason = reason
    self.subject = subject
  }
}

/// Verifies what a client has shown, RFC 5280 §6.
///
/// Each certificate of the file is trusted by itself, also one that another has issued. Everything else
/// comes from a stranger: bounds on it come before the work that it makes.
// SAFETY: OpenSSL calls with a verification that lives for the length of the call and owns the
// certificates; what is needed of them is copied.
enum ClientVerification {
  /// All certificates that a client sends.
  static let chainBytesMax = 32 * 1024
  /// Between the client's own certificate and one of the file.
  private static let intermediatesMax: Int32 = 4
  /// Larger keys take the loop from other clients.
  private static let rsaBitsMax: Int32 = 8192
  /// 112 bits, as the security level 2 of OpenSSL: RSA of 2048 bits, SHA-224 and more.
  private static let securityLevel: Int32 = 2
  /// Applications get both names in one request head.
  private static let nameBytesMax = 2048
  /// RFC 5280 §4.1.2.2 allows 20 bytes.
  private static let serialDigitsMax = 64

  static func verify(_ verification: OpaquePointer) throws(ClientRefusal) -> VerifiedClient {
    defer { ERR_clear_error() }
    guard let leaf = unsafe X509_STORE_CTX_get0_cert(verification),
      let settings = unsafe X509_STORE_CTX_get0_param(verification)
    else { throw unsafe refused(verification, "there is none to verify") }
    if let mistake = unsafe mistake(inKeys: X509_STORE_CTX_get0_untrusted(verification)) {
      throw unsafe refused(verification, mistake)
    }
    unsafe X509_VERIFY_PARAM_set_flags(settings, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    unsafe X509_VERIFY_PARAM_set_depth(settings, intermediatesMax)
    unsafe X509_VERIFY_PARAM_set_auth_level(settings, securityLevel)
    unsafe X509_VERIFY_PARAM_set_purpose(settings, X509_PURPOSE_SSL_CLIENT)
    guard unsafe X509_verify_cert(verification) == 1 else {
      let reason = unsafe Self.reason(
        X509_STORE_CTX_get_error(verification), X509_STORE_CTX_get_error_depth(verification))
      throw unsafe ClientRefusal(
        reason: reason, subject: name(X509_get_subject_name(leaf)) ?? [])
    }
    guard let client = unsafe client(leaf) else {
      throw unsafe refused(verification, "its names or its serial number are too long")
    }
    return client
  }

  /// A refusal of ours, of which OpenSSL tells the client.
  private static func refused(_ verification: OpaquePointer, _ reason: String) -> ClientRefusal {
    unsafe X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION)
    return ClientRefusal(reason: reason)
  }

  /// What is wrong with the keys of certificates that are not verified yet; `nil` for nothing.
  private static func mistake(inKeys shown: OpaquePointer?) -> String? {
    for index in 0..<max(0, unsafe shim_sk_X509_num(shown)) {
      guard let certificate = unsafe shim_sk_X509_value(shown, index),
        let key = unsafe X509_get0_pubkey(certificate)
      else { return "a key of its chain cannot be read" }
      switch unsafe EVP_PKEY_get_base_id(key) {
      case EVP_PKEY_RSA:
        if unsafe EVP_PKEY_get_bits(key) > rsaBitsMax {
          return "an RSA key of its chain has more than \(rsaBitsMax) bits"
        }
      case EVP_PKEY_EC:
        if unsafe !ChainVerification.hasNamedCurve(certificate) {
          return "an EC key of its chain has explicit parameters"
        }
      case EVP_PKEY_ED25519, EVP_PKEY_ED448: break
      default: return "a key of its chain is neither RSA nor ECDSA nor EdDSA"
      }
    }
    return nil
  }

  /// The place is 0 for the client's own certificate.
  private static func reason(_ code: Int32, _ place: Int32) -> String {
    let which = place == 0 ? "it" : "certificate \(place + 1) of its chain"
    switch code {
    case X509_V_ERR_CERT_HAS_EXPIRED: return "\(which) has expired"
    case X509_V_ERR_CERT_NOT_YET_VALID: return "\(which) is not valid yet"
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return "it is self-signed"
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "no authority of the file has issued it"
    case X509_V_ERR_INVALID_PURPOSE:
      return place == 0
        ? "it is not for clients: its key usage, or 'clientAuth' is missing"
        : "\(which) may not issue certificates for clients"
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
      return "its chain has more than \(intermediatesMax) certificates between it and an authority"
    // Made by an authority of that name with another key, or changed on its way.
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "\(which) names an issuer whose key did not sign it"
    default:
      // SAFETY: OpenSSL's text for a number of its own is a constant.
      let text = unsafe String(cString: X509_verify_cert_error_string(Int(code)))
      return place == 0 ? text : "\(which): \(text)"
    }
  }

  /// What the certificate says; `nil` for what applications cannot be told.
  private static func client(_ leaf: OpaquePointer) -> VerifiedClient? {
    guard let subject = unsafe name(X509_get_subject_name(leaf)),
      let issuer = unsafe name(X509_get_issuer_name(leaf)),
      let fingerprint = unsafe CertificateFacts.fingerprint(leaf)
    else { return nil }
    let serial = Array(unsafe CertificateFacts.serial(leaf).utf8)
    guard !serial.isEmpty, serial.count <= serialDigitsMax else { return nil }
    return VerifiedClient(
      subject: subject, issuer: issuer, serial: serial,
      fingerprint: hexadecimal(fingerprint))
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  }

  /// A distinguished name, RFC 4514: all but printable ASCII is escaped.
  private static func name(_ name: OpaquePointer?) -> [UInt8]? {
    let text = try? unsafe PEMText.write { bio in
      unsafe X509_NAME_print_ex(bio, name, 0, shim_XN_FLAG_RFC2253()) >= 0 ? 1 : 0
    }
    guard let text, text.count <= nameBytesMax,
      text.allSatisfy({ (0x20...0x7e).contains($0) })
    else { return nil }
    return text
  }
}

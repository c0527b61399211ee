internal import COpenSSL

/// Verifies a chain as a client does that trusts its last certificate.
///
/// Dates are left out: they are judged when the certificate is to be served, and again later.
// SAFETY: the caller owns the certificates, of which there is at least one, and keeps them alive for
// the length of each call; what is made here is freed here, and counts references of its own.
enum ChainVerification {
  /// 112 bits, as the security level 2 of OpenSSL: RSA of 2048 bits, SHA-224 and more.
  private static let securityLevel: Int32 = 2

  /// Throws what every client refuses.
  static func check(_ chain: [OpaquePointer]) throws(CertificateError) {
    for position in unsafe chain.indices {
      guard unsafe hasNamedCurve(chain[position]) else {
        throw .notAccepted(
          position: position + 1,
          reason: "its EC key has explicit parameters; make a key with a named curve")
      }
    }
    let isAuthority = unsafe X509_check_ca(chain[0]) == 1
    guard unsafe !isAuthority || X509_self_signed(chain[0], 0) == 1 else {
      throw .notAccepted(position: 1, reason: "it is a CA certificate, not one of a server")
    }
    unsafe try verify(chain)
  }

  /// What may be meant.
  static func warnings(_ chain: [OpaquePointer]) -> [CertificateWarning] {
    var warnings: [CertificateWarning] = []
    let leaf = unsafe chain[0]
    if unsafe X509_self_signed(leaf, 0) == 1 {
      warnings.append(.selfSigned)
    } else if unsafe chain.count == 1 {
      warnings.append(.leafOnly)
    }
    if unsafe demandsStapling(leaf) { warnings.append(.mustStaple) }
    // All bits are set where the certificate does not say.
    if unsafe X509_get_key_usage(leaf) & UInt32(KU_DIGITAL_SIGNATURE) == 0 {
      warnings.append(.noSignatureUse)
    }
    return warnings
  }

  private static func verify(_ chain: [OpaquePointer]) throws(CertificateError) {
    let store = unsafe X509_STORE_new()
    let context = unsafe X509_STORE_CTX_new()
    let others = unsafe shim_sk_X509_new_null()
    defer {
      unsafe X509_STORE_CTX_free(context)
      unsafe X509_STORE_free(store)
      unsafe shim_sk_X509_free(others)
    }
    for position in unsafe chain.indices.dropFirst() {
      _ = unsafe shim_sk_X509_push(others, chain[position])
    }
    guard unsafe X509_STORE_add_cert(store, chain[chain.count - 1]) == 1,
      unsafe X509_STORE_CTX_init(context, store, chain[0], others) == 1
    else { throw .notServable(reason: "OpenSSL has no memory") }
    let settings = unsafe X509_STORE_CTX_get0_param(context)
    let flags = UInt(X509_V_FLAG_PARTIAL_CHAIN) | UInt(X509_V_FLAG_NO_CHECK_TIME)
    unsafe X509_VERIFY_PARAM_set_flags(settings, flags)
    unsafe X509_VERIFY_PARAM_set_purpose(settings, X509_PURPOSE_SSL_SERVER)
    unsafe X509_VERIFY_PARAM_set_auth_level(settings, securityLevel)
    guard unsafe X509_verify_cert(context) == 1 else {
      throw unsafe refusal(
        X509_STORE_CTX_get_error(context),
        position: Int(X509_STORE_CTX_get_error_depth(context)) + 1)
    }
    // The path may leave out certificates that were given; then nobody has looked at them.
    let used = unsafe shim_sk_X509_num(X509_STORE_CTX_get0_chain(context))
    guard unsafe Int(used) != chain.count else { return }
    unsafe try checkSignatures(chain)
  }

  private static func checkSignatures(_ chain: [OpaquePointer]) throws(CertificateError) {
    for position in unsafe chain.indices.dropFirst() {
      let issuer = unsafe X509_get0_pubkey(chain[position])
      guard unsafe X509_verify(chain[position - 1], issuer) == 1 else {
        throw .chainBroken(position: position)
      }
    }
  }

  private static func refusal(_ code: Int32, position: Int) -> CertificateError {
    switch code {
    case X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return .chainBroken(position: position)
    case X509_V_ERR_INVALID_PURPOSE:
      return .notAccepted(
        position: position, reason: "it is not for servers: its key usage or 'serverAuth' is amiss")
    case X509_V_ERR_INVALID_CA:
      return .notAccepted(position: position, reason: "it is no CA certificate and has issued one")
    default:
      // SAFETY: OpenSSL's text for a number of its own is a constant.
      let text = unsafe String(cString: X509_verify_cert_error_string(Int(code)))
      let isWeak =
        code == X509_V_ERR_CA_KEY_TOO_SMALL || code == X509_V_ERR_CA_MD_TOO_WEAK
        || code == X509_V_ERR_EE_KEY_TOO_SMALL
      return isWeak
        ? .notServable(reason: "certificate \(position) of the chain: \(text)")
        : .notAccepted(position: position, reason: text)
    }
  }

  /// Whether an EC key names its curve, RFC 5480 §2.1.1; other keys have none to name.
  static func hasNamedCurve(_ certificate: OpaquePointer) -> Bool {
    var isExplicit: Int32 = 0
    let key = unsafe X509_get0_pubkey(certificate)
    let isEC = unsafe EVP_PKEY_get_base_id(key) == EVP_PKEY_EC
    guard isEC else { return true }
    let isTold =
      unsafe EVP_PKEY_get_int_param(
        key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &isExplicit) == 1
    return !isTold || isExplicit == 0
  }

  /// Whether a certificate has the TLS feature status_request, RFC 7633 §4.
  private static func demandsStapling(_ certificate: OpaquePointer) -> Bool {
    unsafe X509_get_ext_by_NID(certificate, NID_tlsfeature, -1) >= 0
  }
}

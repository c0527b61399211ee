internal import COpenSSL

/// The context of one certificate set.
// SAFETY: this object owns the context and frees it in `deinit`; connections count a reference of
// their own.
@safe
final class SetContext {
  let raw: OpaquePointer

  init(_ certificates: [Certificate], policy: TLSPolicy) throws(TLSError) {
    unsafe raw = try ServerContext.make(policy)
    // Asked for on the context that the handshake has switched to, where its host has a rule.
    unsafe SSL_CTX_set_cert_verify_callback(raw, clientChainArrived, nil)
    unsafe shim_SSL_CTX_set1_client_sigalgs_list(raw, ServerContext.clientSignatures)
    for certificate in certificates { try use(certificate) }
  }

  /// Takes a pair whose objects stay the caller's; one with the same kind of key makes room.
  func use(_ chain: [OpaquePointer], _ key: OpaquePointer) throws(TLSError) {
    ERR_clear_error()
    // SAFETY: the list counts a reference to each certificate of its own until it is freed here, and the
    // context those that it needs.
    let issuers = unsafe shim_sk_X509_new_null()
    defer { unsafe shim_sk_X509_pop_free(issuers) }
    unsafe chain.dropFirst().forEach {
      unsafe X509_up_ref($0)
      _ = unsafe shim_sk_X509_push(issuers, $0)
    }
    guard unsafe SSL_CTX_use_cert_and_key(raw, chain.first, key, issuers, 1) == 1 else {
      throw TLSError(draining: "SSL_CTX_use_cert_and_key")
    }
  }

  deinit { unsafe SSL_CTX_free(raw) }

  private func use(_ certificate: Certificate) throws(TLSError) {
    ERR_clear_error()
    // SAFETY: the chain owns what is put into it, the rest is freed here, and the context counts
    // references of its own. The array lends its bytes for the length of the call that reads them.
    let chain = unsafe shim_sk_X509_new_null()
    defer { unsafe shim_sk_X509_pop_free(chain) }
    var leaf: OpaquePointer?
    defer { unsafe X509_free(leaf) }
    for (index, der) in certificate.chain.enumerated() {
      guard let parsed = unsafe Self.parse(der) else { throw TLSError(draining: "d2i_X509") }
      if index == 0 { unsafe leaf = parsed } else { _ = unsafe shim_sk_X509_push(chain, parsed) }
    }
    let key = unsafe certificate.key.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      let kind = certificate.keyKind == .ecdsa ? EVP_PKEY_EC : EVP_PKEY_RSA
      return unsafe d2i_PrivateKey(kind, nil, &place, bytes.count)
    }
    defer { unsafe EVP_PKEY_free(key) }
    guard unsafe SSL_CTX_use_cert_and_key(raw, leaf, key, chain, 1) == 1 else {
      throw TLSError(draining: "SSL_CTX_use_cert_and_key")
    }
  }

  /// A certificate in DER; `nil` where it is none.
  static func parse(_ der: [UInt8]) -> OpaquePointer? {
    // SAFETY: the array lends its bytes for the length of the call that reads them; the result is
    // the caller's.
    unsafe der.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return unsafe d2i_X509(nil, &place, bytes.count)
    }
  }
}

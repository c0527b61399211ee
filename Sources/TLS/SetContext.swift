internal import COpenSSL

/// One or two certificates of different kinds for the same names, and their context once there is one.
final class CertificateSet {
  let certificates: [Certificate]
  private var context: SetContext?

  init(_ certificates: [Certificate]) { self.certificates = certificates }

  /// What tells sets apart at a glance.
  var serials: [String] { certificates.map(\.serial) }

  /// `nil` where OpenSSL has no memory: whether it serves the certificates was tried before.
  func context(_ policy: TLSPolicy) -> SetContext? {
    if context == nil { context = try? SetContext(certificates, policy: policy) }
    return context
  }
}

/// The context of one certificate set.
// SAFETY: this object owns the context and frees it in `deinit`; connections count a reference of
// their own.
@safe
final class SetContext {
  let raw: OpaquePointer

  init(_ certificates: [Certificate], policy: TLSPolicy) throws(TLSError) {
    unsafe raw = try ServerContext.make(policy)
    for certificate in certificates { try use(certificate) }
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
      return unsafe d2i_AutoPrivateKey(nil, &place, bytes.count)
    }
    defer { unsafe EVP_PKEY_free(key) }
    guard unsafe SSL_CTX_use_cert_and_key(raw, leaf, key, chain, 1) == 1 else {
      throw TLSError(draining: "SSL_CTX_use_cert_and_key")
    }
  }

  private static func parse(_ der: [UInt8]) -> OpaquePointer? {
    // SAFETY: the array lends its bytes for the length of the call that reads them; the result is
    // the caller's.
    unsafe der.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return unsafe d2i_X509(nil, &place, bytes.count)
    }
  }
}

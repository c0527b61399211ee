internal import COpenSSL

/// The context of one certificate set.
@safe
final class SetContext {
  let raw: OpaquePointer
  let certificates: [Certificate]

  init(_ certificates: [Certificate], policy: TLSPolicy) throws(TLSError) {
    unsafe raw = try ServerContext.make(policy)
    self.certificates = certificates
    for certificate in certificates { try use(certificate) }
  }

  deinit { unsafe SSL_CTX_free(raw) }

  /// What tells sets apart at a glance.
  var serials: [String] { certificates.map(\.serial) }

  private func use(_ certificate: Certificate) throws(TLSError) {
    ERR_clear_error()
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
    unsafe der.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return unsafe d2i_X509(nil, &place, bytes.count)
    }
  }
}

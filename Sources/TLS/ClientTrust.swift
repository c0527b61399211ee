internal import COpenSSL

/// The authorities of a rule as OpenSSL takes them, made once by each worker.
// SAFETY: this object owns what it has made and frees it in `deinit`; a connection counts a reference
// to the store and gets names of its own. One thread uses it.
@safe
final class ClientTrust {
  private let store: OpaquePointer
  /// What a client is told that has several certificates to choose from.
  private let names: OpaquePointer?

  /// The names that go out with each request for a certificate, in bytes; the rest is not told.
  private static let namesBytesMax = 16 * 1024

  init(_ authorities: ClientAuthorities) throws(TLSError) {
    ERR_clear_error()
    guard let store = unsafe X509_STORE_new() else { throw TLSError(draining: "X509_STORE_new") }
    unsafe self.store = unsafe store
    unsafe names = unsafe shim_sk_X509_NAME_new_null()
    var bytes = 0
    for der in authorities.certificates {
      guard let certificate = unsafe SetContext.parse(der) else {
        throw TLSError(draining: "d2i_X509")
      }
      defer { unsafe X509_free(certificate) }
      guard unsafe X509_STORE_add_cert(store, certificate) == 1 else {
        throw TLSError(draining: "X509_STORE_add_cert")
      }
      let name = unsafe X509_NAME_dup(X509_get_subject_name(certificate))
      bytes += Int(unsafe i2d_X509_NAME(name, nil))
      guard bytes <= Self.namesBytesMax, unsafe shim_sk_X509_NAME_push(names, name) > 0 else {
        unsafe X509_NAME_free(name)
        continue
      }
    }
  }

  deinit {
    unsafe X509_STORE_free(store)
    unsafe shim_sk_X509_NAME_pop_free(names)
  }

  /// Has a connection ask its client for a certificate; `false` where OpenSSL has no memory.
  ///
  /// The context of the connection has been chosen before.
  func ask(_ ssl: OpaquePointer, isRequired: Bool) -> Bool {
    let mode = SSL_VERIFY_PEER | (isRequired ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
    unsafe SSL_set_verify(ssl, mode, nil)
    unsafe shim_SSL_set_max_cert_list(ssl, ClientVerification.chainBytesMax)
    // The connection frees its list.
    unsafe SSL_set0_CA_list(ssl, SSL_dup_CA_list(names))
    return unsafe shim_SSL_set1_verify_cert_store(ssl, store) == 1
  }
}

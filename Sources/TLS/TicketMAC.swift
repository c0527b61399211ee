internal import COpenSSL

/// What OpenSSL's HMAC contexts for tickets are prepared with: HMAC-SHA-256.
///
/// The parameters lie in memory of their own, made once, so that a ticket allocates nothing for them.
@safe
final class TicketMAC {
  private let digest: UnsafeMutablePointer<CChar>
  private let parameters: UnsafeMutablePointer<OSSL_PARAM>

  init() {
    let name = Array("SHA256".utf8CString)
    // SAFETY: this object owns both allocations and frees them once, in `deinit`; each place is
    // initialized before it is read.
    unsafe digest = .allocate(capacity: name.count)
    for index in name.indices { unsafe (digest + index).initialize(to: name[index]) }
    unsafe parameters = .allocate(capacity: 2)
    unsafe parameters.initialize(to: shim_OSSL_PARAM_digest(digest))
    unsafe (parameters + 1).initialize(to: OSSL_PARAM_construct_end())
  }

  deinit {
    // SAFETY: they were allocated in `init` and hold nothing that needs an end of its own.
    unsafe parameters.deallocate()
    unsafe digest.deallocate()
  }

  func prepare(_ mac: OpaquePointer?, _ key: [UInt8]) -> Bool {
    // SAFETY: OpenSSL reads the parameters within the call, and this object owns them.
    unsafe EVP_MAC_init(mac, key, key.count, parameters) == 1
  }
}

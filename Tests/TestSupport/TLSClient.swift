internal import COpenSSL
internal import Glibc

/// A TLS client made of OpenSSL, which offers exactly what a test says and trusts everybody.
@safe
package final class TLSClient {
  package struct Offer: Sendable {
    package var serverName: String?
    package var version = Version.tls13
    /// TLS 1.2 cipher suites, as OpenSSL writes them.
    package var ciphers: String?
    /// TLS 1.3 cipher suites.
    package var suites: String?
    package var signatureAlgorithms: String?
    package var groups: String?
    package var protocols: [String] = ["http/1.1"]
    /// What an earlier client's `ticket` gave.
    package var ticket: [UInt8]?
    /// What it shows to a server that asks.
    package var identity: TestAuthority.Issued?

    /// Offers also what OpenSSL's security level would not.
    package var isLax = false

    package init(_ serverName: String?, _ version: Version = .tls13) {
      self.serverName = serverName
      self.version = version
    }
  }

  package enum Version: Sendable, CaseIterable {
    case tls11, tls12, tls13

    fileprivate var number: Int {
      switch self {
      case .tls11: Int(TLS1_1_VERSION)
      case .tls12: Int(TLS1_2_VERSION)
      case .tls13: Int(TLS1_3_VERSION)
      }
    }
  }

  package enum Step: Equatable, Sendable {
    case done
    case waiting
    /// The first reason of OpenSSL's error queue, with the alert's name where one was received.
    case failed(String)
  }

  private let context: OpaquePointer
  private let ssl: OpaquePointer

  /// A client on one end of a non-blocking socket, which stays the caller's.
  package init(_ offer: Offer, descriptor: Int32) {
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else { fatalError("SSL_CTX_new") }
    unsafe self.context = unsafe context
    let version = Int32(offer.version.number)
    unsafe shim_SSL_CTX_set_min_proto_version(context, version)
    unsafe shim_SSL_CTX_set_max_proto_version(context, version)
    // What an old client offers is the point of some tests.
    if offer.version == .tls11 || offer.isLax { unsafe SSL_CTX_set_security_level(context, 0) }
    if let ciphers = offer.ciphers { unsafe SSL_CTX_set_cipher_list(context, ciphers) }
    if let suites = offer.suites { unsafe SSL_CTX_set_ciphersuites(context, suites) }
    if let list = offer.signatureAlgorithms {
      unsafe shim_SSL_CTX_set1_sigalgs_list(context, list)
    }
    if let groups = offer.groups { unsafe shim_SSL_CTX_set1_groups_list(context, groups) }
    let list = offer.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !list.isEmpty { unsafe SSL_CTX_set_alpn_protos(context, list, UInt32(list.count)) }
    guard let ssl = unsafe SSL_new(context) else { fatalError("SSL_new") }
    unsafe self.ssl = unsafe ssl
    unsafe SSL_set_fd(ssl, descriptor)
    if let name = offer.serverName { unsafe shim_SSL_set_tlsext_host_name(ssl, name) }
    if let ticket = offer.ticket { offerTicket(ticket) }
    if let identity = offer.identity { present(identity) }
    unsafe SSL_set_connect_state(ssl)
  }

  deinit {
    unsafe SSL_free(ssl)
    unsafe SSL_CTX_free(context)
  }

  private func offerTicket(_ ticket: [UInt8]) {
    // SAFETY: OpenSSL copies what it needs out of the array within the call.
    let session = unsafe ticket.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      return unsafe d2i_SSL_SESSION(nil, &place, bytes.count)
    }
    unsafe SSL_set_session(ssl, session)
    unsafe SSL_SESSION_free(session)
  }

  /// Certificates that no server would take are shown too.
  private func present(_ identity: TestAuthority.Issued) {
    unsafe SSL_set_security_level(ssl, 0)
    unsafe Self.parse(identity.key) { bio in
      let key = unsafe PEM_read_bio_PrivateKey(bio, nil, nil, nil)
      unsafe Self.parse(identity.chain) { bio in
        let leaf = unsafe PEM_read_bio_X509(bio, nil, nil, nil)
        let issuers = unsafe shim_sk_X509_new_null()
        while let issuer = unsafe PEM_read_bio_X509(bio, nil, nil, nil) {
          _ = unsafe shim_sk_X509_push(issuers, issuer)
        }
        guard unsafe SSL_use_cert_and_key(ssl, leaf, key, issuers, 1) == 1 else {
          fatalError("SSL_use_cert_and_key")
        }
        unsafe X509_free(leaf)
        unsafe shim_sk_X509_pop_free(issuers)
      }
      unsafe EVP_PKEY_free(key)
    }
    ERR_clear_error()
  }

  private static func parse(_ pem: String, _ read: (OpaquePointer) -> Void) {
    let bytes = Array(pem.utf8)
    // SAFETY: the BIO reads the array's memory and is freed within the closure that lends it.
    unsafe bytes.withUnsafeBytes { raw in
      guard let bio = unsafe BIO_new_mem_buf(raw.baseAddress, Int32(raw.count)) else {
        fatalError("BIO_new_mem_buf")
      }
      unsafe read(bio)
      unsafe BIO_free(bio)
    }
  }

  package func handshake() -> Step {
    ERR_clear_error()
    return outcome(unsafe SSL_do_handshake(ssl))
  }

  /// Asks for new keys in the middle of a TLS 1.2 connection; `handshake` goes on with it.
  package func renegotiate() { unsafe SSL_renegotiate(ssl) }

  package func write(_ bytes: [UInt8]) -> Step {
    ERR_clear_error()
    return outcome(unsafe SSL_write(ssl, bytes, Int32(bytes.count)))
  }

  /// What is there now; empty when nothing is, `nil` when the server said goodbye or worse.
  package func read(_ limit: Int = 65_536) -> [UInt8]? {
    ERR_clear_error()
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = unsafe SSL_read(ssl, &bytes, Int32(limit))
    if count > 0 { return Array(bytes.prefix(Int(count))) }
    return outcome(count) == .waiting ? [] : nil
  }

  /// Says goodbye with close_notify.
  package func sayGoodbye() { unsafe SSL_shutdown(ssl) }

  package var hasReceivedGoodbye: Bool {
    unsafe SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN != 0
  }

  package var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// What resumes this session later: the newest ticket that has come.
  package var ticket: [UInt8]? {
    guard let session = unsafe SSL_get1_session(ssl) else { return nil }
    defer { unsafe SSL_SESSION_free(session) }
    guard unsafe SSL_SESSION_is_resumable(session) == 1 else { return nil }
    let size = Int(unsafe i2d_SSL_SESSION(session, nil))
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
      var place = bytes.baseAddress
      count = Int(unsafe i2d_SSL_SESSION(session, &place))
    }
  }

  /// The cipher suite as OpenSSL writes it.
  package var cipher: String {
    unsafe String(cString: SSL_CIPHER_get_name(SSL_get_current_cipher(ssl)))
  }

  package var chosenProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(ssl, &name, &count)
    guard unsafe name != nil else { return nil }
    // SAFETY: the SSL owns the bytes; they are copied here.
    let bytes = unsafe UnsafeBufferPointer(start: name, count: Int(count))
    return unsafe String(decoding: bytes, as: UTF8.self)
  }

  /// The server's certificate in DER.
  package var certificate: [UInt8]? {
    guard let found = unsafe SSL_get1_peer_certificate(ssl) else { return nil }
    defer { unsafe X509_free(found) }
    let size = Int(unsafe i2d_X509(found, nil))
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
      var place = bytes.baseAddress
      count = Int(unsafe i2d_X509(found, &place))
    }
  }

  private func outcome(_ result: Int32) -> Step {
    if result > 0 { return .done }
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .waiting
    case SSL_ERROR_ZERO_RETURN: return .failed("goodbye")
    default:
      let code = ERR_get_error()
      ERR_clear_error()
      guard let text = unsafe ERR_reason_error_string(code) else { return .failed("lost") }
      return unsafe .failed(String(cString: text))
    }
  }
}

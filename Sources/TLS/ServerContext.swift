internal import COpenSSL
internal import Glibc

/// The settings of a TLS listener that decide which sessions can be resumed where.
package struct TLSPolicy: Sendable, Equatable {
  package var minimumIsTLS13: Bool
  package var tickets: Bool

  package init(minimumIsTLS13: Bool, tickets: Bool) {
    self.minimumIsTLS13 = minimumIsTLS13
    self.tickets = tickets
  }
}

/// Knows which certificate belongs to which name.
package protocol CertificateSelector: AnyObject {
  /// The set for a server name as the client sent it, `nil` for none.
  func certificates(for serverName: borrowing Span<UInt8>) -> (any CertificateSet)?
  /// The set for a client that names no server.
  var fallback: (any CertificateSet)? { get }
  /// What the host of a server name asks of its clients' certificates, `nil` for nothing; the name is
  /// empty for a client that names no server.
  func clientRule(for serverName: borrowing Span<UInt8>) -> ClientRule?
  /// Whether this very set is one of those that are served.
  func serves(_ set: any CertificateSet) -> Bool
}

/// OpenSSL's context of one worker: one base for all connections and one for each certificate set.
///
/// A handshake switches to the context of its set, which its first handshake has made: a thousand of
/// them at once would keep the loop from its clients for seconds. For the same reason nothing here is
/// done for each certificate when others are installed.
// SAFETY: this object owns what it has made or fetched and frees it in `deinit`; connections count
// a reference of their own to the context. One thread uses it.
@safe
package final class ServerContext {
  let base: OpaquePointer
  private var contexts = SetContexts()
  private var challenges = ChallengeContexts()
  /// By the digests of their rules; made when they are asked for.
  private var trusts: [[UInt8]: ClientTrust] = [:]
  package var ticketKeys: TicketKeys
  /// HTTP/2 is chosen for clients that offer it, from the next handshake on.
  package var offersHTTP2 = false
  let ticketCipher: OpaquePointer
  let ticketMAC = TicketMAC()
  /// SHA-256, fetched once: asking for it by name costs as much as using it.
  private let nameDigest: OpaquePointer
  private var subject: [UInt8] = []
  private var digest = [UInt8](repeating: 0, count: 32)
  package let policy: TLSPolicy
  /// Finds the certificate for a name; it outlives the handshakes that ask it.
  package private(set) var selector: (any CertificateSelector)?

  package init(policy: TLSPolicy, ticketKeys: TicketKeys) throws(TLSError) {
    guard let cipher = unsafe EVP_CIPHER_fetch(nil, "AES-256-CBC", nil) else {
      throw TLSError(draining: "EVP_CIPHER_fetch")
    }
    guard let nameDigest = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
      unsafe EVP_CIPHER_free(cipher)
      throw TLSError(draining: "EVP_MD_fetch")
    }
    unsafe ticketCipher = cipher
    unsafe self.nameDigest = unsafe nameDigest
    self.policy = policy
    self.ticketKeys = ticketKeys
    unsafe base = try Self.make(policy)
    unsafe SSL_CTX_set_client_hello_cb(base, clientHelloArrived, nil)
    if policy.tickets {
      unsafe SSL_CTX_set_tlsext_ticket_key_evp_cb(base, ticketKeyWanted)
    }
  }

  /// A context for clients that prove their identity, over TLS 1.3 and HTTP/2 alone.
  ///
  /// There is one certificate, whatever name is asked for, and no session is resumed: each connection
  /// shows the client's certificate anew. Throws what is wrong with a file, with its path.
  package convenience init(mutual identity: ClientIdentity) throws(TLSError) {
    // Tickets are off, so these keys seal nothing.
    let unused = TicketKeys(try TicketKeyring(now: 0))
    try self.init(
      policy: TLSPolicy(minimumIsTLS13: true, tickets: false), ticketKeys: unused)
    offersHTTP2 = true
    unsafe SSL_CTX_set_client_hello_cb(base, nil, nil)
    unsafe SSL_CTX_set_verify(base, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    unsafe try IdentityFiles.install(identity, base)
  }

  deinit {
    unsafe SSL_CTX_free(base)
    unsafe EVP_CIPHER_free(ticketCipher)
    unsafe EVP_MD_free(nameDigest)
  }

  /// Serves what `selector` finds, from the next handshake on.
  ///
  /// Connections keep what they began with, and sets that stay keep their context.
  package func install(_ selector: any CertificateSelector) {
    self.selector = selector
    contexts.keep(where: selector.serves)
    trusts = [:]
  }

  /// The context of a set, made now if there is none; `nil` where OpenSSL has no memory: whether it
  /// serves the certificates was tried before.
  func context(of set: any CertificateSet) -> SetContext? { contexts.context(of: set, policy) }

  /// Has a connection ask its client for a certificate; `false` where OpenSSL has no memory.
  func ask(_ ssl: OpaquePointer, by rule: ClientRule) -> Bool {
    if let known = trusts[rule.digest] { return unsafe known.ask(ssl, isRequired: rule.isRequired) }
    guard let made = try? ClientTrust(rule.authorities) else { return false }
    trusts[rule.digest] = made
    return unsafe made.ask(ssl, isRequired: rule.isRequired)
  }

  /// Shows these to CAs that look for challenges, by name in lower case, from the next handshake on.
  package func install(_ pairs: [[UInt8]: ChallengePair]) { challenges.install(pairs) }

  package var challengePairs: [[UInt8]: ChallengePair] { challenges.pairs }

  /// The context of a name's challenge; `nil` where there is none.
  func challenge(of name: [UInt8]) -> SetContext? { challenges.context(of: name, policy) }

  /// Mozilla's "intermediate" configuration, but in our order of ciphers.
  ///
  /// All of them are TLS 1.2 and 1.3 with forward secrecy and authenticated encryption. AES-128 with
  /// SHA-256 comes first: a handshake with SHA-384 costs a tenth more where the processor knows
  /// SHA-256 only. A client that puts ChaCha20 first has no AES in hardware and gets it.
  static func make(_ policy: TLSPolicy) throws(TLSError) -> OpaquePointer {
    ERR_clear_error()
    guard let context = unsafe SSL_CTX_new(TLS_server_method()) else {
      throw TLSError(draining: "SSL_CTX_new")
    }
    // Asked for on the context that the handshake has switched to.
    unsafe SSL_CTX_set_alpn_select_cb(context, protocolOffered, nil)
    let version = policy.minimumIsTLS13 ? TLS1_3_VERSION : TLS1_2_VERSION
    // A FIN without close_notify ends the client's side and not ours, as for `ncat --ssl`; whether a
    // request is whole is told by its own framing.
    var options =
      shim_SSL_OP_IGNORE_UNEXPECTED_EOF() | shim_SSL_OP_NO_RENEGOTIATION()
      | shim_SSL_OP_NO_COMPRESSION() | shim_SSL_OP_CIPHER_SERVER_PREFERENCE()
      | shim_SSL_OP_PRIORITIZE_CHACHA()
    if !policy.tickets { options |= shim_SSL_OP_NO_TICKET() }
    if KernelTLS.isAvailable { options |= shim_SSL_OP_ENABLE_KTLS() }
    unsafe SSL_CTX_set_options(context, options)
    unsafe shim_SSL_CTX_set_mode(
      context,
      Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE)
        // Without it a chain of one would be looked for, and verified, in each handshake.
        | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN))
    unsafe shim_SSL_CTX_set_session_cache_mode(context, Int(SSL_SESS_CACHE_OFF))
    unsafe shim_SSL_CTX_set_read_ahead(context, 1)
    // Each connection brings one, also a resumed one; browsers use a ticket once.
    unsafe SSL_CTX_set_num_tickets(context, policy.tickets ? 1 : 0)
    let ready =
      unsafe shim_SSL_CTX_set_min_proto_version(context, Int32(version)) == 1
      && SSL_CTX_set_cipher_list(context, ciphers) == 1
      && SSL_CTX_set_ciphersuites(context, suites) == 1
      && shim_SSL_CTX_set1_sigalgs_list(context, signatures) == 1
      // A group that the library does not know would fail the whole list.
      && (shim_SSL_CTX_set1_groups_list(context, "X25519MLKEM768:" + groups) == 1
        || shim_SSL_CTX_set1_groups_list(context, groups) == 1)
    ERR_clear_error()
    guard ready else {
      unsafe SSL_CTX_free(context)
      throw TLSError("SSL_CTX", reason: "protocol settings refused")
    }
    return unsafe context
  }

  private static let groups = "X25519:P-256:P-384"
  /// What browsers verify, SHA-1 left out; ECDSA first, because it is cheaper for us.
  private static let signatures =
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:"
    + "RSA+SHA256:RSA+SHA384:RSA+SHA512"
  /// What is verified of clients: what they make by themselves may also be Ed25519.
  static let clientSignatures = signatures + ":ed25519:ed448"
  private static let suites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
  private static let ciphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    + "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    + "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

  /// Binds the session to the policy, to the very name and to what its host asks of clients, so that its
  /// ticket is worth nothing elsewhere: RFC 8446 §4.6.1 and the advisories CVE-2025-23419 and
  /// CVE-2025-23048.
  func bindSession(
    _ ssl: OpaquePointer, name: borrowing Span<UInt8>, _ rule: ClientRule?
  ) -> Bool {
    subject.removeAll(keepingCapacity: true)
    subject.append((policy.minimumIsTLS13 ? 3 : 2) | (rule == nil ? 0 : 0x80))
    if let rule { subject += rule.digest }
    for index in 0..<name.count { subject.append(LetterCase.lower(name[index])) }
    guard unsafe EVP_Digest(subject, subject.count, &digest, nil, nameDigest, nil) == 1 else {
      return false
    }
    return unsafe SSL_set_session_id_context(ssl, digest, UInt32(digest.count)) == 1
  }
}

/// DNS names are compared without regard to letter case, RFC 4343.
enum LetterCase {
  static func lower(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
}

@available(*, unavailable) extension ServerContext: Sendable {}

/// Whether the kernel does TLS records; asked once, because asking by trying costs system calls and
/// may load a module for each connection.
enum KernelTLS {
  // SAFETY: the array has as many bytes as are asked for; the path is a C string for the length of
  // the call.
  static let isAvailable: Bool = {
    let file = unsafe open("/proc/sys/net/ipv4/tcp_available_ulp", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return false }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = unsafe read(file, &text, text.count)
    return text.prefix(max(0, count)).split { $0 == 0x20 || $0 == 0x0a }
      .contains { $0.elementsEqual("tls".utf8) }
  }()
}

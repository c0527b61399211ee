internal import COpenSSL

/// One server-side TLS connection over a socket that stays its owner's.
// SAFETY: `handle` owns the SSL for as long as this object, and one thread uses both.
@safe
package final class TLSStream {
  package typealias Progress = TLSProgress
  package typealias ReadResult = TLSReadResult
  package typealias WriteResult = TLSWriteResult

  /// Why a handshake failed, where OpenSSL has no word for it.
  package enum Refusal: Equatable {
    /// There is no certificate for the name that the client asked for, as it was sent.
    case unknownName([UInt8])
    /// The client asked for no name, and no certificate is for such clients.
    case noName
    /// What the client sent as a name cannot be read.
    case malformedName
    /// A CA looks for a challenge of this name, and there is none.
    case noChallenge([UInt8])
    /// The client does not speak TLS; nothing has been said to it.
    case notTLS
    /// The host is for clients with a certificate, and the client has shown none.
    case noClientCertificate
    /// The client has shown a certificate that the rule of the host does not take.
    case clientCertificate(ClientRefusal)
  }

  private let handle: SSLHandle
  let context: ServerContext
  /// The server name as the client sent it, in lower case; empty where it sent none.
  package private(set) var serverName: [UInt8] = []
  /// The certificates that were chosen, which holds for as long as this connection.
  package private(set) var selected: (any CertificateSet)?
  /// Why the handshake has failed; `nil` also where only OpenSSL knows.
  package private(set) var refusal: Refusal?
  /// The client's hello has been read, so that the client speaks TLS.
  private var hasReadHello = false
  /// The client and we have settled on HTTP/2.
  package private(set) var isHTTP2 = false
  /// A CA is shown the certificate of a challenge, RFC 8737 §3: nothing follows the handshake.
  package private(set) var isChallenge = false
  /// What the host of the server name asks of its clients' certificates, which holds for as long as
  /// this connection; `nil` for nothing.
  package private(set) var clientRule: ClientRule?
  /// Who the client is by the certificate that it has shown on this very connection; `nil` for none.
  package private(set) var verifiedClient: VerifiedClient?

  package init(context: ServerContext, descriptor: Int32) throws(TLSError) {
    unsafe handle = try SSLHandle(context: context.base, descriptor: descriptor)
    self.context = context
    unsafe SSL_set_accept_state(ssl)
    // SAFETY: the stream owns the SSL and takes this back in `deinit`.
    unsafe SSL_set_ex_data(ssl, streamIndex, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit { unsafe SSL_set_ex_data(handle.raw, streamIndex, nil) }

  // SAFETY: nobody keeps it longer than this object.
  private var ssl: OpaquePointer { unsafe handle.raw }

  package func handshake() throws(TLSError) -> Progress {
    do throws(TLSError) {
      return try handle.handshake()
    } catch {
      // Once the client's hello has been read, OpenSSL has sent an alert.
      if error.isForeign, !hasReadHello { refusal = .notTLS }
      if error.lacksCertificate, clientRule != nil { refusal = .noClientCertificate }
      throw error
    }
  }

  package func read(into space: inout MutableSpan<UInt8>) throws(TLSError) -> ReadResult {
    try handle.read(into: &space)
  }

  /// Writes some of `bytes`.
  ///
  /// After `wants…` the next write must begin with the same bytes and have
  /// at least as many; they may lie elsewhere.
  package func write(_ bytes: borrowing Span<UInt8>) throws(TLSError) -> WriteResult {
    try handle.write(bytes)
  }

  /// Says goodbye (close_notify); `false` while the socket has no room for it.
  @discardableResult
  package func shutdown() -> Bool { handle.shutdown() }

  /// Whether anything has come from the client, at least a byte.
  package var hasReceived: Bool { handle.bytesReceived > 0 }

  /// Bytes that were read from the socket and not yet from here.
  package var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

  package var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// SHA-256 of the client's certificate, in DER; `nil` where none was asked for.
  package var peerFingerprint: [UInt8]? { handle.peerFingerprint }

  /// `TLSv1.3` or `TLSv1.2`.
  package var version: StaticString {
    unsafe SSL_version(ssl) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"
  }

  // MARK: Called while the client's hello is read

  /// Chooses the certificate; `false` refuses the name.
  func choose(_ extensionBytes: borrowing Span<UInt8>, hasName: Bool) -> Bool {
    guard let selector = context.selector else { return false }
    hasReadHello = true
    guard var place = hasName ? Self.hostName(extensionBytes) : 0..<0 else {
      refusal = .malformedName
      return false
    }
    var found =
      hasName ? selector.certificates(for: extensionBytes.extracting(place)) : selector.fallback
    if found == nil, Self.isAddress(extensionBytes.extracting(place)) {
      // An address is no server name, RFC 6066 §3; monitors and libraries send one all the same.
      (place, found) = (0..<0, selector.fallback)
    }
    let name = extensionBytes.extracting(place)
    if found == nil {
      refusal = name.isEmpty ? .noName : .unknownName((0..<name.count).map { name[$0] })
    }
    let rule = selector.clientRule(for: name)
    guard let found, unsafe context.bindSession(ssl, name: name, rule),
      let made = context.context(of: found)
    else { return false }
    serverName.reserveCapacity(name.count)
    for index in 0..<name.count { serverName.append(LetterCase.lower(name[index])) }
    selected = found
    clientRule = rule
    guard unsafe SSL_set_SSL_CTX(ssl, made.raw) != nil else { return false }
    return rule.map { unsafe context.ask(ssl, by: $0) } ?? true
  }

  /// Chooses what a CA is shown that looks for a challenge, RFC 8737 §3; `false` refuses it.
  ///
  /// No session is resumed or can be: the CA is to see the certificate.
  func chooseChallenge(_ extensionBytes: borrowing Span<UInt8>, hasName: Bool) -> Bool {
    hasReadHello = true
    guard let place = hasName ? Self.hostName(extensionBytes) : 0..<0 else {
      refusal = .malformedName
      return false
    }
    let name = place.map { LetterCase.lower(extensionBytes[$0]) }
    guard let made = context.challenge(of: name) else {
      refusal = .noChallenge(name)
      return false
    }
    serverName = name
    isChallenge = true
    unsafe SSL_set_options(ssl, shim_SSL_OP_NO_TICKET())
    unsafe SSL_set_num_tickets(ssl, 0)
    return unsafe SSL_set_SSL_CTX(ssl, made.raw) != nil
  }

  /// Verifies the certificates that the client has sent; `false` refuses them.
  ///
  /// Such a client gets no ticket: who it is is verified on each connection, and no session carries it
  /// to another one.
  func verifyClient(_ verification: OpaquePointer) -> Bool {
    do throws(ClientRefusal) {
      verifiedClient = unsafe try ClientVerification.verify(verification)
      unsafe SSL_set_num_tickets(ssl, 0)
      return true
    } catch {
      refusal = .clientCertificate(error)
      return false
    }
  }

  /// Where the name of the protocol to be spoken lies in a client's list; `nil` for none of it.
  func chooseProtocol(_ offer: borrowing Span<UInt8>) -> Range<Int>? {
    if isChallenge { return ChallengeContexts.isOffer(offer) ? ChallengeContexts.name : nil }
    var found: Range<Int>?
    var index = 0
    while index < offer.count {
      let name = (index + 1)..<(index + 1 + Int(offer[index]))
      guard name.upperBound <= offer.count else { break }
      if context.offersHTTP2, Self.equals(offer.extracting(name), "h2") {
        isHTTP2 = true
        return name
      }
      if Self.equals(offer.extracting(name), "http/1.1") { found = name }
      index = name.upperBound
    }
    return found
  }

  private static func equals(_ bytes: borrowing Span<UInt8>, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    // SAFETY: the index is below utf8CodeUnitCount, and a StaticString lives for ever.
    for index in 0..<bytes.count where unsafe bytes[index] != text.utf8Start[index] {
      return false
    }
    return true
  }

  /// Whether a name is an IP address: it has a colon, or its last label is a number.
  private static func isAddress(_ name: borrowing Span<UInt8>) -> Bool {
    var isNumber = false
    for index in 0..<name.count {
      switch name[index] {
      case UInt8(ascii: ":"): return true
      case UInt8(ascii: "."): isNumber = index + 1 < name.count
      case UInt8(ascii: "0")...UInt8(ascii: "9"): if index == 0 { isNumber = true }
      default: isNumber = false
      }
    }
    return isNumber
  }

  /// Where the host name lies in a server_name extension, RFC 6066 §3: one entry of type 0.
  private static func hostName(_ bytes: borrowing Span<UInt8>) -> Range<Int>? {
    guard bytes.count >= 5 else { return nil }
    let list = Int(bytes[0]) << 8 | Int(bytes[1])
    let name = Int(bytes[3]) << 8 | Int(bytes[4])
    guard list == bytes.count - 2, bytes[2] == 0, name == bytes.count - 5, name > 0 else {
      return nil
    }
    return 5..<bytes.count
  }
}

@available(*, unavailable) extension TLSStream: Sendable {}

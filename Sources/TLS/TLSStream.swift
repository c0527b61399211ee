internal import COpenSSL

/// One server-side TLS connection over a socket that stays its owner's.
@safe
package final class TLSStream {
  package enum Progress: Equatable { case done, wantsRead, wantsWrite }
  package enum ReadResult: Equatable { case bytes(Int), wantsRead, wantsWrite, closed }
  package enum WriteResult: Equatable { case bytes(Int), wantsRead, wantsWrite }

  private let ssl: OpaquePointer
  let context: ServerContext
  /// The server name as the client sent it, in lower case; empty where it sent none.
  package private(set) var serverName: [UInt8] = []
  /// The number of the certificate set, among those installed when the handshake began.
  package private(set) var selected = -1
  /// Who chose the certificate; what it knew then still holds for this connection.
  package private(set) var selector: (any CertificateSelector)?
  /// An unrecoverable error has happened: OpenSSL must not be asked to say goodbye.
  private var isBroken = false

  package init(context: ServerContext, descriptor: Int32) throws(TLSError) {
    ERR_clear_error()
    guard let ssl = unsafe SSL_new(context.base) else { throw TLSError(draining: "SSL_new") }
    unsafe self.ssl = unsafe ssl
    self.context = context
    guard unsafe SSL_set_fd(ssl, descriptor) == 1 else { throw TLSError(draining: "SSL_set_fd") }
    unsafe SSL_set_accept_state(ssl)
    // SAFETY: the stream owns the SSL and takes this back in `deinit`.
    unsafe SSL_set_ex_data(ssl, streamIndex, Unmanaged.passUnretained(self).toOpaque())
  }

  deinit {
    unsafe SSL_set_ex_data(ssl, streamIndex, nil)
    unsafe SSL_free(ssl)
  }

  package func handshake() throws(TLSError) -> Progress {
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(ssl)
    if result == 1 { return .done }
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    default: throw failure("SSL_do_handshake")
    }
  }

  package func read(into space: inout MutableSpan<UInt8>) throws(TLSError) -> ReadResult {
    ERR_clear_error()
    var count = 0
    // SAFETY: the span bounds its memory and keeps it alive for the length of the call.
    let result = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe SSL_read_ex(ssl, bytes.baseAddress, bytes.count, &count)
    }
    if result == 1 { return .bytes(count) }
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: throw failure("SSL_read_ex")
    }
  }

  /// Writes some of `bytes`.
  ///
  /// After `wants…` the next write must begin with the same bytes and have
  /// at least as many; they may lie elsewhere.
  package func write(_ bytes: borrowing Span<UInt8>) throws(TLSError) -> WriteResult {
    ERR_clear_error()
    var count = 0
    // SAFETY: as above.
    let result = unsafe bytes.withUnsafeBytes { bytes in
      unsafe SSL_write_ex(ssl, bytes.baseAddress, bytes.count, &count)
    }
    if result == 1 { return .bytes(count) }
    switch unsafe SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    default: throw failure("SSL_write_ex")
    }
  }

  /// Says goodbye (close_notify), as far as the socket takes it.
  package func shutdown() {
    guard !isBroken, unsafe SSL_is_init_finished(ssl) == 1 else { return }
    ERR_clear_error()
    unsafe SSL_shutdown(ssl)
    ERR_clear_error()
  }

  /// Bytes that were read from the socket and not yet from here.
  package var hasPending: Bool { unsafe SSL_has_pending(ssl) == 1 }

  package var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

  /// `TLSv1.3` or `TLSv1.2`.
  package var version: StaticString {
    unsafe SSL_version(ssl) == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2"
  }

  private func failure(_ call: String) -> TLSError {
    isBroken = true
    return TLSError(draining: call)
  }

  // MARK: Called while the client's hello is read

  /// Chooses the certificate; `false` refuses the name.
  func choose(_ extensionBytes: borrowing Span<UInt8>, hasName: Bool) -> Bool {
    guard let selector = context.selector else { return false }
    self.selector = selector
    let found: Int?
    if hasName {
      guard let name = Self.hostName(extensionBytes) else { return false }
      let bytes = extensionBytes.extracting(name)
      found = selector.certificate(for: bytes)
      guard found != nil, unsafe context.bindSession(ssl, name: bytes) else { return false }
      serverName.reserveCapacity(bytes.count)
      for index in 0..<bytes.count { serverName.append(LetterCase.lower(bytes[index])) }
    } else {
      found = selector.fallback
      guard unsafe context.bindSession(ssl, name: extensionBytes.extracting(0..<0)) else {
        return false
      }
    }
    guard let found, found < context.sets.count else { return false }
    selected = found
    return unsafe SSL_set_SSL_CTX(ssl, context.sets[found].raw) != nil
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

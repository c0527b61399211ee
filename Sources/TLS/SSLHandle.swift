internal import COpenSSL
internal import Glibc

/// One SSL object and the calls that both sides of TLS make on it.
///
/// None of them mutates the value, because OpenSSL's callbacks use it meanwhile.
// SAFETY: this value owns the SSL and frees it once, in `deinit`; it cannot be copied. The caller
// keeps the socket open for as long, and one thread uses both.
@safe
struct SSLHandle: ~Copyable {
  let raw: OpaquePointer

  /// An SSL of `context` over a socket, which stays the caller's.
  init(context: OpaquePointer, descriptor: Int32) throws(TLSError) {
    unsafe raw = try Self.make(context, descriptor)
  }

  deinit { unsafe SSL_free(raw) }

  private static func make(
    _ context: OpaquePointer, _ descriptor: Int32
  ) throws(TLSError) -> OpaquePointer {
    Self.forgetErrors()
    guard let raw = unsafe SSL_new(context) else { throw TLSError(draining: "SSL_new") }
    guard unsafe SSL_set_fd(raw, descriptor) == 1 else {
      unsafe SSL_free(raw)
      throw TLSError(draining: "SSL_set_fd")
    }
    return unsafe raw
  }

  /// All that was read from the socket so far, in bytes.
  var bytesReceived: UInt64 {
    guard let socket = unsafe SSL_get_rbio(raw) else { return 0 }
    return unsafe BIO_number_read(socket)
  }

  func handshake() throws(TLSError) -> TLSProgress {
    Self.forgetErrors()
    let result = unsafe SSL_do_handshake(raw)
    if result == 1 { return .done }
    switch unsafe SSL_get_error(raw, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    default: throw failure("SSL_do_handshake")
    }
  }

  func read(into space: inout MutableSpan<UInt8>) throws(TLSError) -> TLSReadResult {
    Self.forgetErrors()
    var count = 0
    // SAFETY: the span bounds its memory and keeps it alive for the length of the call.
    let result = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe SSL_read_ex(raw, bytes.baseAddress, bytes.count, &count)
    }
    if result == 1 { return .bytes(count) }
    switch unsafe SSL_get_error(raw, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    case SSL_ERROR_ZERO_RETURN: return .closed
    default: throw failure("SSL_read_ex")
    }
  }

  func write(_ bytes: borrowing Span<UInt8>) throws(TLSError) -> TLSWriteResult {
    Self.forgetErrors()
    var count = 0
    // SAFETY: as above.
    let result = unsafe bytes.withUnsafeBytes { bytes in
      unsafe SSL_write_ex(raw, bytes.baseAddress, bytes.count, &count)
    }
    if result == 1 { return .bytes(count) }
    switch unsafe SSL_get_error(raw, result) {
    case SSL_ERROR_WANT_READ: return .wantsRead
    case SSL_ERROR_WANT_WRITE: return .wantsWrite
    default: throw failure("SSL_write_ex")
    }
  }

  /// SHA-256 of the certificate that the other side has shown, in DER; `nil` for none.
  var peerFingerprint: [UInt8]? {
    guard let certificate = unsafe SSL_get0_peer_certificate(raw) else { return nil }
    return unsafe CertificateFacts.fingerprint(certificate)
  }

  /// Says goodbye (close_notify); `false` while the socket has no room for it.
  @discardableResult
  func shutdown() -> Bool {
    guard unsafe SSL_is_init_finished(raw) == 1 else { return true }
    Self.forgetErrors()
    let result = unsafe SSL_shutdown(raw)
    let waits = unsafe result < 0 && SSL_get_error(raw, result) == SSL_ERROR_WANT_WRITE
    Self.forgetErrors()
    return !waits
  }

  /// Empties OpenSSL's queue of errors, by which a call's result is told.
  ///
  /// It is empty nearly always, and a look costs a fraction of clearing its sixteen places.
  private static func forgetErrors() {
    if ERR_peek_error() != 0 { ERR_clear_error() }
  }

  private func failure(_ call: String) -> TLSError {
    let code = errno
    // After an unrecoverable error OpenSSL must not be asked to say goodbye.
    unsafe SSL_set_quiet_shutdown(raw, 1)
    return TLSError(draining: call, systemCode: code)
  }
}

package enum TLSProgress: Equatable, Sendable { case done, wantsRead, wantsWrite }
package enum TLSReadResult: Equatable, Sendable { case bytes(Int), wantsRead, wantsWrite, closed }
package enum TLSWriteResult: Equatable, Sendable { case bytes(Int), wantsRead, wantsWrite }

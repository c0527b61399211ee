internal import COpenSSL
internal import Glibc

/// One client-side TLS connection over a socket that stays its owner's.
// SAFETY: `handle` owns the SSL for as long as this object; texts are C strings for the length of a
// call.
@safe
package final class ClientStream {
  private let handle: SSLHandle
  private let context: ClientContext

  /// A connection to the server called `name`: a DNS name or a numeric address, which its
  /// certificate must bear (RFC 9525 §6).
  package init(context: ClientContext, descriptor: Int32, name: String) throws(TLSError) {
    unsafe handle = try SSLHandle(context: context.raw, descriptor: descriptor)
    self.context = context
    let raw = unsafe handle.raw
    unsafe SSL_set_connect_state(raw)
    let isNamed: Bool
    if Self.isNumeric(name) {
      isNamed = unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(raw), name) == 1
    } else {
      unsafe SSL_set_hostflags(raw, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      isNamed =
        unsafe SSL_set1_host(raw, name) == 1
        // Server names are DNS names only, RFC 6066 §3.
        && shim_SSL_set_tlsext_host_name(raw, name) == 1
    }
    guard isNamed else { throw TLSError("SSL_set1_host", reason: "'\(name)' is no server name") }
  }

  /// A connection to a server whose certificate need not bear a name; `peerFingerprint` tells which
  /// server it is.
  package init(context: ClientContext, descriptor: Int32) throws(TLSError) {
    unsafe handle = try SSLHandle(context: context.raw, descriptor: descriptor)
    self.context = context
    unsafe SSL_set_connect_state(handle.raw)
  }

  /// SHA-256 of the server's certificate, in DER; `nil` before the handshake.
  package var peerFingerprint: [UInt8]? { handle.peerFingerprint }

  package func handshake() throws(TLSError) -> TLSProgress {
    do throws(TLSError) {
      return try handle.handshake()
    } catch {
      // SAFETY: the text is a constant of OpenSSL.
      let verdict = unsafe SSL_get_verify_result(handle.raw)
      guard context.verifies, verdict != Int(X509_V_OK),
        let text = unsafe X509_verify_cert_error_string(verdict)
      else { throw error }
      let reason = unsafe String(cString: text)
      throw TLSError("the server's certificate is not accepted", reason: reason)
    }
  }

  package func read(into space: inout MutableSpan<UInt8>) throws(TLSError) -> TLSReadResult {
    try handle.read(into: &space)
  }

  /// Writes some of `bytes`; after `wants…` the next write must begin with the same bytes.
  package func write(_ bytes: borrowing Span<UInt8>) throws(TLSError) -> TLSWriteResult {
    try handle.write(bytes)
  }

  /// Says goodbye (close_notify), as far as the socket takes it.
  package func shutdown() { handle.shutdown() }

  /// The protocol that the server chose by ALPN; empty for none.
  package var chosenProtocol: String {
    var data: UnsafePointer<UInt8>? = nil
    var count: UInt32 = 0
    unsafe SSL_get0_alpn_selected(handle.raw, &data, &count)
    // SAFETY: OpenSSL keeps the name as long as the SSL lives; it is copied at once.
    return unsafe String(
      decoding: UnsafeBufferPointer(start: data, count: Int(count)), as: UTF8.self)
  }

  private static func isNumeric(_ name: String) -> Bool {
    var space = in6_addr()
    return unsafe inet_pton(AF_INET, name, &space) == 1
      || inet_pton(AF_INET6, name, &space) == 1
  }
}

@available(*, unavailable) extension ClientStream: Sendable {}

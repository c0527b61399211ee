internal import COpenSSL

/// What OpenSSL said when a call failed, in one value.
package struct TLSError: Error, Sendable, CustomStringConvertible {
  /// The call, as OpenSSL's manual names it.
  package let call: String
  /// The reasons of its error queue, oldest first; empty where the peer just went away.
  package let reasons: [String]
  /// Where there are no reasons: what the socket failed with, a value of `errno`; 0 where that is not
  /// known.
  package let systemCode: Int32
  /// What came from the peer was no TLS at all, such as a request or an answer of HTTP.
  package let isForeign: Bool
  /// The client was to show a certificate and has none.
  let lacksCertificate: Bool

  /// Drains the error queue.
  package init(draining call: String, systemCode: Int32 = 0) {
    self.call = call
    self.systemCode = systemCode
    var reasons: [String] = []
    var isForeign = false
    var lacksCertificate = false
    while reasons.count < 8 {
      let code = ERR_get_error()
      guard code != 0 else { break }
      if Self.isForeign(code) { isForeign = true }
      if shim_ERR_GET_REASON(code) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE,
        shim_ERR_GET_LIB(code) == ERR_LIB_SSL
      {
        lacksCertificate = true
      }
      // SAFETY: the text is a constant of OpenSSL.
      if let text = unsafe ERR_reason_error_string(code) {
        unsafe reasons.append(String(cString: text))
      } else {
        reasons.append("error \(code)")
      }
    }
    self.reasons = reasons
    self.isForeign = isForeign
    self.lacksCertificate = lacksCertificate
  }

  /// OpenSSL knows four methods of HTTP by their first letters; of all else it says that the version
  /// is wrong.
  private static func isForeign(_ code: UInt) -> Bool {
    guard shim_ERR_GET_LIB(code) == ERR_LIB_SSL else { return false }
    switch shim_ERR_GET_REASON(code) {
    case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER: return true
    default: return false
    }
  }

  package init(_ call: String, reason: String) {
    self.call = call
    reasons = [reason]
    systemCode = 0
    isForeign = false
    lacksCertificate = false
  }

  package var description: String {
    reasons.isEmpty ? "\(call): connection lost" : "\(call): \(reasons.joined(separator: ", "))"
  }
}

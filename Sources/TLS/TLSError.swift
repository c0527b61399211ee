internal import COpenSSL

/// What OpenSSL said when a call failed, in one value.
package struct TLSError: Error, Sendable, CustomStringConvertible {
  /// The call, as OpenSSL's manual names it.
  package let call: String
  /// The reasons of its error queue, oldest first; empty where the peer just went away.
  package let reasons: [String]

  /// Drains the error queue.
  package init(draining call: String) {
    self.call = call
    var reasons: [String] = []
    while reasons.count < 8 {
      let code = ERR_get_error()
      guard code != 0 else { break }
      // SAFETY: the text is a constant of OpenSSL.
      if let text = unsafe ERR_reason_error_string(code) {
        unsafe reasons.append(String(cString: text))
      } else {
        reasons.append("error \(code)")
      }
    }
    self.reasons = reasons
  }

  package init(_ call: String, reason: String) {
    self.call = call
    reasons = [reason]
  }

  package var description: String {
    reasons.isEmpty ? "\(call): connection lost" : "\(call): \(reasons.joined(separator: ", "))"
  }
}

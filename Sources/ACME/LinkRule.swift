package import Wire

/// Which addresses of a CA are asked: only those with TLS, unless its directory itself is without, as
/// in a test.
package struct LinkRule: Sendable, Equatable {
  package let allowsPlain: Bool

  package init(directory: HTTPURL) { allowsPlain = !directory.isSecure }

  /// `what` names the member in the error.
  package func read(_ text: String, _ what: String) throws(ACMEError) -> HTTPURL {
    guard let url = HTTPURL(text) else {
      throw .malformed(Document.line("\(what) is no address: \(text)"))
    }
    guard url.isSecure || allowsPlain else {
      throw .malformed(Document.line("\(what) is an address without TLS: \(text)"))
    }
    return url
  }
}

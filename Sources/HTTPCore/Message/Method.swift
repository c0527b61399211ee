/// A request method, RFC 9110 §9.
package enum Method: UInt8, Sendable {
  case get, head, post, put, delete, options, trace, patch, connect, other

  /// Methods are case-sensitive.
  package init(_ bytes: borrowing Span<UInt8>) {
    self =
      switch bytes.count {
      case 3 where ASCII.equalsExactly(bytes, "GET"): .get
      case 3 where ASCII.equalsExactly(bytes, "PUT"): .put
      case 4 where ASCII.equalsExactly(bytes, "POST"): .post
      case 4 where ASCII.equalsExactly(bytes, "HEAD"): .head
      case 5 where ASCII.equalsExactly(bytes, "PATCH"): .patch
      case 5 where ASCII.equalsExactly(bytes, "TRACE"): .trace
      case 6 where ASCII.equalsExactly(bytes, "DELETE"): .delete
      case 7 where ASCII.equalsExactly(bytes, "OPTIONS"): .options
      case 7 where ASCII.equalsExactly(bytes, "CONNECT"): .connect
      default: .other
      }
  }

  /// RFC 9110 §9.2.1.
  package var isSafe: Bool {
    switch self {
    case .get, .head, .options, .trace: true
    case .post, .put, .delete, .patch, .connect, .other: false
    }
  }

  /// RFC 9110 §9.2.2.
  package var isIdempotent: Bool {
    isSafe || self == .put || self == .delete
  }
}

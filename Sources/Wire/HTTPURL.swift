internal import HTTPCore

/// Where a request goes: an `https` or `http` URL, RFC 9110 §4.2, without user information or fragment.
package struct HTTPURL: Sendable, Hashable, CustomStringConvertible {
  package let isSecure: Bool
  /// A DNS name in lower case or a numeric address, without brackets.
  package let host: String
  package let port: UInt16
  /// Path and query; it begins with `/`.
  package let target: String

  /// What a URL may measure, in bytes.
  package static let bytesMax = 2048

  /// `nil` where the text is none of these, is too long, or has characters that a request line cannot
  /// have.
  package init?(_ text: String) {
    guard text.utf8.count <= Self.bytesMax, text.utf8.allSatisfy(ASCII.isTarget) else { return nil }
    let bytes = Array(text.utf8)
    let rest: ArraySlice<UInt8>
    if Self.begins(bytes, "https://") {
      (isSecure, rest) = (true, bytes.dropFirst(8))
    } else if Self.begins(bytes, "http://") {
      (isSecure, rest) = (false, bytes.dropFirst(7))
    } else {
      return nil
    }
    let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
    var (host, port, isName): ([UInt8], UInt16?, Bool) = ([], nil, true)
    guard
      Authority.parse(Array(authority).span, host: &host, port: &port, isName: &isName), isName,
      let host = Self.withoutBrackets(host)
    else { return nil }
    self.host = host
    self.port = port ?? Self.defaultPort(isSecure)
    let path = String(decoding: rest.dropFirst(authority.count), as: UTF8.self)
    target = path.hasPrefix("/") ? path : "/" + path
  }

  private static func begins(_ bytes: [UInt8], _ scheme: StaticString) -> Bool {
    let count = scheme.utf8CodeUnitCount
    return bytes.count > count && ASCII.equals(Array(bytes.prefix(count)).span, scheme)
  }

  /// `nil` for brackets that hold no IPv6 address.
  private static func withoutBrackets(_ host: [UInt8]) -> String? {
    guard host.first == UInt8(ascii: "[") else { return String(decoding: host, as: UTF8.self) }
    let inner = Array(host.dropFirst().dropLast())
    guard inner.contains(UInt8(ascii: ":")), IPAddress(inner.span) != nil else { return nil }
    return String(decoding: inner, as: UTF8.self)
  }

  private static func defaultPort(_ isSecure: Bool) -> UInt16 { isSecure ? 443 : 80 }

  /// Host and port as in `Host`: without the port that the scheme has anyway.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == Self.defaultPort(isSecure) ? name : "\(name):\(port)"
  }

  /// Scheme, host and port.
  package var origin: String { (isSecure ? "https://" : "http://") + authority }

  package var description: String { origin + target }
}

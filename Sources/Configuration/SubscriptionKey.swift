internal import HTTPCore

/// The key of a subscription in the form in which hosts are compared.
///
/// Lower case, without port and last dot; `.example.org`, which is how uWSGI writes all names of one
/// more label, becomes `*.example.org`.
package enum SubscriptionKey {
  /// The longest is a name with `*.` before it, in bytes.
  static let bytesMax = FixedLimits.hostNameBytes + 2

  /// `nil` where it is no host.
  package static func normalise(_ text: [UInt8]) -> [UInt8]? {
    var name = text[...]
    let digits = name.reversed().prefix { ASCII.isDigit($0) }.count
    let colon = name.endIndex - digits - 1
    if (1...5).contains(digits), colon > 0, name[colon] == UInt8(ascii: ":") {
      name = name[..<colon]
    }
    var isWildcard = false
    if name.first == UInt8(ascii: ".") {
      isWildcard = true
      name = name.dropFirst()
    } else if name.starts(with: [UInt8(ascii: "*"), UInt8(ascii: ".")]) {
      isWildcard = true
      name = name.dropFirst(2)
    }
    let plain = Array(name)
    var normal: [UInt8] = []
    guard HostName.normalise(plain.span, into: &normal) else { return nil }
    return isWildcard ? [UInt8(ascii: "*"), UInt8(ascii: ".")] + normal : normal
  }

  /// `*.example.org` for `app.example.org` and for itself; `nil` for a name of one label.
  static func wildcard(over key: [UInt8]) -> [UInt8]? {
    guard let dot = key.firstIndex(of: UInt8(ascii: ".")) else { return nil }
    return [UInt8(ascii: "*")] + key[dot...]
  }
}

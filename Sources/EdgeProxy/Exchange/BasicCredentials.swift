internal import HTTPCore
internal import TLS

/// A name and a password as a client sends them, RFC 7617.
struct BasicCredentials: Equatable {
  let user: [UInt8]
  let password: [UInt8]

  /// A name of 255 bytes and a password of 511, in Base64, and the name of the scheme.
  private static let valueBytesMax = 1100

  /// `nil` where the value of Authorization is no such thing, or what it says has control characters.
  init?(_ value: borrowing Span<UInt8>) {
    let scheme: StaticString = "basic "
    let start = scheme.utf8CodeUnitCount
    guard (start...Self.valueBytesMax).contains(value.count),
      ASCII.equals(value.extracting(0..<start), scheme)
    else { return nil }
    var text: [UInt8] = []
    var isGood = true
    for index in start..<value.count where value[index] != UInt8(ascii: " ") || !text.isEmpty {
      text.append(value[index])
      // Base64 passes over blanks, and a token has none.
      if ASCII.isBlank(value[index]) { isGood = false }
    }
    guard isGood, let pair = Base64.decode(text),
      let colon = pair.firstIndex(of: UInt8(ascii: ":")),
      !pair.contains(where: { $0 < 0x20 || $0 == 0x7f })
    else { return nil }
    user = Array(pair[..<colon])
    password = Array(pair[(colon + 1)...])
  }
}

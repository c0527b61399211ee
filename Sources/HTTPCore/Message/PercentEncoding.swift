/// Percent-encoding, RFC 3986 §2.1.
extension [UInt8] {
  /// Appends a decoded path, so that it decodes to the same again: everything but `pchar` and `/` is
  /// escaped, a `%` and a `\` too.
  package mutating func append(escapingPath path: borrowing Span<UInt8>) {
    for index in 0..<path.count {
      let byte = path[index]
      if Self.isPath(byte) { append(byte) } else { append(escaped: byte) }
    }
  }

  /// Appends a part of a target as it was sent; what no URI may have (RFC 3986 §2) is escaped, and
  /// what is escaped already stays.
  package mutating func append(escapingTarget target: borrowing Span<UInt8>) {
    for index in 0..<target.count {
      let byte = target[index]
      let isGood =
        Self.isPath(byte) || byte == UInt8(ascii: "%") || byte == UInt8(ascii: "?")
      if isGood { append(byte) } else { append(escaped: byte) }
    }
  }

  private mutating func append(escaped byte: UInt8) {
    append(UInt8(ascii: "%"))
    append(ASCII.upper(ASCII.digit(byte >> 4)))
    append(ASCII.upper(ASCII.digit(byte & 15)))
  }

  /// `pchar` without escapes, and `/`.
  private static func isPath(_ byte: UInt8) -> Bool {
    if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
    switch byte {
    case UInt8(ascii: "/"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"),
      UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"),
      UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="),
      UInt8(ascii: ":"), UInt8(ascii: "@"):
      return true
    default: return false
    }
  }
}

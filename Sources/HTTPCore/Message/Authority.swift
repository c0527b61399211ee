/// `host [ ":" port ]` of a Host field or an absolute target, RFC 9110 §7.2.
package enum Authority {
  /// Splits and normalises; `false` where it is malformed.
  ///
  /// User information is refused. `isName` is `false` for a host that RFC 3986 §3.2.2 allows and that
  /// is no DNS name, so that nothing here can answer to it.
  package static func parse(
    _ input: borrowing Span<UInt8>, host: inout [UInt8], port: inout UInt16?, isName: inout Bool
  ) -> Bool {
    port = nil
    isName = true
    guard input.count > 0 else { return false }
    if input[0] == UInt8(ascii: "[") { return parseLiteral(input, host: &host, port: &port) }
    var colon = input.count
    for index in 0..<input.count where input[index] == UInt8(ascii: ":") {
      colon = index
      break
    }
    guard parsePort(input, from: colon, &port) else { return false }
    let name = input.extracting(0..<colon)
    if HostName.normalise(name, into: &host) { return true }
    isName = false
    return copyRegistered(name, into: &host)
  }

  /// A `reg-name` without escapes, in labels as DNS has them.
  private static func copyRegistered(
    _ input: borrowing Span<UInt8>, into host: inout [UInt8]
  ) -> Bool {
    host.removeAll(keepingCapacity: true)
    guard input.count <= FixedLimits.hostNameBytes else { return false }
    var label = 0
    for index in 0..<input.count {
      let byte = input[index]
      if byte == UInt8(ascii: ".") {
        guard label > 0 else { return false }
        label = 0
      } else {
        label += 1
        guard label <= FixedLimits.hostLabelBytes, isRegistered(byte) else { return false }
      }
      host.append(ASCII.lower(byte))
    }
    return !host.isEmpty
  }

  /// `unreserved` and `sub-delims`, RFC 3986 §2.2 and §2.3.
  private static func isRegistered(_ byte: UInt8) -> Bool {
    if ASCII.isLetter(byte) || ASCII.isDigit(byte) { return true }
    switch byte {
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "!"),
      UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("),
      UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ","),
      UInt8(ascii: ";"), UInt8(ascii: "="):
      return true
    default: return false
    }
  }

  /// An IPv6 literal is kept with its brackets; what is inside is compared, never connected to.
  private static func parseLiteral(
    _ input: borrowing Span<UInt8>, host: inout [UInt8], port: inout UInt16?
  ) -> Bool {
    host.removeAll(keepingCapacity: true)
    var index = 0
    while index < input.count, index < 48 {
      let byte = input[index]
      host.append(ASCII.lower(byte))
      index += 1
      if byte == UInt8(ascii: "]") { return index > 3 && parsePort(input, from: index, &port) }
      guard
        index == 1 || ASCII.hexadecimal(byte) != nil || byte == UInt8(ascii: ":")
          || byte == UInt8(ascii: ".")
      else { return false }
    }
    return false
  }

  /// `:` and 1–5 digits, `:` alone, or nothing.
  private static func parsePort(
    _ input: borrowing Span<UInt8>, from start: Int, _ port: inout UInt16?
  ) -> Bool {
    guard start < input.count else { return true }
    guard input[start] == UInt8(ascii: ":"), input.count - start <= 6 else { return false }
    var value = 0
    for index in (start + 1)..<input.count {
      guard ASCII.isDigit(input[index]) else { return false }
      value = value * 10 + Int(input[index] - 48)
    }
    guard start + 1 < input.count else { return true }
    guard let number = UInt16(exactly: value), number > 0 else { return false }
    port = number
    return true
  }
}

/// `host [ ":" port ]` of a Host field or an absolute target, RFC 9110 §7.2.
enum Authority {
  /// Splits and normalises; `false` where it is malformed.
  ///
  /// User information is refused.
  static func parse(
    _ input: borrowing Span<UInt8>, host: inout [UInt8], port: inout UInt16?
  ) -> Bool {
    port = nil
    guard input.count > 0 else { return false }
    if input[0] == UInt8(ascii: "[") { return parseLiteral(input, host: &host, port: &port) }
    var colon = input.count
    for index in 0..<input.count where input[index] == UInt8(ascii: ":") {
      colon = index
      break
    }
    guard parsePort(input, from: colon, &port) else { return false }
    return HostName.normalise(input.extracting(0..<colon), into: &host)
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

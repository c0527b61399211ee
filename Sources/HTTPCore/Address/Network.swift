/// A range of addresses that begin with the same bits, RFC 4632: `10.0.0.0/8`, `2001:db8::/32`.
package struct Network: Hashable, Sendable, CustomStringConvertible {
  package let address: IPAddress
  /// How many bits count; of an IPv4 network 96 more than are written.
  private let bits: Int

  /// `nil` where the prefix is longer than the address.
  ///
  /// What the address has beyond its prefix is dropped.
  package init?(_ address: IPAddress, prefix: Int) {
    let most = address.isIPv4 ? 32 : 128
    guard (0...most).contains(prefix) else { return nil }
    bits = prefix + 128 - most
    self.address = Self.cut(address, to: bits)
  }

  /// Reads `address/prefix`, or an address alone for itself.
  package init?(_ text: borrowing Span<UInt8>) {
    var end = 0
    while end < text.count, text[end] != UInt8(ascii: "/") { end += 1 }
    guard let address = IPAddress(text.extracting(0..<end)) else { return nil }
    guard end < text.count else {
      self.init(address, prefix: address.isIPv4 ? 32 : 128)
      return
    }
    guard let prefix = Self.number(text.extracting((end + 1)..<text.count)) else { return nil }
    // `::ffff:10.0.0.0/104` is another way to write `10.0.0.0/8`.
    var mapped = false
    for index in 0..<end where text[index] == UInt8(ascii: ":") { mapped = address.isIPv4 }
    guard !mapped || prefix >= 96 else { return nil }
    self.init(address, prefix: mapped ? prefix - 96 : prefix)
  }

  private static func number(_ digits: borrowing Span<UInt8>) -> Int? {
    guard (1...3).contains(digits.count), digits.count == 1 || digits[0] != UInt8(ascii: "0") else {
      return nil
    }
    var number = 0
    for index in 0..<digits.count {
      guard ASCII.isDigit(digits[index]) else { return nil }
      number = number * 10 + Int(digits[index] - 48)
    }
    return number
  }

  package var prefix: Int { address.isIPv4 ? bits - 96 : bits }

  /// Whether an address begins with the same bits; `::/0` has no IPv4 address in it.
  package func contains(_ other: IPAddress) -> Bool {
    other.isIPv4 == address.isIPv4 && Self.cut(other, to: bits) == address
  }

  private static func cut(_ address: IPAddress, to bits: Int) -> IPAddress {
    IPAddress(
      high: address.high & mask(min(bits, 64)), low: address.low & mask(max(bits - 64, 0)))
  }

  /// A number that begins with so many ones.
  private static func mask(_ ones: Int) -> UInt64 { ones == 0 ? 0 : ~0 << UInt64(64 - ones) }

  package var description: String {
    String(decoding: address.text, as: UTF8.self) + "/\(prefix)"
  }
}

extension [Network] {
  /// Whether one of the networks has the address in it.
  package func contains(_ address: IPAddress) -> Bool {
    for network in self where network.contains(address) { return true }
    return false
  }
}

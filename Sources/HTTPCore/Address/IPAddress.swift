/// The address of a machine, IPv4 or IPv6, as a number.
///
/// An IPv4 address is kept as the IPv6 address that it is mapped to (`::ffff:192.0.2.1`, RFC 4291
/// §2.5.5.2), so that both ways to write it are the same client.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  package init(ipv4: UInt32) {
    self.init(high: 0, low: 0xffff_0000_0000 | UInt64(ipv4))
  }

  /// The four or sixteen bytes of an address in network order; `nil` for any other count.
  package init?(octets: borrowing Span<UInt8>) {
    var (high, low): (UInt64, UInt64) = (0, 0)
    for index in 0..<octets.count {
      high = high << 8 | low >> 56
      low = low << 8 | UInt64(octets[index])
    }
    switch octets.count {
    case 4: self.init(ipv4: UInt32(low))
    case 16: self.init(high: high, low: low)
    default: return nil
    }
  }

  package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  /// What counts as one client: an IPv4 address, and all of an IPv6 /64, which one has to oneself.
  package var client: IPAddress { isIPv4 ? self : IPAddress(high: high, low: 0) }
}

// MARK: Text

extension IPAddress {
  /// Reads one of the text forms of RFC 4291 §2.2 or four decimal numbers; a zone is refused.
  package init?(_ text: borrowing Span<UInt8>) {
    for index in 0..<text.count where text[index] == UInt8(ascii: ":") {
      guard let address = Self.ipv6(text) else { return nil }
      self = address
      return
    }
    guard let number = Self.ipv4(text) else { return nil }
    self.init(ipv4: number)
  }

  /// Four numbers without leading zeros, which some readers take for octal.
  private static func ipv4(_ text: borrowing Span<UInt8>) -> UInt32? {
    var (address, parts): (UInt32, Int) = (0, 0)
    var (number, digits): (UInt32, Int) = (0, 0)
    for index in 0...text.count {
      if index < text.count, ASCII.isDigit(text[index]) {
        guard digits == 0 || number > 0, digits < 3 else { return nil }
        number = number * 10 + UInt32(text[index] - 48)
        digits += 1
        continue
      }
      guard index == text.count || text[index] == UInt8(ascii: "."), digits > 0, number < 256,
        parts < 4
      else { return nil }
      address = address << 8 | number
      parts += 1
      (number, digits) = (0, 0)
    }
    return parts == 4 ? address : nil
  }

  private static func ipv6(_ text: borrowing Span<UInt8>) -> IPAddress? {
    var groups = [8 of UInt16](repeating: 0)
    var count = 0
    var gap: Int?
    var at = 0
    if text.count >= 2, text[0] == UInt8(ascii: ":"), text[1] == UInt8(ascii: ":") {
      (gap, at) = (0, 2)
    }
    while at < text.count {
      var end = at
      while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
      if end == text.count, let number = ipv4(text.extracting(at..<end)) {
        guard count <= 6 else { return nil }
        groups[count] = UInt16(number >> 16)
        groups[count + 1] = UInt16(number & 0xffff)
        count += 2
        break
      }
      guard count < 8, let group = group(text.extracting(at..<end)) else { return nil }
      groups[count] = group
      count += 1
      at = end + 1
      guard at != text.count else { return nil }
      if at < text.count, text[at] == UInt8(ascii: ":") {
        guard gap == nil else { return nil }
        (gap, at) = (count, at + 1)
      }
    }
    guard gap == nil ? count == 8 : count < 8 else { return nil }
    return address(groups, count, gap: gap ?? count)
  }

  /// One to four hexadecimal digits.
  private static func group(_ text: borrowing Span<UInt8>) -> UInt16? {
    guard (1...4).contains(text.count) else { return nil }
    var value: UInt16 = 0
    for index in 0..<text.count {
      guard let digit = ASCII.hexadecimal(text[index]) else { return nil }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  /// Puts zeros into the gap, so that there are eight groups.
  private static func address(
    _ groups: [8 of UInt16], _ count: Int, gap: Int
  ) -> IPAddress {
    var (high, low): (UInt64, UInt64) = (0, 0)
    for place in 0..<8 {
      var group: UInt16 = 0
      if place < gap {
        group = groups[place]
      } else if place >= 8 - (count - gap) {
        group = groups[place - (8 - count)]
      }
      high = high << 16 | low >> 48
      low = low << 16 | UInt64(group)
    }
    return IPAddress(high: high, low: low)
  }

  /// The one form of RFC 5952; a mapped address is written as IPv4.
  package var text: [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(39)
    if isIPv4 {
      for shift: UInt64 in [24, 16, 8, 0] {
        if shift < 24 { text.append(UInt8(ascii: ".")) }
        text.append(decimal: low >> shift & 255)
      }
      return text
    }
    let gap = longestGap
    var place = 0
    while place < 8 {
      if place == gap.lowerBound, !gap.isEmpty {
        text.append("::")
        place = gap.upperBound
        continue
      }
      if place > 0, place != gap.upperBound || gap.isEmpty { text.append(UInt8(ascii: ":")) }
      Self.write(group(place), to: &text)
      place += 1
    }
    return text
  }

  package var description: String { String(decoding: text, as: UTF8.self) }

  private func group(_ place: Int) -> UInt16 {
    let half = place < 4 ? high : low
    return UInt16(half >> UInt64(48 - place % 4 * 16) & 0xffff)
  }

  /// The first of the longest runs of two or more groups of zeros; empty where there is none.
  private var longestGap: Range<Int> {
    var longest = 0..<0
    var start = 0
    for place in 0...8 where place == 8 || group(place) != 0 {
      if place - start > max(longest.count, 1) { longest = start..<place }
      start = place + 1
    }
    return longest
  }

  private static func write(_ group: UInt16, to text: inout [UInt8]) {
    var hasBegun = false
    for shift: UInt16 in [12, 8, 4, 0] {
      let digit = UInt8(group >> shift & 15)
      guard hasBegun || digit > 0 || shift == 0 else { continue }
      hasBegun = true
      text.append(ASCII.digit(digit))
    }
  }
}

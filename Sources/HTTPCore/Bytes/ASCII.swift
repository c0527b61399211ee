/// Classes of octets, RFC 9110 §5.6 and RFC 3986 §2.
package enum ASCII {
  package static let lineFeed: UInt8 = 0x0a
  package static let carriageReturn: UInt8 = 0x0d
  package static let space: UInt8 = 0x20
  package static let tab: UInt8 = 0x09

  /// `tchar`, RFC 9110 §5.6.2.
  @inline(__always)
  package static func isToken(_ byte: UInt8) -> Bool {
    // One bit for each octet below 128.
    let low: UInt64 = 0x03ff_6cfa_0000_0000
    let high: UInt64 = 0x57ff_ffff_c7ff_fffe
    guard byte < 128 else { return false }
    return (byte < 64 ? low : high) >> UInt64(byte & 63) & 1 != 0
  }

  /// `field-vchar`, SP and HTAB, RFC 9110 §5.5; obs-text included.
  @inline(__always)
  package static func isFieldContent(_ byte: UInt8) -> Bool {
    byte >= 0x20 ? byte != 0x7f : byte == tab
  }

  /// Visible, not a fragment; browsers send more than RFC 3986 allows, but never these.
  @inline(__always)
  package static func isTarget(_ byte: UInt8) -> Bool {
    byte &- 0x21 < 0x5e && byte != UInt8(ascii: "#")
  }

  package static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }
  package static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 97 < 26 }
  package static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }
  package static func lower(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
  package static func upper(_ byte: UInt8) -> UInt8 { byte &- 97 < 26 ? byte & 0xdf : byte }
  package static func digit(_ value: UInt8) -> UInt8 { value < 10 ? 48 + value : 87 + value }

  package static func hexadecimal(_ byte: UInt8) -> UInt8? {
    if isDigit(byte) { return byte - 48 }
    let letter = (byte | 0x20) &- 97
    return letter < 6 ? letter + 10 : nil
  }

  /// Whether `bytes` equal `text`, which is given in lower case, without regard to case.
  package static func equals(_ bytes: borrowing Span<UInt8>, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<bytes.count where lower(bytes[index]) != octet(text, index) { return false }
    return true
  }

  /// Whether `bytes` equal `text` exactly.
  package static func equalsExactly(_ bytes: borrowing Span<UInt8>, _ text: StaticString) -> Bool {
    guard bytes.count == text.utf8CodeUnitCount else { return false }
    for index in 0..<bytes.count where bytes[index] != octet(text, index) { return false }
    return true
  }

  private static func octet(_ text: StaticString, _ index: Int) -> UInt8 {
    // SAFETY: the index is below utf8CodeUnitCount, and a StaticString lives for ever.
    unsafe text.utf8Start[index]
  }
}

/// A part of a head's bytes.
package struct ByteRange: Equatable, Sendable {
  package var start: UInt32
  package var count: UInt32

  package init(start: Int, count: Int) {
    self.start = UInt32(start)
    self.count = UInt32(count)
  }

  package static let empty = ByteRange(start: 0, count: 0)
  package var isEmpty: Bool { count == 0 }
  package var range: Range<Int> { Int(start)..<Int(start) + Int(count) }
}

extension [UInt8] {
  /// Appends the bytes of a span in one copy.
  package mutating func append(copying bytes: borrowing Span<UInt8>) {
    // SAFETY: the span bounds its memory and keeps it alive for the length of the call.
    unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }

  /// Appends constant text.
  package mutating func append(_ text: StaticString) {
    // SAFETY: a StaticString lives for ever and knows its length.
    unsafe append(
      contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  /// Appends a number in decimal digits.
  package mutating func append(decimal value: UInt64) {
    let first = count
    var rest = value
    repeat {
      append(48 + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    var low = first
    var high = count - 1
    while low < high {
      swapAt(low, high)
      low += 1
      high -= 1
    }
  }
}

/// Base64 as PEM and key files have it, RFC 4648 §4.
package enum Base64 {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let pad = UInt8(ascii: "=")

  /// One line, padded.
  package static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
      let left = bytes.count - index
      let second = left > 1 ? bytes[index + 1] : 0
      let third = left > 2 ? bytes[index + 2] : 0
      let group = UInt32(bytes[index]) << 16 | UInt32(second) << 8 | UInt32(third)
      text.append(alphabet[Int(group >> 18 & 63)])
      text.append(alphabet[Int(group >> 12 & 63)])
      text.append(left > 1 ? alphabet[Int(group >> 6 & 63)] : pad)
      text.append(left > 2 ? alphabet[Int(group & 63)] : pad)
      index += 3
    }
    return text
  }

  /// The bytes, or `nil` where the text is not Base64.
  ///
  /// White space is passed over. Padding is required, and bits that stand for nothing must be zero,
  /// so that one value has one text.
  package static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var group: UInt32 = 0
    var digits = 0
    var pads = 0
    for byte in text {
      if byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { continue }
      if byte == pad {
        pads += 1
        continue
      }
      guard pads == 0, let digit = value(byte) else { return nil }
      group = group << 6 | UInt32(digit)
      digits += 1
      guard digits == 4 else { continue }
      bytes.append(UInt8(group >> 16 & 255))
      bytes.append(UInt8(group >> 8 & 255))
      bytes.append(UInt8(group & 255))
      (group, digits) = (0, 0)
    }
    switch (digits, pads) {
    case (0, 0): return bytes
    case (2, 2) where group & 15 == 0: return bytes + [UInt8(group >> 4)]
    case (3, 1) where group & 3 == 0: return bytes + [UInt8(group >> 10), UInt8(group >> 2 & 255)]
    default: return nil
    }
  }

  private static func value(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

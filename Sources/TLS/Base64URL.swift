/// Base64 as JSON Web Signatures have it: RFC 4648 §5 without padding, RFC 7515 §2.
package enum Base64URL {
  package static func encode(_ bytes: [UInt8]) -> String {
    var text = Base64.encode(bytes)
    while text.last == UInt8(ascii: "=") { text.removeLast() }
    for index in text.indices {
      switch text[index] {
      case UInt8(ascii: "+"): text[index] = UInt8(ascii: "-")
      case UInt8(ascii: "/"): text[index] = UInt8(ascii: "_")
      default: continue
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes, or `nil` where the text is not what `encode` makes: it has padding, white space or
  /// characters of the other alphabet, or bits that stand for nothing are set.
  package static func decode(_ text: String) -> [UInt8]? {
    var plain: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "-"): plain.append(UInt8(ascii: "+"))
      case UInt8(ascii: "_"): plain.append(UInt8(ascii: "/"))
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        plain.append(byte)
      default: return nil
      }
    }
    while !plain.count.isMultiple(of: 4) { plain.append(UInt8(ascii: "=")) }
    return Base64.decode(plain)
  }
}

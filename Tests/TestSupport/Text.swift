/// Bytes as text, one character per octet, so that different bytes never look the same.
package func text(_ bytes: borrowing Span<UInt8>) -> String {
  var encoded: [UInt8] = []
  encoded.reserveCapacity(bytes.count)
  for index in bytes.indices {
    let byte = bytes[index]
    if byte < 0x80 {
      encoded.append(byte)
    } else {
      encoded.append(0xc0 | byte >> 6)
      encoded.append(0x80 | byte & 0x3f)
    }
  }
  return String(decoding: encoded, as: UTF8.self)
}

/// The octets of text whose characters are U+0000 to U+00FF; others become `?`.
package func octets(_ text: String) -> [UInt8] {
  text.unicodeScalars.map { UInt8(exactly: $0.value) ?? UInt8(ascii: "?") }
}

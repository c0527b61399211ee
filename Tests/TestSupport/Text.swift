/// Bytes as text, one character per octet, so that different bytes never look the same.
package func text(_ bytes: borrowing Span<UInt8>) -> String {
  var scalars = String.UnicodeScalarView()
  for index in bytes.indices { scalars.append(Unicode.Scalar(bytes[index])) }
  return String(scalars)
}

/// The octets of text whose characters are U+0000 to U+00FF; others become `?`.
package func octets(_ text: String) -> [UInt8] {
  text.unicodeScalars.map { UInt8(exactly: $0.value) ?? UInt8(ascii: "?") }
}

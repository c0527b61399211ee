internal import HTTPCore

/// What strangers send is written so that it can neither end a line or a string nor move a terminal.
extension TextBuffer {
  /// The inside of a JSON string, RFC 8259 §7, for any bytes.
  ///
  /// Control characters, those of C1 included, are escaped. A byte that is not part of well-formed
  /// UTF-8 is written as the character of that number, so that the line is always valid JSON.
  mutating func append(json bytes: borrowing Span<UInt8>) {
    var index = 0
    while index < bytes.count {
      let start = index
      while index < bytes.count, Self.isPlain(bytes[index]) { index += 1 }
      if index > start { append(bytes.extracting(start..<index)) }
      guard index < bytes.count else { return }
      let length = Self.scalarLength(bytes, at: index)
      if length > 1 {
        append(bytes.extracting(index..<index + length))
        index += length
      } else {
        let isC1 = length < 0
        append(jsonEscape: isC1 ? bytes[index + 1] : bytes[index])
        index += isC1 ? 2 : 1
      }
    }
  }

  /// The inside of a quoted item of an Apache log: `\xhh` for all that does not print, as its
  /// `ap_escape_logitem` does.
  mutating func append(apache bytes: borrowing Span<UInt8>) {
    var index = 0
    while index < bytes.count {
      let start = index
      while index < bytes.count, Self.isPlain(bytes[index]) { index += 1 }
      if index > start { append(bytes.extracting(start..<index)) }
      guard index < bytes.count else { return }
      let byte = bytes[index]
      index += 1
      append(UInt8(ascii: "\\"))
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
      case 0x08: append(UInt8(ascii: "b"))
      case 0x09: append(UInt8(ascii: "t"))
      case 0x0a: append(UInt8(ascii: "n"))
      case 0x0b: append(UInt8(ascii: "v"))
      case 0x0d: append(UInt8(ascii: "r"))
      default:
        append(UInt8(ascii: "x"))
        append(hexadecimal: byte)
      }
    }
  }

  /// The same where no quotation marks are around: a space would end the item, so it is `\x20`.
  mutating func append(apacheWord bytes: borrowing Span<UInt8>) {
    var start = 0
    for index in 0..<bytes.count where bytes[index] == UInt8(ascii: " ") {
      append(apache: bytes.extracting(start..<index))
      append("\\x20")
      start = index + 1
    }
    append(apache: bytes.extracting(start..<bytes.count))
  }

  /// Text between two tags or in a quoted attribute of HTML.
  ///
  /// A byte that is not ASCII, or does not print, is shown as `?`: the pages say nothing about
  /// encodings that a client could turn against them.
  mutating func append(html bytes: borrowing Span<UInt8>) {
    for index in 0..<bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "&"): append("&amp;")
      case UInt8(ascii: "<"): append("&lt;")
      case UInt8(ascii: ">"): append("&gt;")
      case UInt8(ascii: "\""): append("&quot;")
      case UInt8(ascii: "'"): append("&#39;")
      case 0x20..<0x7f: append(bytes[index])
      default: append(UInt8(ascii: "?"))
      }
    }
  }

  /// A name between two tags of a page in UTF-8.
  ///
  /// A byte that is no part of well-formed UTF-8 is shown as `?`, and so are control characters and
  /// the marks that change the direction of writing, which make one name look like another.
  mutating func append(htmlName bytes: borrowing Span<UInt8>) {
    var index = 0
    while index < bytes.count {
      let length = Self.scalarLength(bytes, at: index)
      let end = index + abs(length)
      if length > 1, !Self.changesDirection(bytes.extracting(index..<end)) {
        append(bytes.extracting(index..<end))
      } else if length == 1 {
        append(html: bytes.extracting(index..<end))
      } else {
        append(UInt8(ascii: "?"))
      }
      index = end
    }
  }

  /// U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069, Unicode annex 9.
  private static func changesDirection(_ scalar: borrowing Span<UInt8>) -> Bool {
    if scalar.count == 2 { return scalar[0] == 0xd8 && scalar[1] == 0x9c }
    guard scalar.count == 3, scalar[0] == 0xe2 else { return false }
    switch (scalar[1], scalar[2]) {
    case (0x80, 0x8e...0x8f), (0x80, 0xaa...0xae), (0x81, 0xa6...0xa9): return true
    default: return false
    }
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte &- 0x20 < 0x5f && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private mutating func append(jsonEscape byte: UInt8) {
    append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0a: append(UInt8(ascii: "n"))
    case 0x0c: append(UInt8(ascii: "f"))
    case 0x0d: append(UInt8(ascii: "r"))
    default:
      append("u00")
      append(hexadecimal: byte)
    }
  }

  private mutating func append(hexadecimal byte: UInt8) {
    append(ASCII.digit(byte >> 4))
    append(ASCII.digit(byte & 15))
  }

  /// Bytes of the well-formed sequence that begins here (Unicode, table 3-7): 2 to 4, or 1 for what
  /// has to be escaped by itself, or -2 for a control character of C1.
  private static func scalarLength(_ bytes: borrowing Span<UInt8>, at index: Int) -> Int {
    let first = bytes[index]
    let length =
      switch first {
      case 0xc2...0xdf: 2
      case 0xe0...0xef: 3
      case 0xf0...0xf4: 4
      default: 1
      }
    guard length > 1, index + length <= bytes.count else { return 1 }
    let second = bytes[index + 1]
    let allowed: ClosedRange<UInt8> =
      switch first {
      case 0xe0: 0xa0...0xbf
      case 0xed: 0x80...0x9f
      case 0xf0: 0x90...0xbf
      case 0xf4: 0x80...0x8f
      default: 0x80...0xbf
      }
    guard allowed.contains(second) else { return 1 }
    for place in index + 2..<index + length where bytes[place] & 0xc0 != 0x80 { return 1 }
    return first == 0xc2 && second < 0xa0 ? -2 : length
  }
}

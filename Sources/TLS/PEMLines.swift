/// PEM text with the marks of editors, mails and other systems taken off.
///
/// OpenSSL skips a block whose first line is not exactly as it expects: behind a byte order mark, behind
/// blanks, or in a text whose lines end with CR alone.
enum PEMLines {
  private static let byteOrderMark: [UInt8] = [0xef, 0xbb, 0xbf]

  /// The same text without a byte order mark and without blanks before a line; lines end with LF.
  static func plain(_ text: [UInt8]) -> [UInt8] {
    var rest = text[...]
    if rest.starts(with: byteOrderMark) { rest = rest.dropFirst(byteOrderMark.count) }
    var plain: [UInt8] = []
    plain.reserveCapacity(rest.count + 1)
    var isAtStart = true
    /// Ends of line that count only where no LF follows: an end may be CR, CR LF, or CR CR LF.
    var returns = 0
    for byte in rest {
      if byte == 0x0d {
        returns += 1
        continue
      }
      if returns > 0 {
        if byte != 0x0a { plain.append(contentsOf: repeatElement(0x0a, count: returns)) }
        returns = 0
        isAtStart = true
      }
      if isAtStart, byte == 0x20 || byte == 0x09 { continue }
      plain.append(byte)
      isAtStart = byte == 0x0a
    }
    if returns > 0 { plain.append(0x0a) }
    return plain
  }
}

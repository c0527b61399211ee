internal import DNSCore
internal import HTTPCore

/// Records and answers as zone files and dig have them.
enum RecordText {
  /// One record in one line, RFC 1035 §5.1, and RFC 3597 §5 for types that are not read here.
  static func line(_ record: DNSRecord) -> String {
    "\(record.name.absolute) \(record.seconds) IN \(record.type) \(value(record))"
  }

  private static func value(_ record: DNSRecord) -> String {
    switch record.data {
    case .ipv4, .ipv6: return record.address?.string ?? ""
    case .nameServer(let name), .alias(let name): return name.absolute
    case .authority(let authority):
      return "\(authority.primary.absolute) \(authority.mailbox.absolute) \(authority.serial)"
        + " \(authority.refresh) \(authority.retry) \(authority.expire) \(authority.minimum)"
    case .text(let strings): return strings.map(quoted).joined(separator: " ")
    case .other(_, let bytes):
      let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      return bytes.isEmpty ? "\\# 0" : "\\# \(bytes.count) \(digits)"
    }
  }

  /// A string of a TXT record; nothing of it can move a cursor.
  private static func quoted(_ bytes: [UInt8]) -> String {
    var text = "\""
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += "\\\(Unicode.Scalar(byte))"
      case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte)
        text += "\\" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits
      }
    }
    return text + "\""
  }

  /// The code of an answer, its flags, and its records.
  static func lines(_ answer: DNSMessage) -> [String] {
    var flags = "\(answer.code)"
    if answer.isAuthoritative { flags += ", authoritative" }
    if answer.isTruncated { flags += ", cut short" }
    return [flags] + answer.answers.map(line)
      + (answer.answers.isEmpty ? answer.authorities.map { "authority: \(line($0))" } : [])
  }

  /// The type of a word such as `AAAA` or `TYPE257`; `nil` for others.
  static func type(_ word: String) -> DNSType? {
    let word = word.uppercased()
    if let known = types.first(where: { "\($0)" == word }) { return known }
    guard word.hasPrefix("TYPE"), let number = UInt16(word.dropFirst(4)) else { return nil }
    return DNSType(rawValue: number)
  }

  static let types: [DNSType] = [
    .ipv4, .ipv6, .nameServer, .authority, .text, .alias, .any,
  ]
}

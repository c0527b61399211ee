/// Writes a message; a name that ends as an earlier one leads there, RFC 1035 §4.1.4.
struct DNSWriter {
  private(set) var bytes: [UInt8] = []
  /// Where the ends of names begin, in the case that they were written in.
  private var places: [[UInt8]: UInt16] = [:]

  /// What the 14 bits of a pointer reach.
  private static let pointerMax = 0x3fff

  mutating func append(_ number: UInt16) {
    bytes.append(UInt8(number >> 8))
    bytes.append(UInt8(truncatingIfNeeded: number))
  }

  mutating func append(_ number: UInt32) {
    append(UInt16(number >> 16))
    append(UInt16(truncatingIfNeeded: number))
  }

  mutating func append(_ content: [UInt8]) { bytes += content }

  mutating func append(_ name: DNSName) {
    var rest = name.wire[...]
    while let length = rest.first, length > 0 {
      let end = Array(rest)
      if let place = places[end] { return append(0xc000 | place) }
      if bytes.count <= Self.pointerMax { places[end] = UInt16(truncatingIfNeeded: bytes.count) }
      bytes += rest.prefix(Int(length) + 1)
      rest = rest.dropFirst(Int(length) + 1)
    }
    bytes.append(0)
  }

  mutating func append(_ question: DNSQuestion) {
    append(question.name)
    append(question.type.rawValue)
    append(question.domain.rawValue)
  }

  mutating func append(_ record: DNSRecord) throws(DNSMessageError) {
    append(record.name)
    append(record.type.rawValue)
    append(record.domain.rawValue)
    append(record.seconds)
    let place = bytes.count
    append(UInt16(0))
    try append(record.data)
    guard let length = UInt16(exactly: bytes.count - place - 2) else { throw .tooLarge }
    bytes[place] = UInt8(length >> 8)
    bytes[place + 1] = UInt8(truncatingIfNeeded: length)
  }

  private mutating func append(_ data: DNSRecord.Data) throws(DNSMessageError) {
    switch data {
    case .ipv4(let address), .ipv6(let address): bytes += address
    case .nameServer(let name), .alias(let name): append(name)
    case .authority(let authority):
      append(authority.primary)
      append(authority.mailbox)
      for number in [
        authority.serial, authority.refresh, authority.retry, authority.expire, authority.minimum,
      ] { append(number) }
    case .text(let strings):
      for string in strings {
        guard let length = UInt8(exactly: string.count) else { throw .record(.text) }
        bytes.append(length)
        bytes += string
      }
    case .other(_, let content): bytes += content
    }
  }
}

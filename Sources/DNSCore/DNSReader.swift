/// Reads a message from its beginning; what is not there is an error, never a trap.
struct DNSReader {
  let bytes: [UInt8]
  private(set) var place = 0

  /// How often one name may lead elsewhere; more than a name can have labels.
  private static let pointersMax = 128

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isAtEnd: Bool { place >= bytes.count }

  mutating func bytes(_ count: Int) throws(DNSMessageError) -> [UInt8] {
    guard count >= 0, count <= bytes.count - place else { throw .truncated }
    let part = bytes[place..<(place + count)]
    place += count
    return Array(part)
  }

  mutating func byte() throws(DNSMessageError) -> UInt8 {
    guard place < bytes.count else { throw .truncated }
    defer { place += 1 }
    return bytes[place]
  }

  mutating func number16() throws(DNSMessageError) -> UInt16 {
    UInt16(try byte()) << 8 | UInt16(try byte())
  }

  mutating func number32() throws(DNSMessageError) -> UInt32 {
    UInt32(try number16()) << 16 | UInt32(try number16())
  }

  /// A name, of which a part may be elsewhere, RFC 1035 §4.1.4.
  ///
  /// A pointer leads before everything that was read of the name so far, so names cannot go in circles.
  mutating func name() throws(DNSMessageError) -> DNSName {
    var wire: [UInt8] = []
    var part = place
    var end: Int?
    var pointers = 0
    var reading = place
    while reading < bytes.count {
      let length = bytes[reading]
      switch length {
      case 0:
        place = end ?? reading + 1
        return DNSName(checked: wire + [0])
      case 1...63:
        let next = reading + 1 + Int(length)
        guard next <= bytes.count else { throw .truncated }
        // The 0 at its end needs a byte too.
        guard wire.count + Int(length) + 2 <= DNSName.bytesMax else { throw .nameTooLong }
        wire += bytes[reading..<next]
        reading = next
      case 0xc0...0xff:
        guard reading + 1 < bytes.count else { throw .truncated }
        let target = Int(length & 0x3f) << 8 | Int(bytes[reading + 1])
        pointers += 1
        guard target < part, pointers <= Self.pointersMax else { throw .pointer }
        if end == nil { end = reading + 2 }
        (part, reading) = (target, target)
      default: throw .label
      }
    }
    throw .truncated
  }

  mutating func question() throws(DNSMessageError) -> DNSQuestion {
    DNSQuestion(
      name: try name(), type: DNSType(rawValue: try number16()),
      domain: DNSClass(rawValue: try number16()))
  }

  mutating func record() throws(DNSMessageError) -> DNSRecord {
    let name = try name()
    let type = DNSType(rawValue: try number16())
    let domain = DNSClass(rawValue: try number16())
    let seconds = try number32()
    let length = Int(try number16())
    guard length <= bytes.count - place else { throw .truncated }
    let end = place + length
    let data = try data(type, end: end)
    guard place == end else { throw .record(type) }
    return DNSRecord(name: name, domain: domain, seconds: seconds, data: data)
  }

  /// What a record of a type says, up to `end`, which is within the message.
  private mutating func data(
    _ type: DNSType, end: Int
  ) throws(DNSMessageError) -> DNSRecord.Data {
    let count = end - place
    // Updates name records without saying what is in them, RFC 2136 §2.5.2.
    guard count > 0 else { return .other(type, []) }
    switch type {
    case .ipv4 where count == 4: return .ipv4(try bytes(count))
    case .ipv6 where count == 16: return .ipv6(try bytes(count))
    case .ipv4, .ipv6: throw .record(type)
    case .nameServer: return .nameServer(try name())
    case .alias: return .alias(try name())
    case .authority:
      return .authority(
        DNSAuthority(
          primary: try name(), mailbox: try name(), serial: try number32(),
          refresh: try number32(), retry: try number32(), expire: try number32(),
          minimum: try number32()))
    case .text:
      var strings: [[UInt8]] = []
      while place < end { strings.append(try bytes(Int(try byte()))) }
      return .text(strings)
    default: return .other(type, try bytes(count))
    }
  }
}

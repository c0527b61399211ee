import DNSCore
import HTTPCore
import TestSupport
import Testing

@testable import EdgeProxy

/// A zone of two servers, and what clients ask it.
struct ZoneFixture {
  var content: ZoneContent

  init() throws {
    let zone = try #require(DNSName("fleet.example.org"))
    let first = [IPAddress(ipv4: 0xcb00_7101), IPAddress(high: 0x2001_0db8 << 32, low: 1)]
    let second = [IPAddress(ipv4: 0xcb00_7102)]
    content = ZoneContent(
      zone: zone,
      servers: [
        ZoneContent.NameServer(number: 1, addresses: first),
        ZoneContent.NameServer(number: 3, addresses: second),
      ], living: first + second, texts: [:], wanted: [], seconds: 10, serial: 7)
    content.texts = [
      try #require(DNSName("example.org")): [octets("one"), octets("two")],
      try #require(DNSName("deep.under.example.net")): [octets("three")],
      try #require(DNSName("all.Fleet.example.org")): [octets("four")],
    ]
    content.wanted = [try #require(DNSName("later.example.com"))]
  }

  /// A question in the form of the wire; `size` is what EDNS says, `nil` for none.
  static func query(
    _ name: String, _ type: DNSType, _ domain: DNSClass = .internet, size: UInt16? = 1232
  ) throws -> [UInt8] {
    var message = DNSMessage(id: 0x1234)
    message.questions = [
      DNSQuestion(name: try #require(DNSName(name)), type: type, domain: domain)
    ]
    if let size {
      message.additionals = [
        DNSRecord(
          name: .root, domain: DNSClass(rawValue: size), seconds: 0, data: .other(.options, []))
      ]
    }
    return try message.encoded()
  }

  func answer(
    _ name: String, _ type: DNSType, _ domain: DNSClass = .internet, size: UInt16? = 1232,
    over carrier: DNSCarrier = .udp, turn: Int = 0
  ) throws -> DNSMessage {
    let query = try Self.query(name, type, domain, size: size)
    var out: [UInt8] = []
    _ = ZoneAnswers(content).answer(query.span, over: carrier, turn: turn, into: &out)
    return try DNSMessage(decoding: out)
  }

  /// The code of an answer, `aa` where it is the zone's own word, and its records in order.
  static func said(_ answer: DNSMessage) -> [String] {
    let head = answer.code.description + (answer.isAuthoritative ? " aa" : "")
    let records = answer.answers.map { "\($0.seconds) \($0.type) \(said($0.data))" }
    return [head] + records.sorted() + answer.authorities.map { "\($0.seconds) \($0.type)" }
  }

  private static func said(_ data: DNSRecord.Data) -> String {
    switch data {
    case .ipv4(let bytes), .ipv6(let bytes):
      IPAddress(octets: bytes.span).map { text($0.text.span) } ?? ""
    case .nameServer(let name), .alias(let name): "\(name)"
    case .authority(let zone): "\(zone.primary) \(zone.mailbox) \(zone.serial) \(zone.minimum)"
    case .text(let strings): strings.map { text($0.span) }.joined(separator: " ")
    case .other(_, let content): text(content.span)
    }
  }
}
